//! C type names and declarations into types: what Python programs name ("struct thread *", "int f(int a)"), and what was
//! defined at the C prompt (structures with bodies, typedefs, enumerations, functions, variables).
//!
//! `parse(table, "const char *")`; `define_c(table, text, module)` for whole definitions, which a compiler has accepted before: bodies of
//! functions and initialisers are skipped, and an array without a length takes none. Preprocessor lines are not known.

use super::types::{Enumeration, Field, Language, Record, Symbol, Tag, Type, TypeId, TypeTable};

/// The type of a type name or of one declaration; None: it is no type, or a name in it is unknown.
pub fn parse(table: &mut TypeTable, text: &str) -> Option<TypeId> {
    let mut reader = Reader { table, words: split(text.trim().trim_end_matches(';')), at: 0, packed: false, found: None };
    let base = reader.base()?;
    let (id, _) = reader.declarator(base)?;
    (reader.at == reader.words.len()).then_some(id)
}

/// The name that a declaration declares: "add" of "int add(int a)".
pub fn declared_name(table: &mut TypeTable, text: &str) -> Option<String> {
    let mut reader = Reader { table, words: split(text), at: 0, packed: false, found: None };
    let base = reader.base()?;
    reader.declarator(base)?.1.map(str::to_owned)
}

/// Functions and variables that a C text declares or defines, with their types, up to where it is not understood. Its structures and typedefs
/// are defined.
pub fn declared_names(table: &mut TypeTable, text: &str) -> Vec<(String, TypeId)> {
    let mut reader = Reader { table, words: split(text), at: 0, packed: false, found: Some(Vec::new()) };
    while reader.at < reader.words.len() && reader.definition(0, &mut Vec::new()).is_some() {}
    reader.found.unwrap_or_default()
}

/// Defines what the C text declares; the names of functions and variables. Err: where it was not understood.
pub fn define_c(table: &mut TypeTable, text: &str, module: u64) -> Result<Vec<String>, String> {
    let mut reader = Reader { table, words: split(text), at: 0, packed: false, found: None };
    let mut names = Vec::new();
    while reader.at < reader.words.len() {
        let start = reader.at;
        if reader.definition(module, &mut names).is_none() {
            let end = (start + 12).min(reader.words.len());
            return Err(format!("not understood: {}", reader.words[start..end].join(" ")));
        }
    }
    Ok(names)
}

/// Words, numbers, literals and punctuation; comments and lines of the preprocessor are left out.
fn split(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            rest = rest[end..].trim_start();
            continue;
        } else if rest.starts_with("//") || first == '#' {
            rest = rest[rest.find('\n').unwrap_or(rest.len())..].trim_start();
            continue;
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if first == '"' || first == '\'' {
            literal_length(rest, first)
        } else if rest.starts_with("...") {
            3
        } else if rest.starts_with("<<") || rest.starts_with(">>") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

fn literal_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Reader<'a, 't> {
    table: &'t mut TypeTable,
    words: Vec<&'a str>,
    at: usize,
    /// An attribute said so.
    packed: bool,
    /// Names with their types are only noted.
    found: Option<Vec<(String, TypeId)>>,
}

type Declared<'a> = (TypeId, Option<&'a str>);

impl<'a> Reader<'a, '_> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        self.at += usize::from(is_it);
        is_it
    }

    /// To behind the bracket that closes the one here.
    fn skip_brackets(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            match self.peek()? {
                "(" | "{" | "[" => depth += 1,
                ")" | "}" | "]" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn skip_attributes(&mut self) -> Option<()> {
        while matches!(self.peek(), Some("__attribute__" | "__asm__" | "asm" | "_Alignas")) {
            self.at += 1;
            let start = self.at;
            self.skip_brackets()?;
            self.packed |= self.words[start..self.at].iter().any(|word| matches!(*word, "packed" | "__packed__"));
        }
        Some(())
    }

    // --- definitions ---

    fn definition(&mut self, module: u64, names: &mut Vec<String>) -> Option<()> {
        if self.take(";") {
            return Some(());
        }
        let is_typedef = self.take("typedef");
        let base = self.base()?;
        while !self.take(";") {
            let (id, name) = self.declarator(base)?;
            self.skip_attributes()?;
            let name = name?;
            if is_typedef {
                self.table.define_typedef(name, id);
            } else {
                self.symbol(name, id, module);
                names.push(name.to_owned());
            }
            if self.peek() == Some("{") {
                return self.skip_brackets(); // the function's body
            }
            if self.take("=") {
                while !matches!(self.peek()?, "," | ";") {
                    if matches!(self.peek()?, "(" | "{" | "[") { self.skip_brackets()? } else { self.at += 1 }
                }
            }
            self.take(",");
        }
        Some(())
    }

    fn symbol(&mut self, name: &str, ty: TypeId, module: u64) {
        if let Some(found) = &mut self.found {
            found.push((name.to_owned(), ty));
            return;
        }
        let function = matches!(self.table.get(self.table.strip(ty)), Type::Function { .. });
        self.table.define(Symbol {
            name: name.into(),
            ty,
            function,
            local: false,
            language: Language::C,
            file: "".into(),
            line: 0,
            module,
        });
    }

    // --- the type before the declarators ---

    fn base(&mut self) -> Option<TypeId> {
        let (mut is_const, mut is_volatile, mut longs, mut unsigned, mut signed) = (false, false, 0, false, false);
        let (mut core, mut found) = (None, None);
        while let Some(word) = self.peek() {
            match word {
                "const" | "__const" => is_const = true,
                "volatile" | "__volatile__" => is_volatile = true,
                "restrict" | "extern" | "static" | "inline" | "__inline" | "__inline__" | "register" | "_Noreturn" | "__extension__" => {}
                "__attribute__" => {
                    self.skip_attributes()?;
                    continue;
                }
                "unsigned" => unsigned = true,
                "signed" => signed = true,
                "long" => longs += 1,
                "int" | "char" | "short" | "void" | "float" | "double" | "_Bool" if found.is_none() => {
                    if core != Some("short") {
                        core = Some(word);
                    }
                }
                "struct" | "union" | "enum" if found.is_none() => {
                    let tag = [Tag::Struct, Tag::Union, Tag::Enum].into_iter().find(|tag| tag.keyword() == word)?;
                    self.at += 1;
                    found = Some(self.tagged(tag)?);
                    continue;
                }
                _ if found.is_none() && core.is_none() && longs == 0 && !unsigned && !signed && is_name(word) => {
                    found = Some(self.table.typedef(word).or_else(|| well_known(self.table, word))?);
                }
                _ => break,
            }
            self.at += 1;
        }
        let mut id = match found {
            Some(id) => id,
            None => number(self.table, core, longs, unsigned, signed)?,
        };
        if is_volatile {
            id = self.table.make(Type::Volatile(id));
        }
        Some(if is_const { self.table.make(Type::Const(id)) } else { id })
    }

    /// Behind struct, union or enum.
    fn tagged(&mut self, tag: Tag) -> Option<TypeId> {
        self.packed = false;
        self.skip_attributes()?;
        let name = self.peek().filter(|word| is_name(word));
        self.at += usize::from(name.is_some());
        if self.peek() != Some("{") {
            let name = name?;
            if let Some(id) = self.table.tag(tag, name) {
                return Some(id);
            }
            if tag == Tag::Enum {
                return None;
            }
            let id = self.table.make_record(Record { tag, name: Some(name.into()), size: 0, align: 1, complete: false, packed: false, fields: Vec::new() });
            self.table.define_tag(tag, name, id);
            return Some(id);
        }
        self.at += 1;
        if tag == Tag::Enum { self.enumeration(name) } else { self.record(tag, name) }
    }

    fn enumeration(&mut self, name: Option<&str>) -> Option<TypeId> {
        let (mut values, mut next) = (Vec::new(), 0i128);
        while !self.take("}") {
            let constant = self.peek().filter(|word| is_name(word))?;
            self.at += 1;
            if self.take("=") {
                next = self.expression(0)?;
            }
            values.push((constant.into(), next));
            next += 1;
            self.take(",");
        }
        let signed = values.iter().any(|(_, value)| *value < 0);
        let id = self.table.make_enum(Enumeration { name: name.map(Into::into), size: 4, signed, values: values.clone() });
        for (name, value) in values {
            self.table.constants.insert(name, (value, id));
        }
        if let Some(name) = name {
            self.table.define_tag(Tag::Enum, name, id);
        }
        Some(id)
    }

    fn record(&mut self, tag: Tag, name: Option<&str>) -> Option<TypeId> {
        let empty = Record { tag, name: name.map(Into::into), size: 0, align: 1, complete: false, packed: false, fields: Vec::new() };
        // A structure that was only declared is completed; pointers to it mean this one.
        let declared = name.and_then(|name| self.table.tag(tag, name)).filter(|&id| self.table.record(id).is_some_and(|record| !record.complete));
        let id = declared.unwrap_or_else(|| self.table.make_record(empty));
        if let Some(name) = name {
            self.table.define_tag(tag, name, id);
        }
        let mut fields = Vec::new();
        while !self.take("}") {
            let base = self.base()?;
            if self.take(";") {
                fields.push(Field { name: None, ty: base, offset: 0, bits: None }); // an anonymous member
                continue;
            }
            while !self.take(";") {
                let (ty, field) = if self.peek() == Some(":") { (base, None) } else { self.declarator(base)? };
                let bits = if self.take(":") { Some((0, u32::try_from(self.expression(0)?).ok()?)) } else { None };
                self.skip_attributes()?;
                fields.push(Field { name: field.map(Into::into), ty, offset: 0, bits });
                self.take(",");
            }
        }
        self.packed = false;
        self.skip_attributes()?;
        let mut made = self.table.lay_out(tag, name, fields);
        if std::mem::take(&mut self.packed) {
            let mut at = 0;
            for field in &mut made.fields {
                field.offset = if tag == Tag::Union { 0 } else { at };
                at += self.table.size_of(field.ty);
            }
            made.size = made.fields.iter().map(|field| field.offset + self.table.size_of(field.ty)).max().unwrap_or(0);
            (made.packed, made.align) = (true, 1);
        }
        *self.table.record_mut(id)? = made;
        Some(id)
    }

    // --- declarators ---

    /// Stars, a name or nothing, arrays and parameters, with parentheses.
    fn declarator(&mut self, mut id: TypeId) -> Option<Declared<'a>> {
        self.skip_attributes()?;
        while self.take("*") {
            id = self.table.make_pointer(id);
            while let Some(word @ ("const" | "volatile" | "restrict" | "__restrict")) = self.peek() {
                id = if word == "const" { self.table.make(Type::Const(id)) } else { id };
                self.at += 1;
            }
        }
        let (mut inner, mut name) = (None, None);
        if self.peek() == Some("(") && self.words.get(self.at + 1).is_some_and(|word| *word == "*" || *word == "(") {
            inner = Some(self.at + 1);
            self.skip_brackets()?;
        } else if let Some(word) = self.peek().filter(|word| is_name(word)) {
            name = Some(word);
            self.at += 1;
        }
        id = self.suffixes(id)?;
        if let Some(start) = inner {
            let end = std::mem::replace(&mut self.at, start);
            (id, name) = self.declarator(id)?;
            if !self.take(")") {
                return None;
            }
            self.at = end;
        }
        Some((id, name))
    }

    fn suffixes(&mut self, id: TypeId) -> Option<TypeId> {
        if self.take("[") {
            let count = if self.peek() == Some("]") { None } else { Some(u64::try_from(self.expression(0)?).ok()?) };
            if !self.take("]") {
                return None;
            }
            let of = self.suffixes(id)?;
            return Some(self.table.make_array(of, count));
        }
        if self.take("(") { self.parameters(id) } else { Some(id) }
    }

    fn parameters(&mut self, result: TypeId) -> Option<TypeId> {
        let (mut parameters, mut variadic) = (Vec::new(), false);
        while !self.take(")") {
            if self.take("...") {
                variadic = true;
                continue;
            }
            let base = self.base()?;
            let (ty, name) = self.declarator(base)?;
            // Arrays and functions are passed as pointers.
            let ty = match *self.table.get(self.table.strip(ty)) {
                Type::Array { of, .. } => self.table.make_pointer(of),
                Type::Function { .. } => self.table.make_pointer(ty),
                _ => ty,
            };
            if !matches!(self.table.get(ty), Type::Void) {
                parameters.push((name.map(Into::into), ty));
            }
            if !self.take(",") && self.peek() != Some(")") {
                return None;
            }
        }
        Some(self.table.make(Type::Function { result, parameters, variadic }))
    }

    // --- constant expressions ---

    /// An integer expression; operators that bind at least as `level`.
    fn expression(&mut self, level: u8) -> Option<i128> {
        let mut value = self.operand()?;
        loop {
            let operator = self.peek().unwrap_or("");
            let binding = match operator {
                "|" => 1,
                "^" => 2,
                "&" => 3,
                "<<" | ">>" => 4,
                "+" | "-" => 5,
                "*" | "/" | "%" => 6,
                _ => return Some(value),
            };
            if binding <= level {
                return Some(value);
            }
            self.at += 1;
            let right = self.expression(binding)?;
            value = match operator {
                "|" => value | right,
                "^" => value ^ right,
                "&" => value & right,
                "<<" => value.checked_shl(u32::try_from(right).ok()?)?,
                ">>" => value.checked_shr(u32::try_from(right).ok()?)?,
                "+" => value.checked_add(right)?,
                "-" => value.checked_sub(right)?,
                "*" => value.checked_mul(right)?,
                "/" => value.checked_div(right)?,
                _ => value.checked_rem(right)?,
            };
        }
    }

    fn operand(&mut self) -> Option<i128> {
        let word = self.peek()?;
        self.at += 1;
        match word {
            "-" => return self.operand()?.checked_neg(),
            "+" => return self.operand(),
            "~" => return self.operand().map(|value| !value),
            "(" => {
                let value = self.expression(0)?;
                return self.take(")").then_some(value);
            }
            "sizeof" => {
                if !self.take("(") {
                    return None;
                }
                let base = self.base()?;
                let (id, _) = self.declarator(base)?;
                return self.take(")").then(|| i128::from(self.table.size_of(id)));
            }
            _ => {}
        }
        if let Some(text) = word.strip_prefix('\'') {
            return text.chars().next().filter(|&c| c != '\\').map(|c| i128::from(u32::from(c)));
        }
        if is_name(word) {
            return self.table.constant(word).map(|(value, _)| value);
        }
        let digits = word.trim_end_matches(['u', 'U', 'l', 'L']);
        if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            return i128::from_str_radix(hex, 16).ok();
        }
        let is_octal = digits.len() > 1 && digits.starts_with('0');
        i128::from_str_radix(digits, if is_octal { 8 } else { 10 }).ok()
    }
}

/// Types of <stdint.h>, <stddef.h>, <stdbool.h>, if nothing else says what they are.
fn well_known(table: &mut TypeTable, word: &str) -> Option<TypeId> {
    Some(match word {
        "bool" => table.make(Type::Bool),
        "int8_t" => table.make_int("signed char", 1, true),
        "uint8_t" => table.make_int("unsigned char", 1, false),
        "int16_t" => table.make_int("short", 2, true),
        "uint16_t" => table.make_int("unsigned short", 2, false),
        "int32_t" => table.make_int("int", 4, true),
        "uint32_t" => table.make_int("unsigned int", 4, false),
        "int64_t" | "intptr_t" | "ptrdiff_t" | "ssize_t" => table.make_int("long", 8, true),
        "uint64_t" | "uintptr_t" | "size_t" => table.make_int("unsigned long", 8, false),
        _ => return None,
    })
}

fn number(table: &mut TypeTable, core: Option<&str>, longs: u32, unsigned: bool, signed: bool) -> Option<TypeId> {
    Some(match (core, longs) {
        (Some("void"), 0) => table.make(Type::Void),
        (Some("_Bool"), 0) => table.make(Type::Bool),
        (Some("float"), 0) => table.make(Type::Float { name: "float".into(), size: 4 }),
        (Some("double"), 0) => table.make(Type::Float { name: "double".into(), size: 8 }),
        (Some("double"), 1) => table.make(Type::Float { name: "long double".into(), size: 16 }),
        (Some("char"), 0) if unsigned => table.make_int("unsigned char", 1, false),
        (Some("char"), 0) if signed => table.make_int("signed char", 1, true),
        (Some("char"), 0) => table.make_int("char", 1, true),
        (Some("short"), 0) => table.make_int(if unsigned { "unsigned short" } else { "short" }, 2, !unsigned),
        (Some("int"), 0) => table.make_int(if unsigned { "unsigned int" } else { "int" }, 4, !unsigned),
        (None, 0) if unsigned || signed => table.make_int(if unsigned { "unsigned int" } else { "int" }, 4, !unsigned),
        (None | Some("int"), 1) => table.make_int(if unsigned { "unsigned long" } else { "long" }, 8, !unsigned),
        (None | Some("int"), 2) => table.make_int(if unsigned { "unsigned long long" } else { "long long" }, 8, !unsigned),
        _ => return None,
    })
}
