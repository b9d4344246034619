//! The names of one object's debug data: tags, typedefs, constants, functions and variables, each with its place.

use super::{Debug, Entry, Place, identifier};
use crate::live::types::{Language, Tag, TypeTable};
use rustc_hash::FxHashSet;

impl TypeTable {
    pub(super) fn index(&mut self, debug: &Debug) -> usize {
        let before = self.pool.tags.len() + self.pool.typedefs.len() + self.pool.symbols.len();
        // Equal strings of one object mostly have one address.
        let mut seen = FxHashSet::default();
        for unit in 0..debug.units.len() {
            let _ = self.index_unit(debug, unit as u32, &mut seen); // a damaged unit ends at its damage
        }
        self.pool.tags.len() + self.pool.typedefs.len() + self.pool.symbols.len() - before
    }

    fn index_unit(&mut self, debug: &Debug, unit: u32, seen: &mut FxHashSet<(u16, usize)>) -> gimli::Result<()> {
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
}
