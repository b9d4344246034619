//! How the compiler lays out the structures and enumerations that a cell defines, and what its typedefs mean: asked from the
//! compiler, like all types. Types of fields come in warnings, numbers as data of an object, bit-fields as the bits that
//! an initialiser of all ones sets.
//!
//! Members without a name are dissolved: their fields are reached directly. Structures that are defined inside others have
//! been given a name by cell.rs.

use super::compiler;
use super::lex::Token;
use super::parse::{self, Declaration};
use super::object;
use std::fmt::Write;

/// A structure, union or enumeration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// "struct x"
    pub tag: String,
    pub size: u64,
    pub align: u64,
    pub fields: Vec<Field>,
    pub constants: Vec<(String, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub type_text: String,
    /// Bytes; of a bit-field: of the byte that its first bit is in.
    pub offset: u64,
    /// (first bit, how many).
    pub bits: Option<(u32, u32)>,
}

/// Fields of a body (its tokens without the braces): (name, is it a bit-field?).
fn field_names(text: &str, tokens: &[Token]) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for Declaration { tag, declarators, .. } in parse::fields(text, tokens) {
        if let (Some(tag), true) = (&tag, declarators.is_empty()) {
            if tokens[tag.keyword].of(text) != "enum" {
                found.extend(field_names(text, &tokens[tag.body.start + 1..tag.body.end.saturating_sub(1)]));
            }
        }
        for one in declarators {
            let is_bits = tokens.get(one.name + 1).is_some_and(|next| next.of(text) == ":");
            found.push((tokens[one.name].of(text).to_owned(), is_bits));
        }
    }
    found
}

/// What is asked about one tag.
struct Question {
    tag: String,
    fields: Vec<(String, bool)>,
    constants: Vec<String>,
}

/// The shapes of tags whose bodies are given as (tag, tokens between the braces). `head` and `before` are C that defines them.
pub fn ask(head: &str, before: &str, options: &str, probe: &str, text: &str, tags: &[(String, Vec<Token>)]) -> Vec<Shape> {
    let question = |(tag, body): &(String, Vec<Token>)| {
        let is_enum = tag.starts_with("enum");
        let names = body.iter().enumerate().filter(|(at, _)| *at == 0 || body[at - 1].of(text) == ",").map(|(_, token)| token.of(text).to_owned());
        Question {
            tag: tag.clone(),
            fields: if is_enum { Vec::new() } else { field_names(text, body) },
            constants: if is_enum { names.collect() } else { Vec::new() },
        }
    };
    let questions: Vec<Question> = tags.iter().map(question).collect();
    let mut source = format!("{before}\n#line 1 \"<shapes>\"\n");
    for (index, Question { tag, fields, constants }) in questions.iter().enumerate() {
        let mut numbers = if tag.ends_with(' ') { "0, 0".to_owned() } else { format!("sizeof({tag}), __alignof__({tag})") };
        for (place, (name, is_bits)) in fields.iter().enumerate() {
            let _ = writeln!(source, "extern int __polyglot_field_{index}_{place}[sizeof(1 ? (__typeof__((({tag} *)0)->{name}) *)0 : ({probe} *)0)];");
            if *is_bits {
                let _ = write!(source, "{tag} __polyglot_bits_{index}_{place} = {{ .{name} = -1 }}; ");
            }
            let _ = write!(numbers, ", {}", if *is_bits { "0".to_owned() } else { format!("(unsigned long)&(({tag} *)0)->{name}") });
        }
        for name in constants {
            let _ = write!(numbers, ", {name}");
        }
        let _ = write!(source, "long __polyglot_numbers_{index}[] = {{ {numbers} }}; ");
    }
    let output = compiler::compile(head, &source, options, true);
    let Some(object) = output.object else { return Vec::new() };
    let mut types = output.messages.iter().filter(|one| one.file == "<shapes>").map(|one| (one.line, super::cell::pointee_of_probe(&one.text)));
    let mut line = 0;
    let mut shapes = Vec::new();
    for (index, question) in questions.into_iter().enumerate() {
        let Some(data) = object::datum(&object, &format!("__polyglot_numbers_{index}")) else { continue };
        let number = |at: usize| data.get(at * 8..at * 8 + 8).map_or(0, |bytes| i64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let mut shape = Shape { tag: question.tag, size: number(0) as u64, align: number(1) as u64, ..Shape::default() };
        for (place, (name, is_bits)) in question.fields.into_iter().enumerate() {
            line += 1;
            let type_text = types.by_ref().find(|(at, _)| *at >= line).and_then(|(_, found)| found).unwrap_or_default();
            let mut field = Field { name, type_text, offset: number(2 + place) as u64, bits: None };
            if is_bits {
                let mask = object::datum(&object, &format!("__polyglot_bits_{index}_{place}")).unwrap_or_default();
                let mask = &mask[..mask.len().min(shape.size as usize)];
                let set = |at: &usize| mask[at / 8] >> (at % 8) & 1 == 1;
                let first = (0..mask.len() * 8).find(set).unwrap_or(0);
                let width = (first..mask.len() * 8).take_while(set).count();
                field.offset = first as u64 / 8;
                field.bits = Some((first as u32 % 8, width as u32));
            }
            shape.fields.push(field);
        }
        let count = shape.fields.len();
        shape.constants = question.constants.into_iter().enumerate().map(|(at, name)| (name, number(2 + count + at))).collect();
        shapes.push(shape);
    }
    shapes
}
