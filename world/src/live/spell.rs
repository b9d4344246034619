//! Types as C spells them: `int (*names[3])(const char *)`.

use super::c::lex::is_keyword;
use super::types::{Type, TypeId, TypeTable};

impl TypeTable {
    /// "char *", "struct thread", "int (*)(int)".
    pub fn spell(&self, id: TypeId) -> String {
        self.spell_declaration(id, "")
    }

    /// "char *name", "int name[3]", "int name(int a, ...)".
    pub fn spell_declaration(&self, id: TypeId, name: &str) -> String {
        self.declare_inner(id, name.to_owned(), false)
    }

    /// `text` is the declarator so far; `prefixed` when it begins with a star.
    fn declare_inner(&self, id: TypeId, text: String, prefixed: bool) -> String {
        let wrap = |text: String| if prefixed { format!("({text})") } else { text };
        match self.get(id) {
            Type::Pointer(to) => self.declare_inner(*to, format!("*{text}"), true),
            Type::Array { of, count } => {
                let count = count.map(|count| count.to_string()).unwrap_or_default();
                self.declare_inner(*of, format!("{}[{count}]", wrap(text)), false)
            }
            Type::Function { result, parameters, variadic } => {
                let mut words: Vec<String> = parameters
                    .iter()
                    .map(|(name, ty)| self.spell_declaration(*ty, name.as_deref().unwrap_or("")))
                    .collect();
                if *variadic {
                    words.push("...".to_owned());
                } else if words.is_empty() {
                    words.push("void".to_owned());
                }
                self.declare_inner(*result, format!("{}({})", wrap(text), words.join(", ")), false)
            }
            Type::Const(of) | Type::Volatile(of) => {
                let word = if matches!(self.get(id), Type::Const(_)) { "const" } else { "volatile" };
                if matches!(self.get(*of), Type::Pointer(_)) {
                    let text = if text.is_empty() { word.to_owned() } else { format!("{word} {text}") };
                    self.declare_inner(*of, text, true)
                } else if matches!(self.get(*of), Type::Array { .. } | Type::Function { .. }) {
                    self.declare_inner(*of, text, prefixed)
                } else {
                    format!("{word} {}", self.declare_inner(*of, text, prefixed))
                }
            }
            _ => {
                let base = self.base_name(id);
                if text.is_empty() { base } else { format!("{base} {text}") }
            }
        }
    }

    /// The name of a type that is no pointer, array or function.
    fn base_name(&self, id: TypeId) -> String {
        match self.get(id) {
            Type::Void => "void".to_owned(),
            Type::Bool => "_Bool".to_owned(),
            Type::Int { name, .. } | Type::Float { name, .. } | Type::Typedef { name, .. } => name.to_string(),
            Type::Record(_) => {
                let record = self.record(id).expect("a record");
                match &record.name {
                    Some(name) => format!("{} {name}", record.tag.keyword()),
                    None => self.spell_body(id, ""),
                }
            }
            Type::Enum(_) => {
                let found = self.enumeration(id).expect("an enumeration");
                // C's enumerations have four bytes; those of other languages are spelled as the integers they are.
                let word = match found.size {
                    1 => "char",
                    2 => "short",
                    8 => "long",
                    _ => "",
                };
                if !word.is_empty() {
                    return format!("{} {word}", if found.signed { "signed" } else { "unsigned" });
                }
                match &found.name {
                    Some(name) => format!("enum {name}"),
                    None => self.spell_body(id, ""),
                }
            }
            _ => unreachable!("declarators are handled by the caller"),
        }
    }

    /// The definition of a structure, union or enumeration: "struct x { ... }", with lines indented behind `indent` when it is
    /// a structure's.
    pub fn spell_body(&self, id: TypeId, indent: &str) -> String {
        if let Some(found) = self.enumeration(id) {
            let values: Vec<String> = found.values.iter().map(|(name, value)| format!("{} = {value}", c_name(name))).collect();
            let name = found.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            return format!("enum {name}{{ {} }}", values.join(", "));
        }
        let Some(record) = self.record(id) else { return self.spell(id) };
        let name = record.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        if !record.complete {
            return format!("{}{name}", record.tag.keyword());
        }
        let inner = format!("{indent}    ");
        let mut text = format!("{}{name} {{\n", record.tag.keyword());
        for field in &record.fields {
            let name = &c_name(field.name.as_deref().unwrap_or(""));
            let stripped = self.strip_arrays(field.ty);
            let anonymous = self.record(stripped).is_some_and(|record| record.name.is_none());
            let mut line = if anonymous && stripped == field.ty {
                let body = self.spell_body(stripped, &inner);
                if name.is_empty() { body } else { format!("{body} {name}") }
            } else {
                self.spell_declaration(field.ty, name)
            };
            if let Some((_, width)) = field.bits {
                line += &format!(" : {width}");
            }
            text += &format!("{inner}{line};\n");
        }
        text + indent + if record.packed { "} __attribute__((packed))" } else { "}" }
    }

    pub(super) fn strip_arrays(&self, mut id: TypeId) -> TypeId {
        while let Type::Array { of, .. } | Type::Const(of) | Type::Volatile(of) = self.get(id) {
            id = *of;
        }
        id
    }
}

/// The name of a field or a constant as C can spell it: keywords, which are names in other languages, get an underscore.
pub(super) fn c_name(name: &str) -> String {
    if is_keyword(name) { format!("{name}_") } else { name.to_owned() }
}
