//! Entries of debug data as types: converted when somebody asks, kept by place (`Pool::memo`).

use super::{Debug, Entry, Place, identifier};
use crate::live::types::{Enumeration, Field, Language, Name, Record, Symbol, Tag, Type, TypeId, TypeTable};
use gimli::{AttributeValue as Value, Reader, UnitOffset};

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
    pub(super) fn convert_symbol(&mut self, debug: &Debug, place: Place, name: &str) -> Option<Symbol> {
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

    pub(super) fn convert(&mut self, debug: &Debug, unit: u32, offset: UnitOffset) -> TypeId {
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
