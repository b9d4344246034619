//! C type names as Python programs give them: "struct thread *", "const char *", "uint64_t[4]", "int (*)(int, char *)", "int f(int a)".

use super::types::{Tag, Type, TypeId, TypeTable};

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

/// The type of a type name or declaration; None: it is no type, or a name in it is unknown.
pub fn parse(table: &mut TypeTable, text: &str) -> Option<TypeId> {
    let mut words = Words { words: split(text), at: 0 };
    let base = base(table, &mut words)?;
    let id = declarator(table, &mut words, base)?;
    (words.at == words.words.len()).then_some(id)
}

/// The name that a declaration declares: "add" of "int add(int a)".
pub fn declared_name(text: &str) -> Option<&str> {
    let words = split(text);
    let open = words.iter().position(|word| *word == "(")?;
    open.checked_sub(1).map(|at| words[at]).filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

fn split(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text.trim().trim_end_matches(';').trim());
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("...") {
            3
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        self.at += usize::from(is_it);
        is_it
    }
}

/// The type before the declarator.
fn base(table: &mut TypeTable, words: &mut Words) -> Option<TypeId> {
    let (mut is_const, mut longs, mut unsigned, mut signed) = (false, 0, false, false);
    let mut core = None;
    let mut found = None;
    while let Some(word) = words.peek() {
        match word {
            "const" => is_const = true,
            "volatile" | "restrict" | "extern" | "static" => {}
            "unsigned" => unsigned = true,
            "signed" => signed = true,
            "long" => longs += 1,
            "int" | "char" | "short" | "void" | "float" | "double" | "_Bool" | "bool" if found.is_none() => {
                if core != Some("short") {
                    core = Some(word);
                }
            }
            "struct" | "union" | "enum" if found.is_none() => {
                let tag = [Tag::Struct, Tag::Union, Tag::Enum].into_iter().find(|tag| tag.keyword() == word)?;
                words.at += 1;
                found = Some(table.tag(tag, words.peek()?)?);
            }
            _ if found.is_none() && core.is_none() && longs == 0 && !unsigned && !signed => match table.typedef(word) {
                Some(id) => found = Some(id),
                None => found = Some(well_known(table, word)?),
            },
            _ => break,
        }
        words.at += 1;
    }
    let id = match found {
        Some(id) => id,
        None => number(table, core, longs, unsigned, signed)?,
    };
    Some(if is_const { table.make(Type::Const(id)) } else { id })
}

/// Types of <stdint.h> and <stddef.h>, if nothing else says what they are.
fn well_known(table: &mut TypeTable, word: &str) -> Option<TypeId> {
    Some(match word {
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
        (Some("_Bool" | "bool"), 0) => table.make(Type::Bool),
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

/// Stars, a name or nothing, arrays and parameters, with parentheses.
fn declarator(table: &mut TypeTable, words: &mut Words, mut id: TypeId) -> Option<TypeId> {
    while words.take("*") {
        id = table.make_pointer(id);
        while words.take("const") || words.take("volatile") || words.take("restrict") {}
    }
    let mut inner = None;
    if words.peek() == Some("(") && words.words.get(words.at + 1) == Some(&"*") {
        inner = Some(words.at + 1);
        let mut depth = 0;
        loop {
            match words.peek()? {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            words.at += 1;
            if depth == 0 {
                break;
            }
        }
    } else if words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
        words.at += 1; // the name
    }
    id = suffixes(table, words, id)?;
    if let Some(start) = inner {
        let end = std::mem::replace(&mut words.at, start);
        id = declarator(table, words, id)?;
        if !words.take(")") {
            return None;
        }
        words.at = end;
    }
    Some(id)
}

fn suffixes(table: &mut TypeTable, words: &mut Words, id: TypeId) -> Option<TypeId> {
    if words.take("[") {
        let count = match words.peek()? {
            "]" => None,
            word => {
                words.at += 1;
                Some(word.parse().ok()?)
            }
        };
        if !words.take("]") {
            return None;
        }
        let of = suffixes(table, words, id)?;
        return Some(table.make_array(of, count));
    }
    if words.take("(") {
        let (mut parameters, mut variadic) = (Vec::new(), false);
        while !words.take(")") {
            if words.take("...") {
                variadic = true;
                continue;
            }
            let start = words.at;
            let base = base(table, words)?;
            let ty = declarator(table, words, base)?;
            let name = words.words[start..words.at].iter().rev().find(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'));
            let is_void = matches!(table.get(ty), Type::Void);
            // Arrays and functions are passed as pointers.
            let ty = match *table.get(table.strip(ty)) {
                Type::Array { of, .. } => table.make_pointer(of),
                Type::Function { .. } => table.make_pointer(ty),
                _ => ty,
            };
            if !is_void {
                let name = name.filter(|_| words.at - start > 1).filter(|name| !is_type_word(table, name));
                parameters.push((name.map(|name| (*name).into()), ty));
            }
            words.take(",");
            if words.at == words.words.len() {
                return None;
            }
        }
        return Some(table.make(Type::Function { result: id, parameters, variadic }));
    }
    Some(id)
}

fn is_type_word(table: &mut TypeTable, word: &str) -> bool {
    matches!(word, "int" | "char" | "short" | "long" | "unsigned" | "signed" | "float" | "double" | "const" | "volatile" | "_Bool" | "bool")
        || well_known(table, word).is_some()
        || table.typedef(word).is_some()
}
