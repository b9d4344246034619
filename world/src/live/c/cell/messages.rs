//! What the compiler says about a cell, at the place where the user wrote it: its errors name lines, so for the column the line is
//! compiled again with one token a line.

use super::super::compiler;
use super::super::lex::Token;
use super::{Builder, COLUMNS, Diagnostic, HIDDEN, Message, Output, PROBES};

/// An error at a token.
pub(super) fn at_token(file: &str, text: &str, token: &Token, message: &str) -> Diagnostic {
    let start = text[..token.start].rfind('\n').map_or(0, |feed| feed + 1);
    Diagnostic {
        file: file.to_owned(),
        line: token.line,
        column: text[start..token.start].chars().count() + 1,
        message: message.to_owned(),
        source_line: text[start..].lines().next().unwrap_or_default().to_owned(),
    }
}

/// Could it be that a structure is not complete?
pub(super) fn is_about_size(error: &Diagnostic) -> bool {
    ["unknown type size", "unknown struct size", "field not found", "incomplete"].iter().any(|words| error.message.contains(words))
}

pub(super) fn explain_size(mut error: Diagnostic) -> Diagnostic {
    if error.message.contains("size") {
        error.message = "the type is incomplete: it is named here, and nowhere defined".to_owned();
    }
    error
}

impl Builder<'_> {
    /// Undeclared functions and writes to constants are errors here; other warnings about what was typed are kept for showing.
    pub(super) fn check_warnings(&self, output: &Output, text: &dyn Fn(usize) -> String) -> Result<Vec<Diagnostic>, Diagnostic> {
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        // The compiler has read on into the probe when it warns about the last operator.
        let of_text = |message: &&Message| message.file == self.file || message.file == PROBES && super::pointee_of_probe(&message.text).is_none();
        for message in output.messages.iter().filter(|message| message.is_warning).filter(of_text) {
            if is_write_to_constant(&message.text) {
                return Err(self.located(&Message { is_warning: false, ..message.clone() }, text));
            }
            if let Some(name) = message.text.strip_prefix("implicit declaration of function ") {
                let error = Message { is_warning: false, text: format!("{name} is not declared"), ..message.clone() };
                return Err(self.located(&error, text));
            }
            // A compilation for each column: many warnings are a matter of style.
            if !seen.contains(&message) {
                seen.push(message);
                kept.push(if kept.len() < 8 { self.located(message, text) } else { self.diagnostic(message) });
            }
        }
        Ok(kept)
    }

    pub(super) fn diagnostic(&self, message: &Message) -> Diagnostic {
        let is_own = message.file == self.file;
        let source_line = if is_own { self.text.lines().nth(message.line.wrapping_sub(1)).unwrap_or_default() } else { "" };
        let message_text = if is_own || message.file.is_empty() || message.file == HIDDEN || message.file == COLUMNS || message.file == PROBES {
            message.text.clone()
        } else {
            format!("{} ({}:{})", message.text, message.file, message.line)
        };
        let line = if is_own { message.line } else { 0 };
        Diagnostic { file: self.file.clone(), line, column: 0, message: message_text, source_line: source_line.to_owned() }
    }

    /// The error with its column. `text` gives the compiled text with one line dissected.
    pub(super) fn located(&self, error: &Message, text: &dyn Fn(usize) -> String) -> Diagnostic {
        let mut found = self.diagnostic(error);
        if error.file != self.file {
            // It became clear behind the last token only.
            let Some(last) = self.tokens.last() else { return found };
            if error.file != HIDDEN && error.file != PROBES {
                return found;
            }
            if error.text.contains("expected") {
                found.message = error.text.split(" (got").next().unwrap_or_default().to_owned();
            }
            if let Some(name) = quoted_name(&found.message)
                && let Some(token) = self.tokens.iter().rev().find(|token| token.of(self.text) == name)
            {
                self.place(&mut found, token.line, token.start);
            } else {
                self.place(&mut found, last.line, last.end);
            }
            return found;
        }
        let output = compiler::compile(&self.includes, &text(error.line), &self.options, false);
        let is_same = |message: &&Message| same_error(&message.text, &error.text);
        let on_its_line = output.messages.iter().filter(|message| message.file == COLUMNS).find(is_same);
        let again = on_its_line.or_else(|| output.messages.iter().find(is_same)).or_else(|| output.error());
        let on_line: Vec<usize> = (0..self.tokens.len()).filter(|at| self.tokens[*at].line == error.line).collect();
        let Some(&last) = on_line.last() else { return found };
        // The compiler has read one token more when it complains, except where it names that one.
        let seen = match again {
            Some(message) if message.file == COLUMNS => message.line - 1,
            _ => last + 1,
        };
        let name = quoted_name(&error.text);
        let named = name.and_then(|name| (0..=seen.min(last)).rev().find(|at| self.word(*at) == name && self.tokens[*at].line <= error.line));
        if error.text.contains(" expected (got ") && seen <= last {
            let before = error.text.starts_with("';'") && seen > 0;
            let token = if before { self.tokens[seen - 1] } else { self.tokens[seen] };
            self.place(&mut found, token.line, if before { token.end } else { token.start });
        } else {
            let token = self.tokens[named.unwrap_or(seen.saturating_sub(1).min(last))];
            self.place(&mut found, token.line, token.start);
        }
        found
    }

    fn place(&self, found: &mut Diagnostic, line: usize, at: usize) {
        let start = self.text[..at].rfind('\n').map_or(0, |feed| feed + 1);
        found.line = line;
        found.column = self.text[start..at].chars().count() + 1;
        found.source_line = self.text[start..].lines().next().unwrap_or_default().to_owned();
    }
}

fn is_write_to_constant(message: &str) -> bool {
    message.starts_with("assignment of read-only location")
}

fn same_error(one: &str, other: &str) -> bool {
    one == other || other.strip_suffix(" is not declared").is_some_and(|name| one.ends_with(name))
}

/// The first name between single quotes, or behind a colon ("field not found: x").
fn quoted_name(message: &str) -> Option<&str> {
    let between = message.split('\'').nth(1).filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    between.or_else(|| message.rsplit_once(": ").map(|(_, name)| name.trim()).filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_')))
}
