//! Debug data (DWARF 2 to 5, read by gimli) as types and signatures of the type table.
//!
//! `TypeTable::add_dwarf` indexes the names of one object; nothing else is read until somebody asks for a name. The
//! kernel's debug data (KERNEL_DEBUG) is indexed at the first question that needs it. A structure that many units repeat
//! becomes one record: equal tag, size and field offsets mean the same type.
//! Left out: bodies of Rust's enums with data (they have their size and no fields), C++.

use super::elf::Object;
use super::types::{Enumeration, Field, Language, Name, Record, Symbol, Tag, Type, TypeId, TypeTable};
use gimli::{AttributeValue as Value, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, Reader, SectionId, Unit, UnitOffset};
use std::collections::{HashMap, HashSet};
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
    pub(super) addresses: HashMap<String, u64>,
    /// What the object refers to and others define: debug data may have a signature of it, too.
    undefined: HashSet<String>,
    /// What `dwarf` reads; last, so that it goes last.
    _sections: Vec<Box<[u8]>>,
}

/// Indexes of all debug data there is: what has not become types yet.
#[derive(Default)]
pub struct Pool {
    /// Of each module, an object each.
    debugs: HashMap<u64, Vec<Arc<Debug>>>,
    memo: HashMap<Place, TypeId>,
    tags: HashMap<(Tag, String), Place>,
    typedefs: HashMap<String, Place>,
    constants: HashMap<String, Place>,
    symbols: HashMap<String, Place>,
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
            HashMap::new()
        } else {
            defined.into_iter().filter_map(|symbol| Some((symbol.name.clone(), object.debug_address(&symbol.name)?))).collect()
        };
        let undefined = undefined.into_iter().map(|symbol| symbol.name.clone()).collect();
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

/// The C name of a base type.
fn base_name(name: &str, encoding: gimli::DwAte, size: u32, is_c: bool) -> Option<&'static str> {
    let unsigned = matches!(encoding, gimli::DW_ATE_unsigned | gimli::DW_ATE_unsigned_char | gimli::DW_ATE_UTF);
    let is_char = is_c && name.contains("char");
    Some(match (size, unsigned) {
        (1, _) if is_char && name == "char" => "char",
        (1, false) => "signed char",
        (1, true) => "unsigned char",
        (2, false) => "short",
        (2, true) => "unsigned short",
        (4, false) => "int",
        (4, true) => "unsigned int",
        (8, false) if is_c && name.matches("long").count() == 2 => "long long",
        (8, true) if is_c && name.matches("long").count() == 2 => "unsigned long long",
        (8, false) => "long",
        (8, true) => "unsigned long",
        (16, false) => "__int128",
        (16, true) => "unsigned __int128",
        _ => return None,
    })
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

    // --- the index ---

    fn index(&mut self, debug: &Debug) -> usize {
        let before = self.pool.tags.len() + self.pool.typedefs.len() + self.pool.symbols.len();
        // Equal strings of one object mostly have one address.
        let mut seen = HashSet::new();
        for unit in 0..debug.units.len() {
            let _ = self.index_unit(debug, unit as u32, &mut seen); // a damaged unit ends at its damage
        }
        self.pool.tags.len() + self.pool.typedefs.len() + self.pool.symbols.len() - before
    }

    fn index_unit(&mut self, debug: &Debug, unit: u32, seen: &mut HashSet<(u16, usize)>) -> gimli::Result<()> {
        let mut entries = debug.units[unit as usize].entries_raw(None)?;
        let mut function_depth = isize::MAX;
        let (mut enumeration, is_c) = (None, debug.language(unit) == Language::C);
        let mut entry = Entry::null();
        while !entries.is_empty() {
            let (depth, offset) = (entries.next_depth(), entries.next_offset());
            if depth > function_depth {
                if let Some(abbreviation) = entries.read_abbreviation()? {
                    entries.skip_attributes(abbreviation.attributes())?;
                }
                continue;
            }
            function_depth = isize::MAX;
            if !entries.read_entry(&mut entry)? {
                continue;
            }
            let place = debug.place(unit, offset);
            let tag = entry.tag();
            match tag {
                gimli::DW_TAG_subprogram => {
                    function_depth = depth;
                    self.index_symbol(debug, unit, &entry, place);
                }
                gimli::DW_TAG_variable => self.index_symbol(debug, unit, &entry, place),
                gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type | gimli::DW_TAG_enumeration_type | gimli::DW_TAG_typedef => {
                    let named = debug.text(unit, &entry, gimli::DW_AT_name);
                    let is_new = named.is_none_or(|name| seen.insert((tag.0, name.as_ptr() as usize)));
                    let is_complete = entry.attr(gimli::DW_AT_declaration).is_none();
                    enumeration = (tag == gimli::DW_TAG_enumeration_type && is_new && is_complete && is_c).then_some(place);
                    match named {
                        Some(name) if !is_complete => _ = seen.remove(&(tag.0, name.as_ptr() as usize)),
                        Some(name) if is_new => self.index_type(tag, name, place),
                        _ => {}
                    }
                }
                gimli::DW_TAG_enumerator => {
                    if let (Some(place), Some(name)) = (enumeration, debug.text(unit, &entry, gimli::DW_AT_name)) {
                        self.pool.constants.insert(name.to_owned(), place);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn index_type(&mut self, tag: gimli::DwTag, name: &str, place: Place) {
        let name = identifier(name);
        let tag = match tag {
            gimli::DW_TAG_structure_type => Tag::Struct,
            gimli::DW_TAG_union_type => Tag::Union,
            gimli::DW_TAG_enumeration_type => Tag::Enum,
            _ => {
                if self.pool.typedefs.get(&*name).is_none_or(|old| old.module != place.module) {
                    self.retire_typedef(&name);
                    self.pool.typedefs.insert(name.to_string(), place);
                }
                return;
            }
        };
        let key = (tag, name.to_string());
        if self.pool.tags.get(&key).is_none_or(|old| old.module != place.module) {
            self.retire_tag(tag, &name);
            self.pool.tags.insert(key, place);
        }
    }

    fn index_symbol(&mut self, debug: &Debug, unit: u32, entry: &Entry, place: Place) {
        let is_function = entry.tag() == gimli::DW_TAG_subprogram;
        let is_defined = if is_function {
            entry.attr(gimli::DW_AT_low_pc).is_some() || entry.attr(gimli::DW_AT_ranges).is_some()
        } else {
            entry.attr(gimli::DW_AT_location).is_some()
        };
        let Some(name) = is_defined.then(|| debug.name(unit, entry)).flatten().filter(|name| !debug.undefined.contains(*name)) else { return };
        let is_external = match debug.origin(unit, entry) {
            _ if entry.attr(gimli::DW_AT_external).is_some() => true,
            Some((unit, offset)) => debug.entry(unit, offset).is_some_and(|entry| entry.attr(gimli::DW_AT_external).is_some()),
            None => false,
        };
        if !is_external {
            self.pool.symbols.insert(format!("{}:{name}", debug.unit_name(unit)), place);
        }
        let known = self.pool.symbols.get(name);
        if is_external || known.is_none() {
            self.forget(name);
            self.pool.symbols.insert(name.to_owned(), place);
        }
    }

    // --- conversion ---

    fn convert_symbol(&mut self, debug: &Debug, place: Place, name: &str) -> Option<Symbol> {
        let mut unit = place.unit;
        let mut entry = debug.entry(unit, UnitOffset(place.offset))?;
        let function = entry.tag() == gimli::DW_TAG_subprogram;
        let mut external = entry.attr(gimli::DW_AT_external).is_some();
        let low_pc = entry.attr_value(gimli::DW_AT_low_pc).and_then(|value| debug.dwarf.attr_address(&debug.units[unit as usize], value).ok()?);
        // The abstract instance has the signature.
        while let Some((other, offset)) = debug.origin(unit, &entry) {
            (unit, entry) = (other, debug.entry(other, offset)?);
            external |= entry.attr(gimli::DW_AT_external).is_some();
        }
        let ty = if function {
            self.convert_function(debug, unit, &entry).ok()?
        } else {
            self.convert_attribute(debug, unit, &entry)
        };
        let file = debug.number(&entry, gimli::DW_AT_decl_file).or_else(|| match entry.attr_value(gimli::DW_AT_decl_file)? {
            Value::FileIndex(index) => Some(index),
            _ => None,
        });
        // Zig says the file of its namespaces only: the code's own lines know it, too.
        let by_code = || debug.line(low_pc?).map(|(file, _)| file);
        Some(Symbol {
            name: name.into(),
            ty,
            function,
            local: !external,
            language: debug.language(unit),
            file: file.and_then(|index| debug.file(unit, index)).or_else(by_code).unwrap_or_default().as_str().into(),
            line: debug.number(&entry, gimli::DW_AT_decl_line).unwrap_or(0) as u32,
            module: place.module,
        })
    }

    /// The type that DW_AT_type names; none is void.
    fn convert_attribute(&mut self, debug: &Debug, unit: u32, entry: &Entry) -> TypeId {
        match debug.reference(unit, entry, gimli::DW_AT_type) {
            Some((unit, offset)) => self.convert(debug, unit, offset),
            None => self.make(Type::Void),
        }
    }

    fn convert(&mut self, debug: &Debug, unit: u32, offset: UnitOffset) -> TypeId {
        let place = debug.place(unit, offset);
        if let Some(&id) = self.pool.memo.get(&place) {
            return id;
        }
        let found = match debug.entry(unit, offset) {
            Some(entry) => self.convert_entry(debug, place, &entry),
            None => None,
        };
        let id = found.unwrap_or_else(|| self.make(Type::Void));
        self.pool.memo.insert(place, id);
        id
    }

    fn convert_entry(&mut self, debug: &Debug, place: Place, entry: &Entry) -> Option<TypeId> {
        let unit = place.unit;
        let name = debug.text(unit, entry, gimli::DW_AT_name);
        Some(match entry.tag() {
            gimli::DW_TAG_base_type => self.convert_base(debug, unit, entry, name.unwrap_or("")),
            gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                let to = self.convert_attribute(debug, unit, entry);
                self.make(Type::Pointer(to))
            }
            gimli::DW_TAG_const_type => {
                let of = self.convert_attribute(debug, unit, entry);
                self.make(Type::Const(of))
            }
            gimli::DW_TAG_volatile_type => {
                let of = self.convert_attribute(debug, unit, entry);
                self.make(Type::Volatile(of))
            }
            gimli::DW_TAG_restrict_type | gimli::DW_TAG_atomic_type => self.convert_attribute(debug, unit, entry),
            gimli::DW_TAG_typedef => {
                let of = self.convert_attribute(debug, unit, entry);
                let name = identifier(name?);
                self.make(Type::Typedef { name, of })
            }
            gimli::DW_TAG_array_type => self.convert_array(debug, unit, entry),
            gimli::DW_TAG_subroutine_type | gimli::DW_TAG_subprogram => self.convert_function(debug, unit, entry).ok()?,
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => self.convert_record(debug, place, entry, Tag::Struct)?,
            gimli::DW_TAG_union_type => self.convert_record(debug, place, entry, Tag::Union)?,
            gimli::DW_TAG_enumeration_type => self.convert_enum(debug, unit, entry)?,
            _ => return None,
        })
    }

    fn convert_base(&mut self, debug: &Debug, unit: u32, entry: &Entry, name: &str) -> TypeId {
        let size = debug.number(entry, gimli::DW_AT_byte_size).unwrap_or(0) as u32;
        let encoding = match entry.attr_value(gimli::DW_AT_encoding) {
            Some(Value::Encoding(encoding)) => encoding,
            _ => gimli::DW_ATE_unsigned,
        };
        let is_c = debug.language(unit) == Language::C;
        match encoding {
            gimli::DW_ATE_boolean => self.make(Type::Bool),
            gimli::DW_ATE_float => {
                let name = match size {
                    4 => "float",
                    8 => "double",
                    _ => "long double",
                };
                self.make(Type::Float { name: name.into(), size })
            }
            _ if size == 0 => self.make(Type::Void),
            _ => match base_name(name, encoding, size, is_c) {
                Some(c_name) => self.make_int(c_name, size, !c_name.starts_with("unsigned") && c_name != "_Bool"),
                None => {
                    let byte = self.make_int("unsigned char", 1, false);
                    self.make_array(byte, Some(u64::from(size)))
                }
            },
        }
    }

    fn children(&self, debug: &Debug, unit: u32, entry: &Entry) -> gimli::Result<Vec<Entry>> {
        let mut found = Vec::new();
        if entry.has_children() {
            let mut entries = debug.units[unit as usize].entries_raw(Some(entry.offset()))?;
            let start = entries.next_depth();
            let mut child = Entry::null();
            while !entries.is_empty() {
                let depth = entries.next_depth();
                if depth <= start && !found.is_empty() {
                    break;
                }
                let is_entry = entries.read_entry(&mut child)?;
                if !is_entry {
                    if entries.next_depth() <= start {
                        break; // the end of the list
                    }
                    continue;
                }
                if depth == start + 1 {
                    found.push(child.clone());
                }
            }
        }
        Ok(found)
    }

    fn convert_function(&mut self, debug: &Debug, unit: u32, entry: &Entry) -> gimli::Result<TypeId> {
        let result = self.convert_attribute(debug, unit, entry);
        let (mut parameters, mut variadic) = (Vec::new(), false);
        for child in self.children(debug, unit, entry)? {
            match child.tag() {
                gimli::DW_TAG_formal_parameter => {
                    let name = debug.text(unit, &child, gimli::DW_AT_name).map(identifier);
                    parameters.push((name, self.convert_attribute(debug, unit, &child)));
                }
                gimli::DW_TAG_unspecified_parameters => variadic = !parameters.is_empty(),
                _ => {}
            }
        }
        Ok(self.make(Type::Function { result, parameters, variadic }))
    }

    fn convert_array(&mut self, debug: &Debug, unit: u32, entry: &Entry) -> TypeId {
        let mut id = self.convert_attribute(debug, unit, entry);
        for child in self.children(debug, unit, entry).unwrap_or_default().iter().rev() {
            if child.tag() == gimli::DW_TAG_subrange_type {
                let count = debug.number(child, gimli::DW_AT_count);
                let upper = child.attr(gimli::DW_AT_upper_bound);
                let upper = upper.and_then(|attribute| attribute.sdata_value().or_else(|| attribute.udata_value().map(|value| value as i64)));
                let count = count.or_else(|| upper.and_then(|upper| u64::try_from(upper.checked_add(1)?).ok()));
                id = self.make_array(id, count);
            }
        }
        id
    }

    fn convert_enum(&mut self, debug: &Debug, unit: u32, entry: &Entry) -> Option<TypeId> {
        let name = debug.text(unit, entry, gimli::DW_AT_name).map(identifier);
        let size = debug.number(entry, gimli::DW_AT_byte_size).unwrap_or(4) as u32;
        let (mut values, mut negative) = (Vec::new(), false);
        for child in self.children(debug, unit, entry).ok()? {
            let attribute = child.attr(gimli::DW_AT_const_value);
            if let (Some(name), Some(attribute)) = (debug.text(unit, &child, gimli::DW_AT_name), attribute) {
                let value = match attribute.value() {
                    Value::Sdata(value) => i128::from(value),
                    _ => attribute.udata_value().map_or(0, i128::from),
                };
                negative |= value < 0;
                values.push((identifier(name), value));
            }
        }
        let same = name.as_ref().and_then(|name| self.known_tag(Tag::Enum, name)).filter(|&id| {
            self.enumeration(id).is_some_and(|known| known.size == size && known.values == values)
        });
        Some(same.unwrap_or_else(|| {
            let made = Enumeration { name: name.clone(), size, signed: negative, values };
            let id = if debug.language(unit) == Language::C { self.make_enum(made) } else { self.make_scoped_enum(made) };
            self.remember_tag(Tag::Enum, name, id);
            id
        }))
    }

    fn convert_record(&mut self, debug: &Debug, place: Place, entry: &Entry, tag: Tag) -> Option<TypeId> {
        let unit = place.unit;
        let name = debug.text(unit, entry, gimli::DW_AT_name).map(identifier);
        if entry.attr(gimli::DW_AT_declaration).is_some() {
            return self.convert_declared(tag, name);
        }
        let size = debug.number(entry, gimli::DW_AT_byte_size).unwrap_or(0);
        let children = self.children(debug, unit, entry).ok()?;
        let members: Vec<&Entry> = children.iter().filter(|child| child.tag() == gimli::DW_TAG_member && child.attr(gimli::DW_AT_external).is_none()).collect();
        let outline: Vec<(Option<Name>, u64)> = members
            .iter()
            .map(|member| (debug.text(unit, member, gimli::DW_AT_name).map(identifier), member_offset(debug, member)))
            .collect();
        if let Some(id) = name.as_ref().and_then(|name| self.known_tag(tag, name))
            && let Some(known) = self.record(id)
        {
            let same = known.size == size && known.fields.len() == outline.len();
            let same = same && known.fields.iter().zip(&outline).all(|(field, (name, offset))| field.name == *name && (field.bits.is_some() || field.offset == *offset));
            if same && known.complete {
                return Some(id);
            }
        }
        let align = debug.number(entry, gimli::DW_AT_alignment).unwrap_or(0);
        // The outline stands for the fields until they are known, so that other units' copies are recognised meanwhile.
        let void = self.make(Type::Void);
        let fields = outline.iter().map(|(name, offset)| Field { name: name.clone(), ty: void, offset: *offset, bits: None }).collect();
        let id = self.make_record(Record { tag, name: name.clone(), size, align: align.max(1), complete: true, packed: false, fields });
        self.pool.memo.insert(place, id); // fields may point back here
        self.remember_tag(tag, name, id);
        let mut fields = Vec::new();
        for (member, (name, offset)) in members.iter().zip(outline) {
            let mut ty = self.convert_attribute(debug, unit, member);
            if matches!(self.get(self.strip(ty)), Type::Void) {
                let byte = self.make_int("unsigned char", 1, false);
                ty = self.make_array(byte, Some(0)); // Zig and Rust have fields without a size, C has not
            }
            let (offset, bits) = self.member_bits(debug, member, ty, offset);
            fields.push(Field { name, ty, offset, bits });
        }
        let natural = fields.iter().map(|field| self.align_of(field.ty)).max().unwrap_or(1);
        let misplaced = fields.iter().any(|field| field.bits.is_none() && field.offset % self.align_of(field.ty) != 0);
        let packed = misplaced || size % natural != 0;
        let record = self.record_mut(id)?;
        record.fields = fields;
        record.packed = packed;
        if align == 0 {
            record.align = if packed { 1 } else { natural };
        }
        Some(id)
    }

    /// `struct x;`: the definition, wherever it is.
    fn convert_declared(&mut self, tag: Tag, name: Option<Name>) -> Option<TypeId> {
        let name = name?;
        if let Some(id) = self.known_tag(tag, &name) {
            return Some(id);
        }
        if let Some(place) = self.pool.tags.get(&(tag, name.to_string())).copied() {
            let debug = self.debug_of(place)?;
            return Some(self.convert(&debug, place.unit, UnitOffset(place.offset)));
        }
        let id = self.make_record(Record { tag, name: Some(name.clone()), size: 0, align: 1, complete: false, packed: false, fields: Vec::new() });
        self.remember_tag(tag, Some(name), id);
        Some(id)
    }

    /// (offset of the unit, bits) of a member that is a bit-field.
    fn member_bits(&self, debug: &Debug, member: &Entry, ty: TypeId, offset: u64) -> (u64, Option<(u32, u32)>) {
        let Some(width) = debug.number(member, gimli::DW_AT_bit_size) else { return (offset, None) };
        let unit_bits = (self.size_of(ty) * 8).max(8);
        let first = if let Some(start) = debug.number(member, gimli::DW_AT_data_bit_offset) {
            start
        } else {
            // DWARF 2: counted from the most significant bit of the storage unit.
            let storage = debug.number(member, gimli::DW_AT_byte_size).map_or(unit_bits, |size| size * 8);
            let from_top = member.attr(gimli::DW_AT_bit_offset).and_then(|attribute| attribute.sdata_value()).unwrap_or(0);
            (offset * 8).wrapping_add((storage as i64 - from_top - width as i64) as u64)
        };
        let unit = first / unit_bits;
        (unit * unit_bits / 8, Some(((first - unit * unit_bits) as u32, width as u32)))
    }
}

fn member_offset(debug: &Debug, member: &Entry) -> u64 {
    match member.attr_value(gimli::DW_AT_data_member_location) {
        Some(Value::Exprloc(expression)) => {
            let mut data = expression.0;
            // Old producers: DW_OP_plus_uconst N.
            if data.read_u8() == Ok(gimli::DW_OP_plus_uconst.0) { data.read_uleb128().unwrap_or(0) } else { 0 }
        }
        _ => debug.number(member, gimli::DW_AT_data_member_location).unwrap_or(0),
    }
}
