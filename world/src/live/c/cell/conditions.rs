//! #if and its kin in a cell: what they leave out is made blank, so that only what counts is cut into items. Which branches count
//! is asked from the compiler: a probe stands behind each directive, and it warns where it is seen.

use super::super::compiler;
use super::super::lex::{Kind, Token};
use super::super::parse::{self, directive};
use super::super::session::{Outside, Session};
use super::{Diagnostic, HIDDEN, PROBE};
use rustc_hash::FxHashSet;

const BRANCHES: &str = "<branches>";

fn is_condition(text: &str, token: &Token) -> bool {
    token.kind == Kind::Directive && matches!(directive(token.of(text)).0, "if" | "ifdef" | "ifndef" | "elif" | "else" | "endif")
}

/// The text without what its conditions leave out and without these lines; None: it has none. Places stay as they are.
pub fn choose(
    session: &Session, text: &str, tokens: &[Token], outside: &dyn Outside, options: &str, file: &str,
) -> Result<Option<String>, Diagnostic> {
    if !tokens.iter().any(|token| is_condition(text, token)) {
        return Ok(None);
    }
    let directives: Vec<&Token> = tokens.iter().filter(|token| token.kind == Kind::Directive).collect();
    let copied: Vec<Token> = directives.iter().map(|token| **token).collect();
    let known: FxHashSet<String> = session.headers.names.iter().cloned().collect();
    let declarations = session.declarations(&parse::uses(text, &copied), &[], &known, &[], outside);
    let mut source = format!("{PROBE};\n#line 1 \"{HIDDEN}\"\n{declarations}\n");
    for (index, token) in directives.iter().enumerate() {
        source += &format!("\n#line {} \"{file}\"\n{}\n#line {} \"{BRANCHES}\"\n", token.line, token.of(text), index + 1);
        source += &format!("extern int __polyglot_branch_{index}[sizeof(1 ? (char *)0 : ({PROBE} *)0)];\n");
    }
    let output = compiler::compile(session.includes(), &source, options, false);
    if let Some(error) = output.error() {
        let token = directives.iter().rev().find(|token| token.line <= error.line && error.file == file).or(directives.last());
        return Err(super::messages::at_token(file, text, token.copied().unwrap_or(&tokens[0]), &error.text));
    }
    let seen: FxHashSet<usize> = output.messages.iter().filter(|one| one.file == BRANCHES).map(|one| one.line - 1).collect();
    let mut bytes = text.as_bytes().to_vec();
    let mut blank = |start: usize, end: usize| bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    for (index, token) in directives.iter().enumerate() {
        let end = directives.get(index + 1).map_or(text.len(), |next| next.start);
        if !seen.contains(&index) {
            blank(token.end, end);
        }
        let is_left_out = index > 0 && !seen.contains(&(index - 1));
        if is_left_out || is_condition(text, token) {
            blank(token.start, token.end);
        }
    }
    Ok(Some(String::from_utf8(bytes).unwrap_or_default())) // whole characters became blanks
}
