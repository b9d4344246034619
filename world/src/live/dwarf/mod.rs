//! Debug data (DWARF 2 to 5, read by gimli) as types and signatures of the type table.
//!
//! `TypeTable::add_dwarf` indexes the names of one object; nothing else is read until somebody asks for a name. The
//! kernel's debug data (KERNEL_DEBUG) is indexed at the first question that needs it. A structure that many units repeat
//! becomes one record: equal tag, size and field offsets mean the same type.
//! Here: what there is, and questions; index.rs: names of an object; convert.rs: entries as types.
//! Left out: bodies of Rust's enums with data (they have their size and no fields), C++.

mod convert;
mod index;

use super::elf::Object;
use super::types::{Language, Name, Symbol, Tag, TypeId, TypeTable};
use gimli::{AttributeValue as Value, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, SectionId, Unit, UnitOffset};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// The kernel's debug sections, on the image.
pub const KERNEL_DEBUG: &str = "/usr/lib/polyglot/kernel.debug";
/// The kernel's number among modules.
pub const KERNEL: u64 = 0;

pub(super) type Slice = EndianSlice<'static, LittleEndian>;
pub(super) type Entry = DebuggingInformationEntry<Slice>;

/// A place in one object's debug data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    module: u64,
    /// Which object of the module: an archive has several.
    part: u32,
    unit: u32,
    offset: usize,
}

/// One object's debug data.
pub(super) struct Debug {
    pub(super) dwarf: Dwarf<Slice>,
    pub(super) units: Vec<Unit<Slice>>,
    module: u64,
    part: u32,
    /// Symbols' addresses in the debug data, for lines.
    pub(super) addresses: FxHashMap<String, u64>,
    /// What the object refers to and others define: debug data may have a signature of it, too.
    undefined: FxHashSet<String>,
    /// What `dwarf` reads; last, so that it goes last.
    _sections: Vec<Box<[u8]>>,
}

/// Indexes of all debug data there is: what has not become types yet.
#[derive(Default)]
pub struct Pool {
    /// Of each module, an object each.
    debugs: FxHashMap<u64, Vec<Arc<Debug>>>,
    memo: FxHashMap<Place, TypeId>,
    tags: FxHashMap<(Tag, String), Place>,
    typedefs: FxHashMap<String, Place>,
    constants: FxHashMap<String, Place>,
    symbols: FxHashMap<String, Place>,
    kernel_asked: bool,
    /// What was wrong with the kernel's debug data, for messages.
    pub kernel_error: Option<String>,
}

impl Debug {
    fn parse(module: u64, part: u32, object: &Object) -> Result<Self, String> {
        let mut sections: Vec<Box<[u8]>> = Vec::new();
        let dwarf = Dwarf::load(|id: SectionId| -> Result<Slice, gimli::Error> {
            let data = object.relocated(id.name()).into_boxed_slice();
            // SAFETY: the bytes are on the heap, never changed, and live in `_sections` as long as this Debug, which
            // hands out no slice beyond its own life: names are copied.
            let slice: &'static [u8] = unsafe { std::slice::from_raw_parts(data.as_ptr(), data.len()) };
            sections.push(data);
            Ok(EndianSlice::new(slice, LittleEndian))
        });
        let dwarf = dwarf.map_err(|error| error.to_string())?;
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().map_err(|error| error.to_string())? {
            units.push(dwarf.unit(header).map_err(|error| error.to_string())?);
        }
        let named = object.symbols.iter().filter(|symbol| !symbol.name.is_empty());
        let (defined, undefined): (Vec<_>, Vec<_>) = named.partition(|symbol| symbol.section != 0);
        let addresses = if module == KERNEL {
            FxHashMap::default()
        } else {
            defined.into_iter().filter_map(|symbol| Some((symbol.name.to_string(), object.debug_address(&symbol.name)?))).collect()
        };
        let undefined = undefined.into_iter().map(|symbol| symbol.name.to_string()).collect();
        Ok(Self { dwarf, units, module, part, addresses, undefined, _sections: sections })
    }

    fn place(&self, unit: u32, offset: UnitOffset) -> Place {
        Place { module: self.module, part: self.part, unit, offset: offset.0 }
    }

    pub(super) fn entry(&self, unit: u32, offset: UnitOffset) -> Option<Entry> {
        self.units[unit as usize].entry(offset).ok()
    }

    pub(super) fn text(&self, unit: u32, entry: &Entry, name: gimli::DwAt) -> Option<&'static str> {
        let value = entry.attr_value(name)?;
        self.dwarf.attr_string(&self.units[unit as usize], value).ok()?.slice_str()
    }

    fn number(&self, entry: &Entry, name: gimli::DwAt) -> Option<u64> {
        entry.attr(name)?.udata_value()
    }

    /// What an attribute of class reference points to.
    pub(super) fn reference(&self, unit: u32, entry: &Entry, name: gimli::DwAt) -> Option<(u32, UnitOffset)> {
        match entry.attr_value(name)? {
            Value::UnitRef(offset) => Some((unit, offset)),
            Value::DebugInfoRef(offset) => {
                let at = self.units.partition_point(|unit| unit.header.debug_info_offset().is_some_and(|start| start.0 <= offset.0));
                let unit = at.checked_sub(1)?;
                Some((unit as u32, offset.to_unit_offset(&self.units[unit].header)?))
            }
            _ => None,
        }
    }

    /// The name as C sees it, through what an out-of-line instance refers to.
    pub(super) fn name(&self, unit: u32, entry: &Entry) -> Option<&'static str> {
        for name in [gimli::DW_AT_linkage_name, gimli::DW_AT_name] {
            if let Some(text) = self.text(unit, entry, name) {
                return Some(text);
            }
        }
        let (unit, offset) = self.origin(unit, entry)?;
        let entry = self.entry(unit, offset)?;
        self.text(unit, &entry, gimli::DW_AT_linkage_name).or_else(|| self.text(unit, &entry, gimli::DW_AT_name))
    }

    pub(super) fn origin(&self, unit: u32, entry: &Entry) -> Option<(u32, UnitOffset)> {
        self.reference(unit, entry, gimli::DW_AT_abstract_origin)
            .or_else(|| self.reference(unit, entry, gimli::DW_AT_specification))
    }

    pub(super) fn language(&self, unit: u32) -> Language {
        let root = self.units[unit as usize].entry(self.units[unit as usize].header.root_offset());
        match root.ok().and_then(|root| root.attr_value(gimli::DW_AT_language)) {
            Some(Value::Language(gimli::DW_LANG_C | gimli::DW_LANG_C89 | gimli::DW_LANG_C99 | gimli::DW_LANG_C11)) => self.zig_or_c(unit),
            Some(Value::Language(gimli::DW_LANG_Rust)) => Language::Rust,
            Some(Value::Language(gimli::DwLang(0x27))) => Language::Zig,
            Some(Value::Language(gimli::DW_LANG_Mips_Assembler)) => Language::Assembly,
            _ => self.zig_or_c(unit),
        }
    }

    /// Zig says that it is C.
    fn zig_or_c(&self, unit: u32) -> Language {
        let unit = &self.units[unit as usize];
        let Some(root) = unit.entry(unit.header.root_offset()).ok() else { return Language::Other };
        let producer = root.attr_value(gimli::DW_AT_producer).and_then(|value| self.dwarf.attr_string(unit, value).ok());
        let producer = producer.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        if producer.starts_with("zig ") { Language::Zig } else { Language::C }
    }

    pub(super) fn unit_name(&self, unit: u32) -> String {
        self.units[unit as usize].name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn file(&self, unit: u32, index: u64) -> Option<String> {
        let unit = &self.units[unit as usize];
        let header = unit.line_program.as_ref()?.header();
        super::lines::file_name(&self.dwarf, unit, header, index)
    }
}

trait SliceText {
    fn slice_str(self) -> Option<&'static str>;
}
impl SliceText for Slice {
    fn slice_str(self) -> Option<&'static str> {
        std::str::from_utf8(self.slice()).ok()
    }
}

/// A name that C takes: what it cannot say becomes "_".
fn identifier(name: &str) -> Name {
    let mut text: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text.as_str().into()
}

impl TypeTable {
    /// Indexes the debug data of an object that was loaded as `module`; of an archive's members, one after the other. Its names mean
    /// its types from now on. Returns how many names there were. Err: what is wrong with the data.
    pub fn add_dwarf(&mut self, module: u64, bytes: &[u8]) -> Result<usize, String> {
        let object = Object::parse(bytes)?;
        let debug = Arc::new(Debug::parse(module, self.debugs(module).len() as u32, &object)?);
        let count = self.index(&debug);
        self.pool.debugs.entry(module).or_default().push(debug);
        super::control::note_change();
        Ok(count)
    }

    /// What came from the module's debug data and has not become a type goes.
    pub fn remove_dwarf(&mut self, module: u64) {
        let pool = &mut self.pool;
        if pool.debugs.remove(&module).is_none() {
            return; // what tcc compiles has none
        }
        pool.memo.retain(|place, _| place.module != module);
        pool.tags.retain(|_, place| place.module != module);
        pool.typedefs.retain(|_, place| place.module != module);
        pool.constants.retain(|_, place| place.module != module);
        pool.symbols.retain(|_, place| place.module != module);
        super::control::note_change();
    }

    /// Reads the kernel's debug data once. False: there is none.
    pub fn need_kernel(&mut self) -> bool {
        if !self.pool.kernel_asked {
            self.pool.kernel_asked = true;
            let read = std::fs::read(KERNEL_DEBUG).map_err(|error| error.to_string());
            if let Err(error) = read.and_then(|bytes| self.add_dwarf(KERNEL, &bytes)) {
                self.pool.kernel_error = Some(format!("{KERNEL_DEBUG}: {error}"));
            }
        }
        self.pool.debugs.contains_key(&KERNEL)
    }

    /// Takes the kernel's debug data from memory, for tests.
    pub fn set_kernel(&mut self, bytes: &[u8]) -> Result<usize, String> {
        self.pool.kernel_asked = true;
        self.remove_dwarf(KERNEL);
        self.add_dwarf(KERNEL, bytes)
    }

    /// Debug data of a module's objects.
    pub(super) fn debugs(&self, module: u64) -> &[Arc<Debug>] {
        self.pool.debugs.get(&module).map_or(&[], Vec::as_slice)
    }

    fn debug_of(&self, place: Place) -> Option<Arc<Debug>> {
        self.debugs(place.module).get(place.part as usize).cloned()
    }

    pub(super) fn load_symbol(&mut self, name: &str) -> Option<Symbol> {
        if !self.pool.symbols.contains_key(name) {
            self.need_kernel();
        }
        let place = *self.pool.symbols.get(name)?;
        let debug = self.debug_of(place)?;
        self.convert_symbol(&debug, place, name)
    }

    pub(super) fn load_tag(&mut self, tag: Tag, name: &str) -> Option<TypeId> {
        let key = (tag, name.to_owned());
        if !self.pool.tags.contains_key(&key) {
            self.need_kernel();
        }
        let place = *self.pool.tags.get(&key)?;
        let debug = self.debug_of(place)?;
        Some(self.convert(&debug, place.unit, UnitOffset(place.offset)))
    }

    pub(super) fn load_typedef(&mut self, name: &str) -> Option<TypeId> {
        if !self.pool.typedefs.contains_key(name) {
            self.need_kernel();
        }
        let place = *self.pool.typedefs.get(name)?;
        let debug = self.debug_of(place)?;
        Some(self.convert(&debug, place.unit, UnitOffset(place.offset)))
    }

    pub(super) fn load_constant(&mut self, name: &str) -> Option<(i128, TypeId)> {
        if !self.pool.constants.contains_key(name) {
            self.need_kernel();
        }
        let place = *self.pool.constants.get(name)?;
        let debug = self.debug_of(place)?;
        let id = self.convert(&debug, place.unit, UnitOffset(place.offset));
        let values = &self.enumeration(id)?.values;
        let (name, value) = values.iter().find(|(own, _)| &**own == name)?.clone();
        self.constants.insert(name, (value, id));
        Some((value, id))
    }

    pub(super) fn indexed_type_names(&mut self, prefix: &str) -> Vec<String> {
        self.need_kernel();
        let tags = self.pool.tags.keys().filter(|(_, name)| name.starts_with(prefix));
        let tags = tags.map(|(tag, name)| format!("{} {name}", tag.keyword()));
        tags.chain(self.pool.typedefs.keys().filter(|name| name.starts_with(prefix)).cloned()).collect()
    }

    /// "file.c:name" of a static of the kernel that goes by its short name.
    pub(super) fn local_name(&self, name: &str) -> Option<String> {
        let place = self.pool.symbols.get(name)?;
        if name.contains(':') {
            return Some(name.to_owned());
        }
        let debug = self.debug_of(*place)?;
        Some(format!("{}:{name}", debug.unit_name(place.unit)))
    }

    /// Functions of the kernel that contain an inlined copy of a function: (name, file) of each.
    pub fn inlined_into(&mut self, name: &str) -> Vec<(String, String)> {
        let Some(debug) = self.need_kernel().then(|| self.debugs(KERNEL).first().cloned()).flatten() else { return Vec::new() };
        let short = name.rsplit(':').next().unwrap_or(name);
        let mut found = Vec::new();
        for unit in 0..debug.units.len() as u32 {
            let Ok(mut entries) = debug.units[unit as usize].entries_raw(None) else { continue };
            let (mut entry, mut inside) = (Entry::null(), (isize::MAX, String::new()));
            while !entries.is_empty() {
                let depth = entries.next_depth();
                let Ok(is_entry) = entries.read_entry(&mut entry) else { break };
                if !is_entry {
                    continue;
                }
                if entry.tag() == gimli::DW_TAG_subprogram {
                    inside = (depth, debug.name(unit, &entry).unwrap_or("").to_owned());
                } else if entry.tag() == gimli::DW_TAG_inlined_subroutine && depth > inside.0 && debug.name(unit, &entry) == Some(short) {
                    found.push((inside.1.clone(), debug.unit_name(unit)));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}
