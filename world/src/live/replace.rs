//! A new version of a kernel function from C source: declared, compiled without SSE, and its type compared with the old one.
//!
//! `compile_version` gives the object for the linker (load.rs with `only` and `bind_file`). The source sees everything that the debug data
//! knows without an #include, the statics of the function's own file first; a source with #include declares all itself.

use super::c::{compiler, lex};
use super::names;
use super::types::{TypeId, TypeTable, table};
use rustc_hash::FxHashSet;

/// A place in the source and what is wrong there.
pub struct CompileFailure {
    pub line: usize,
    pub message: String,
}

/// The file that messages name.
const SOURCE_NAME: &str = "replacement.c";

/// Compiles `source`, which defines `name`, as if it stood in the kernel's file `file` ("": nowhere). The object, and the new
/// function's type if it was understood.
pub fn compile_version(source: &str, name: &str, file: &str, sse: bool) -> Result<(Vec<u8>, Option<TypeId>), CompileFailure> {
    let tokens = lex::tokens(source);
    let words: FxHashSet<&str> = tokens.iter().map(|token| token.of(source)).filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_')).collect();
    let includes = source.lines().any(|line| line.trim_start().starts_with("#include"));
    let mut without = FxHashSet::from_iter([name]);
    // Other functions and variables that the source defines itself.
    let (declared, ty) = {
        let mut table = table();
        let own = names::declared_names(&mut table, source);
        without.extend(own.iter().map(|(name, _)| name.as_str()));
        let declared = if includes { String::new() } else { table.declare_in(&words, &without, file) };
        (declared, own.iter().find(|(own, _)| own == name).map(|(_, ty)| *ty))
    };
    let text = format!("{declared}#line 1 \"{SOURCE_NAME}\"\n{source}\n");
    let output = compiler::compile("", &text, if sse { "-nostdlib -g" } else { "-nostdlib -g -mno-sse" }, true);
    if let Some(error) = output.error() {
        let line = if error.file.ends_with(SOURCE_NAME) { error.line } else { 0 };
        return Err(CompileFailure { line, message: error.text.clone() });
    }
    match output.object {
        Some(object) => Ok((object, ty)),
        None => Err(CompileFailure { line: 0, message: "the compiler made no object".to_owned() }),
    }
}

impl TypeTable {
    /// Would callers see no difference? Names of typedefs and parameters, and qualifiers, do not matter.
    pub fn is_compatible(&self, one: TypeId, other: TypeId) -> bool {
        self.compatible_at(one, other, 0)
    }

    fn compatible_at(&self, one: TypeId, other: TypeId, depth: usize) -> bool {
        use super::types::Type;
        let (one, other) = (self.strip(one), self.strip(other));
        if one == other || depth > 8 {
            return true;
        }
        match (self.get(one), self.get(other)) {
            (Type::Int { size, signed, .. }, Type::Int { size: size2, signed: signed2, .. }) => size == size2 && signed == signed2,
            (Type::Enum(_), Type::Int { .. }) | (Type::Int { .. }, Type::Enum(_)) => self.size_of(one) == self.size_of(other),
            (Type::Pointer(a), Type::Pointer(b)) => self.compatible_at(*a, *b, depth + 1),
            (Type::Array { of: a, count }, Type::Array { of: b, count: count2 }) => count == count2 && self.compatible_at(*a, *b, depth + 1),
            (Type::Record(_), Type::Record(_)) => {
                let (a, b) = (self.record(one).expect("a record"), self.record(other).expect("a record"));
                a.tag == b.tag && a.name == b.name && (a.size == b.size || !a.complete || !b.complete)
            }
            (
                Type::Function { result, parameters, variadic },
                Type::Function { result: result2, parameters: parameters2, variadic: variadic2 },
            ) => {
                variadic == variadic2
                    && parameters.len() == parameters2.len()
                    && self.compatible_at(*result, *result2, depth + 1)
                    && parameters.iter().zip(parameters2).all(|((_, a), (_, b))| self.compatible_at(*a, *b, depth + 1))
            }
            _ => false,
        }
    }
}
