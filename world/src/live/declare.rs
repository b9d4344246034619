//! C declarations for the names that a piece of source uses: functions, variables, tags, typedefs, constants of enumerations,
//! with everything they need, in order, as tcc parses them.
//!
//! `TypeTable::declare(names, without)`: `names` are all identifiers of the source. A structure that is only reached by a
//! pointer is completed when one of its fields is among them, so that a cell that says `current->process->pid` gets those
//! two structures and not half of the kernel. Names of `without` (what the source declares itself) are left out.
//! Layouts that C would not give by itself get padding. Statics of the kernel are bound by `__asm__("file.c:name")`.

use super::spell::c_name;
use super::types::{Record, Tag, Type, TypeId, TypeTable};
use rustc_hash::FxHashSet;
use std::fmt::Write;

struct Writer<'a> {
    table: &'a mut TypeTable,
    file: &'a str,
    names: &'a FxHashSet<&'a str>,
    /// What completes a structure behind a pointer when it has a field of that name; "*": all do.
    fields: &'a FxHashSet<&'a str>,
    without: &'a dyn Fn(&str) -> bool,
    text: String,
    /// Records and enumerations that are written, or being written.
    complete: FxHashSet<TypeId>,
    forward: FxHashSet<TypeId>,
    typedefs: FxHashSet<String>,
    /// To be completed when that does not matter for the order.
    pending: Vec<TypeId>,
}

impl TypeTable {
    /// C text that declares what the source needs; "" if nothing. Names that nobody knows are ignored: the compiler says it.
    pub fn declare(&mut self, names: &FxHashSet<&str>, without: &FxHashSet<&str>) -> String {
        self.declare_in(names, without, "")
    }

    /// The same where the names of fields are told apart, which name nothing else.
    pub fn declare_with_fields(&mut self, names: &FxHashSet<&str>, fields: &FxHashSet<&str>, without: &dyn Fn(&str) -> bool) -> String {
        self.write_declarations(names, fields, without, "")
    }

    /// The same for a source that stands in for a kernel file: its statics are meant first.
    pub fn declare_in(&mut self, names: &FxHashSet<&str>, without: &FxHashSet<&str>, file: &str) -> String {
        self.write_declarations(names, names, &|name| without.contains(name), file)
    }

    fn write_declarations(&mut self, names: &FxHashSet<&str>, fields: &FxHashSet<&str>, without: &dyn Fn(&str) -> bool, file: &str) -> String {
        let mut writer = Writer {
            table: self,
            file,
            names,
            fields,
            without,
            text: String::new(),
            complete: FxHashSet::default(),
            forward: FxHashSet::default(),
            typedefs: FxHashSet::default(),
            pending: Vec::new(),
        };
        let mut sorted: Vec<&str> = names.iter().copied().collect();
        sorted.sort_unstable();
        for name in sorted {
            if !without(name) {
                writer.name(name);
            }
        }
        while let Some(id) = writer.pending.pop() {
            writer.need(id, true);
        }
        writer.text
    }
}

impl Writer<'_> {
    fn name(&mut self, name: &str) {
        for tag in [Tag::Struct, Tag::Union, Tag::Enum] {
            if let Some(id) = self.table.tag(tag, name) {
                self.need(id, true);
            }
        }
        if let Some(id) = self.table.typedef(name) {
            self.need(id, true);
        }
        // Zig's and Rust's constants are named by their enumeration there: in C they would take plain names from others.
        let constant = self.table.constant(name).map(|(_, id)| id).filter(|_| self.table.lookup(name).is_none());
        if let Some(id) = constant.filter(|id| self.table.enumeration(*id).is_some_and(|found| found.name.as_deref().is_none_or(is_c_name))) {
            self.need(id, true);
        }
        let own = if self.file.is_empty() { None } else { self.table.lookup(&format!("{}:{name}", self.file)) };
        if let Some(symbol) = own.or_else(|| self.table.lookup(name)) {
            self.need(symbol.ty, true);
            let short = symbol.name.rsplit(':').next().unwrap_or("").to_owned();
            let identifier: String = short.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let declaration = self.table.spell_declaration(symbol.ty, &identifier);
            let link_name = if symbol.name.contains(':') && !symbol.function {
                symbol.name.to_string()
            } else if symbol.local && symbol.module == 0 && !symbol.function {
                self.table.local_name(name).unwrap_or_else(|| name.to_owned())
            } else {
                short.clone()
            };
            let bound = if link_name == identifier { String::new() } else { format!(" __asm__(\"{link_name}\")") };
            let storage = if symbol.function { "" } else { "extern " };
            let _ = writeln!(self.text, "{storage}{declaration}{bound};");
        }
    }

    /// Writes what must stand before a use of the type. `by_value`: its size must be known.
    fn need(&mut self, id: TypeId, by_value: bool) {
        match self.table.get(id).clone() {
            Type::Void | Type::Bool | Type::Int { .. } | Type::Float { .. } => {}
            Type::Const(of) | Type::Volatile(of) => self.need(of, by_value),
            Type::Pointer(to) => self.need(to, false),
            Type::Array { of, .. } => self.need(of, true),
            Type::Function { result, parameters, .. } => {
                for (_, ty) in parameters {
                    self.need(ty, by_value);
                }
                self.need(result, by_value);
            }
            Type::Typedef { name, .. } if name.starts_with("__builtin_") => {} // the compiler has its own
            Type::Typedef { name, of } => {
                self.need(of, by_value);
                if !(self.without)(&name) && self.typedefs.insert(name.to_string()) {
                    let _ = writeln!(self.text, "typedef {};", self.spell_complete(of, &name));
                }
            }
            Type::Enum(_) => {
                let Some(name) = self.table.enumeration(id).and_then(|found| found.name.clone()) else {
                    self.anonymous_enum(id);
                    return;
                };
                if !(self.without)(&name) && self.complete.insert(id) {
                    let _ = writeln!(self.text, "{};", self.table.spell_body(id, ""));
                }
            }
            Type::Record(_) => self.record(id, by_value),
        }
    }

    /// A nameless enumeration stands where it is used; one that is asked for by a constant stands for itself.
    fn anonymous_enum(&mut self, id: TypeId) {
        let asked = self.table.enumeration(id).is_some_and(|found| found.values.iter().any(|(name, _)| self.names.contains(&**name)));
        if asked && self.complete.insert(id) {
            let _ = writeln!(self.text, "{};", self.table.spell_body(id, ""));
        }
    }

    fn record(&mut self, id: TypeId, by_value: bool) {
        let record = self.table.record(id).expect("a record").clone();
        let Some(name) = record.name.clone() else {
            for field in &record.fields {
                self.need(field.ty, field_by_value(self.table, field.ty));
            }
            return;
        };
        if (self.without)(&name) || self.complete.contains(&id) {
            return;
        }
        // Files that only name a structure have an entry of their own for it.
        if !record.complete
            && let Some(full) = self.table.tag(record.tag, &name).filter(|full| *full != id)
        {
            return self.record(full, by_value);
        }
        if record.complete && by_value {
            self.complete.insert(id);
            if self.forward.insert(id) {
                let _ = writeln!(self.text, "{} {name};", record.tag.keyword());
            }
            for field in &record.fields {
                self.need(field.ty, field_by_value(self.table, field.ty));
            }
            let body = self.record_text(id, &record);
            let _ = writeln!(self.text, "{body};");
            return;
        }
        if self.forward.insert(id) {
            let _ = writeln!(self.text, "{} {name};", record.tag.keyword());
            let wanted = self.fields.contains("*") || self.table.field_names(id).iter().any(|field| self.fields.contains(&**field));
            if wanted && record.complete {
                self.pending.push(id);
            }
        }
    }

    /// "struct x { ... }" with padding where C would lay it out otherwise.
    fn record_text(&self, id: TypeId, record: &Record) -> String {
        let natural = self.table.lay_out(record.tag, None, record.fields.clone());
        let as_natural = natural.size == record.size
            && natural.fields.len() == record.fields.len()
            && natural.fields.iter().zip(&record.fields).all(|(one, other)| {
                one.bits.is_some() == other.bits.is_some()
                    && if other.bits.is_some() { bit_position(one) == bit_position(other) } else { one.offset == other.offset }
            });
        if as_natural && !record.packed {
            return self.spell_unique(id);
        }
        self.padded(record)
    }

    /// Without natural alignment: packed, and with the gaps as fields.
    fn padded(&self, record: &Record) -> String {
        let name = record.name.as_deref().unwrap_or("");
        let mut text = format!("{} {name} {{\n", record.tag.keyword());
        let mut at = 0u64; // bits
        for (number, field) in record.fields.iter().enumerate() {
            let start = bit_position(field);
            if record.tag == Tag::Struct && start > at {
                let gap = start - at;
                let _ = match gap % 8 {
                    0 => writeln!(text, "    unsigned char __gap{number}[{}];", gap / 8),
                    _ => writeln!(text, "    unsigned long __gap{number} : {gap};"),
                };
            }
            let declared = self.spell_complete(field.ty, &c_name(field.name.as_deref().unwrap_or("")));
            match field.bits {
                Some((_, width)) => {
                    let _ = writeln!(text, "    {declared} : {width};");
                    at = start + u64::from(width);
                }
                None => {
                    let _ = writeln!(text, "    {declared};");
                    at = start + self.table.size_of(field.ty) * 8;
                }
            }
        }
        if record.tag == Tag::Union {
            let _ = writeln!(text, "    unsigned char __size[{}];", record.size);
        } else if record.size * 8 > at {
            let _ = writeln!(text, "    unsigned char __gap[{}];", record.size - at.div_ceil(8));
        }
        let align = record.align;
        let aligned = if align > 1 && record.size.is_multiple_of(align) { format!(", aligned({align})") } else { String::new() };
        format!("{text}}} __attribute__((packed{aligned}))")
    }

    /// A declaration whose nameless structures are written out.
    fn spell_complete(&self, id: TypeId, name: &str) -> String {
        let inner = self.table.strip_arrays(id);
        let nameless_enum = self.table.enumeration(inner).is_some_and(|found| found.name.is_none());
        if nameless_enum && self.complete.contains(&inner) {
            // It stands by itself already, and its constants may not be defined twice.
            let found = self.table.enumeration(inner).expect("an enumeration");
            let word = if found.signed { "int" } else { "unsigned int" };
            return self.table.spell_declaration(id, name).replacen(&self.table.spell_body(inner, ""), word, 1);
        }
        self.table.spell_declaration(id, name)
    }

    fn spell_unique(&self, id: TypeId) -> String {
        self.table.spell_body(id, "")
    }
}

fn is_c_name(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn bit_position(field: &super::types::Field) -> u64 {
    field.offset * 8 + u64::from(field.bits.map_or(0, |(first, _)| first))
}

/// Must the type be complete before a field of it? Not behind a pointer, nor for a function's.
fn field_by_value(table: &TypeTable, id: TypeId) -> bool {
    !matches!(table.get(table.strip_arrays(id)), Type::Pointer(_))
}
