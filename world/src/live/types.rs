//! The one type table: types of the kernel, of live objects in any language, and of what is typed at the prompt.
//!
//! `table()` locks it. Types are ids into the table; equal simple types have equal ids, structures are one entry each. Sources
//! add: dwarf.rs by `add_dwarf` (types are converted when somebody asks for them), the C prompt by `make_*` and
//! `define_*`. Readers: declare.rs (C text), values.rs (bytes to text), call.rs (arguments).
//! Left out: types of other languages that C cannot say (slices, trait objects) are structures with their fields.

use super::dwarf::Pool;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A type in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// A name of the table; cheap to copy.
pub type Name = Arc<str>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Void,
    Bool,
    /// `name` as C spells it; a char is an Int of size 1 whose name contains "char".
    Int { name: Name, size: u32, signed: bool },
    /// Size 4, 8 or 16 (x87's 80 bits).
    Float { name: Name, size: u32 },
    Pointer(TypeId),
    /// `None`: a flexible or unknown length.
    Array { of: TypeId, count: Option<u64> },
    /// An index for `record()`.
    Record(u32),
    /// An index for `enumeration()`.
    Enum(u32),
    Typedef { name: Name, of: TypeId },
    /// `parameters` with their names; `None`: without a name. `prototyped`: false for `int f()`.
    Function { result: TypeId, parameters: Vec<(Option<Name>, TypeId)>, variadic: bool },
    Const(TypeId),
    Volatile(TypeId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    Struct,
    Union,
    Enum,
}

impl Tag {
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Union => "union",
            Self::Enum => "enum",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Record {
    pub tag: Tag,
    pub name: Option<Name>,
    pub size: u64,
    pub align: u64,
    /// False: only declared.
    pub complete: bool,
    pub packed: bool,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub struct Field {
    /// `None`: an anonymous structure or union, whose fields are reached directly.
    pub name: Option<Name>,
    pub ty: TypeId,
    /// Bytes from the start. Of a bit-field: of the unit that holds it.
    pub offset: u64,
    /// (first bit counted from `offset`, number of bits).
    pub bits: Option<(u32, u32)>,
}

#[derive(Clone, Debug)]
pub struct Enumeration {
    pub name: Option<Name>,
    pub size: u32,
    pub signed: bool,
    pub values: Vec<(Name, i128)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Other,
    C,
    Zig,
    Rust,
    Python,
    Assembly,
}

/// What a name of a function or variable means.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// As in C; a static of the kernel is found as "file.c:name", too.
    pub name: Name,
    pub ty: TypeId,
    pub function: bool,
    /// Not visible outside its file.
    pub local: bool,
    pub language: Language,
    /// "" if it is unknown.
    pub file: Name,
    pub line: u32,
    /// The module it belongs to; 0: the kernel. The C prompt's own definitions: their module's id.
    pub module: u64,
}

#[derive(Default)]
pub struct TypeTable {
    types: Vec<Type>,
    interned: FxHashMap<Type, TypeId>,
    records: Vec<Record>,
    enumerations: Vec<Enumeration>,
    tags: FxHashMap<(Tag, Name), TypeId>,
    typedefs: FxHashMap<Name, TypeId>,
    /// What tags meant before a newer object: an equal structure is the same type still.
    retired: FxHashMap<(Tag, Name), TypeId>,
    symbols: FxHashMap<Name, Arc<Symbol>>,
    /// Constants of enumerations: value and the enumeration.
    pub(super) constants: FxHashMap<Name, (i128, TypeId)>,
    pub(super) pool: Pool,
    /// Lines of modules that tcc compiled.
    pub(super) stabs: BTreeMap<u64, Vec<super::lines::Stabs>>,
}

static TABLE: std::sync::LazyLock<std::sync::Mutex<TypeTable>> = std::sync::LazyLock::new(|| {
    let mut table = TypeTable::default();
    table.symbols.reserve(super::SESSION_ROOM);
    table.into()
});

/// The table, locked. Never run Python or a live call while the guard is held.
pub fn table() -> std::sync::MutexGuard<'static, TypeTable> {
    TABLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl TypeTable {
    // --- making types ---

    /// The id of a type; equal simple types have one.
    pub fn make(&mut self, ty: Type) -> TypeId {
        if let Some(&id) = self.interned.get(&ty) {
            return id;
        }
        let id = TypeId(self.types.len() as u32);
        self.types.push(ty.clone());
        self.interned.insert(ty, id);
        id
    }

    pub fn make_int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        self.make(Type::Int { name: name.into(), size, signed })
    }

    pub fn make_pointer(&mut self, to: TypeId) -> TypeId {
        self.make(Type::Pointer(to))
    }

    pub fn make_array(&mut self, of: TypeId, count: Option<u64>) -> TypeId {
        self.make(Type::Array { of, count })
    }

    pub fn make_typedef(&mut self, name: &str, of: TypeId) -> TypeId {
        self.make(Type::Typedef { name: name.into(), of })
    }

    /// A new structure, union; `tag()` finds it after `define_tag`.
    pub fn make_record(&mut self, record: Record) -> TypeId {
        self.records.push(record);
        self.make(Type::Record(self.records.len() as u32 - 1))
    }

    /// An enumeration of C, whose constants are names of their own.
    pub fn make_enum(&mut self, enumeration: Enumeration) -> TypeId {
        let values = enumeration.values.clone();
        let id = self.make_scoped_enum(enumeration);
        for (name, value) in values {
            self.constants.entry(name).or_insert((value, id));
        }
        id
    }

    /// An enumeration of Zig or Rust: a constant is named through it, `Tag.divide`, and leaves plain names to others.
    pub fn make_scoped_enum(&mut self, enumeration: Enumeration) -> TypeId {
        self.enumerations.push(enumeration);
        self.make(Type::Enum(self.enumerations.len() as u32 - 1))
    }

    // --- what names mean ---

    /// `struct name`, `union name`, `enum name` mean this from now on; constants of an enumeration, too.
    pub fn define_tag(&mut self, tag: Tag, name: &str, id: TypeId) {
        self.tags.insert((tag, name.into()), id);
        if let Some(values) = self.enumeration(id).map(|found| found.values.clone()) {
            for (name, value) in values {
                self.constants.insert(name, (value, id));
            }
        }
    }

    /// The typedef name means `of` from now on.
    pub fn define_typedef(&mut self, name: &str, of: TypeId) -> TypeId {
        let id = self.make_typedef(name, of);
        self.typedefs.insert(name.into(), id);
        id
    }

    /// A function or variable has this type from now on.
    pub fn define(&mut self, symbol: Symbol) {
        self.symbols.insert(symbol.name.clone(), Arc::new(symbol));
        super::control::note_change();
    }

    /// The name's meaning goes: what was loaded from DWARF under this name is found again.
    pub fn forget(&mut self, name: &str) {
        self.symbols.remove(name);
        super::control::note_change();
    }

    pub fn lookup(&mut self, name: &str) -> Option<Arc<Symbol>> {
        if let Some(found) = self.symbols.get(name) {
            return Some(found.clone());
        }
        let symbol = Arc::new(self.load_symbol(name)?);
        self.symbols.insert(name.into(), symbol.clone());
        Some(symbol)
    }

    pub fn tag(&mut self, tag: Tag, name: &str) -> Option<TypeId> {
        if let Some(&id) = self.tags.get(&(tag, name.into())) {
            return Some(id);
        }
        let id = self.load_tag(tag, name)?;
        self.tags.insert((tag, name.into()), id);
        Some(id)
    }

    pub fn typedef(&mut self, name: &str) -> Option<TypeId> {
        if let Some(&id) = self.typedefs.get(name) {
            return Some(id);
        }
        let id = self.load_typedef(name)?;
        self.typedefs.insert(name.into(), id);
        Some(id)
    }

    /// The value of an enumeration's constant, and the enumeration.
    pub fn constant(&mut self, name: &str) -> Option<(i128, TypeId)> {
        if let Some(&found) = self.constants.get(name) {
            return Some(found);
        }
        self.load_constant(name)
    }

    /// What the tag means at the moment, without looking into debug data.
    pub(super) fn known_tag(&self, tag: Tag, name: &Name) -> Option<TypeId> {
        let key = (tag, name.clone());
        self.tags.get(&key).or_else(|| self.retired.get(&key)).copied()
    }

    /// A newer object defines the tag: what it means is found anew.
    pub(super) fn retire_tag(&mut self, tag: Tag, name: &Name) {
        let key = (tag, name.clone());
        if let Some(id) = self.tags.remove(&key) {
            self.retired.insert(key, id);
        }
    }

    pub(super) fn retire_typedef(&mut self, name: &str) {
        self.typedefs.remove(name);
    }

    /// A tag from debug data: it is the meaning if there is none yet.
    pub(super) fn remember_tag(&mut self, tag: Tag, name: Option<Name>, id: TypeId) {
        if let Some(name) = name {
            self.tags.entry((tag, name)).or_insert(id);
        }
    }

    // --- reading types ---

    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    pub fn has(&self, id: TypeId) -> bool {
        (id.0 as usize) < self.types.len()
    }

    pub fn record(&self, id: TypeId) -> Option<&Record> {
        match *self.get(id) {
            Type::Record(at) => Some(&self.records[at as usize]),
            _ => None,
        }
    }

    pub fn record_mut(&mut self, id: TypeId) -> Option<&mut Record> {
        match self.types[id.0 as usize] {
            Type::Record(at) => Some(&mut self.records[at as usize]),
            _ => None,
        }
    }

    pub fn enumeration(&self, id: TypeId) -> Option<&Enumeration> {
        match *self.get(id) {
            Type::Enum(at) => Some(&self.enumerations[at as usize]),
            _ => None,
        }
    }

    /// The type without typedefs and qualifiers.
    pub fn strip(&self, mut id: TypeId) -> TypeId {
        loop {
            match *self.get(id) {
                Type::Typedef { of, .. } | Type::Const(of) | Type::Volatile(of) => id = of,
                _ => return id,
            }
        }
    }

    /// Bytes; 0 for void, functions, and what is not complete.
    pub fn size_of(&self, id: TypeId) -> u64 {
        match self.get(id) {
            Type::Void | Type::Function { .. } => 0,
            Type::Bool => 1,
            Type::Int { size, .. } | Type::Float { size, .. } => u64::from(*size),
            Type::Pointer(_) => 8,
            Type::Array { of, count } => self.size_of(*of).saturating_mul(count.unwrap_or(0)),
            Type::Record(at) => self.records[*at as usize].size,
            Type::Enum(at) => u64::from(self.enumerations[*at as usize].size),
            Type::Typedef { of, .. } | Type::Const(of) | Type::Volatile(of) => self.size_of(*of),
        }
    }

    pub fn align_of(&self, id: TypeId) -> u64 {
        match self.get(id) {
            Type::Void | Type::Function { .. } => 1,
            Type::Array { of, .. } | Type::Typedef { of, .. } | Type::Const(of) | Type::Volatile(of) => self.align_of(*of),
            Type::Record(at) => self.records[*at as usize].align.max(1),
            _ => self.size_of(id).max(1),
        }
    }

    /// Names of all fields, those of anonymous members too.
    pub fn field_names(&self, id: TypeId) -> Vec<Name> {
        let Some(record) = self.record(self.strip(id)) else { return Vec::new() };
        let mut names = Vec::new();
        for field in &record.fields {
            match &field.name {
                Some(name) => names.push(name.clone()),
                None => names.extend(self.field_names(field.ty)),
            }
        }
        names
    }

    /// A structure's size, alignment and completeness from its fields in order, as C lays them out: offsets are set.
    /// Bit-fields: pass `bits` as (0, width); they are placed as the System V ABI says.
    pub fn lay_out(&self, tag: Tag, name: Option<&str>, mut fields: Vec<Field>) -> Record {
        let (mut bit, mut align, mut size) = (0u64, 1u64, 0u64);
        for field in &mut fields {
            let (unit, unit_align) = (self.size_of(field.ty) * 8, self.align_of(field.ty));
            if tag == Tag::Union {
                bit = 0;
            }
            if let Some((first, width)) = &mut field.bits {
                if *width == 0 || (unit > 0 && bit / unit != (bit + u64::from(*width) - 1) / unit) {
                    bit = bit.next_multiple_of(unit.max(1));
                }
                field.offset = bit / unit.max(1) * unit / 8;
                *first = (bit - field.offset * 8) as u32;
                bit += u64::from(*width);
                if field.name.is_some() {
                    align = align.max(unit_align);
                }
            } else {
                bit = bit.next_multiple_of(unit_align * 8);
                field.offset = bit / 8;
                bit += unit;
                align = align.max(unit_align);
            }
            size = size.max(bit.div_ceil(8));
        }
        fields.retain(|field| !(field.bits.is_some() && field.name.is_none()));
        Record { tag, name: name.map(Into::into), size: size.next_multiple_of(align), align, complete: true, packed: false, fields }
    }

    /// Typedefs and structures whose names begin so, for completion; "struct x" for tags.
    pub fn type_names(&mut self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = self.typedefs.keys().filter(|name| name.starts_with(prefix)).map(|name| name.to_string()).collect();
        names.extend(self.tags.keys().filter(|(_, name)| name.starts_with(prefix)).map(|(tag, name)| format!("{} {name}", tag.keyword())));
        names.extend(self.indexed_type_names(prefix));
        names.sort();
        names.dedup();
        names
    }
}
