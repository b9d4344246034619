//! The function that a cell's statements and its last expression become: its text, and how its value is handed out.

use super::super::compiler;
use super::super::lex::{Kind as TokenKind, Token};
use super::super::parse;
use super::super::session::Definition;
use super::{Builder, Diagnostic, HIDDEN, PROBE, PROBES, Step, is_array, is_function, is_integer, pointee_of_probe};
use std::collections::HashSet;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Value,
    Integer,
    Address,
    Nothing,
}

impl Builder<'_> {
    pub(super) fn compile_statements(&mut self) -> Result<(), Diagnostic> {
        if self.steps.is_empty() && self.shown.is_none() {
            return Ok(());
        }
        let mut tokens: Vec<usize> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Tokens(range) => tokens.extend(range),
                Step::Initialise(index) => {
                    if let Some(variable) = &self.pending[*index].variable {
                        tokens.push(self.tokens.iter().position(|token| token.of(self.text) == variable.name).unwrap_or(0));
                        tokens.extend(&variable.initialiser);
                    }
                }
            }
        }
        tokens.extend(self.shown.iter().flatten());
        let used: Vec<Token> = tokens.iter().map(|at| self.tokens[*at]).collect();
        self.cell.keeps = used.iter().any(|token| token.kind == TokenKind::Text || token.of(self.text) == "static");
        let mut uses = parse::uses(self.text, &used);
        for step in &self.steps {
            if let Step::Initialise(index) = step {
                uses.extend(self.pending[*index].definition.names.iter().map(|name| (name.clone(), false)));
            }
        }
        let pending: Vec<Definition> = self.pending.iter().filter(|one| !one.definition.names.is_empty()).map(|one| one.definition.clone()).collect();
        let prelude = self.prelude(&uses, &HashSet::new(), &pending);
        let mut form = Form::Value;
        let mut output = compiler::compile(&self.includes, &self.statements_text(&prelude, form, None), &self.options, true);
        let value_type = output.messages.iter().filter(|one| one.file == PROBES).find_map(|one| pointee_of_probe(&one.text));
        if self.shown.is_some() {
            self.cell.value_type = value_type.unwrap_or_else(|| "void".to_owned());
            let wanted = match self.cell.value_type.as_str() {
                "void" => Form::Nothing,
                other if is_array(other) || is_function(other) => Form::Address,
                other if is_integer(other) && self.is_member(self.shown.as_deref().unwrap_or_default()) => Form::Integer,
                _ => Form::Value,
            };
            if wanted != Form::Value {
                form = wanted;
                output = compiler::compile(&self.includes, &self.statements_text(&prelude, form, None), &self.options, true);
            }
        }
        if let Some(error) = output.error() {
            return Err(self.located(error, &|line| self.statements_text(&prelude, form, Some(line))));
        }
        let kept = self.check_warnings(&output, &|line| self.statements_text(&prelude, form, Some(line)))?;
        self.cell.warnings.extend(kept);
        let object = output.object.unwrap_or_default();
        self.cell.statements = Some(object);
        Ok(())
    }

    fn statements_text(&self, prelude: &str, form: Form, dissect: Option<usize>) -> String {
        let mut text = format!("{prelude}\n#line 1 \"{HIDDEN}\"\nvoid *{}(void) {{\n", self.cell.entry);
        for step in &self.steps {
            match step {
                Step::Tokens(tokens) => self.emit_tokens(&mut text, tokens, dissect),
                Step::Initialise(index) => self.emit_initialiser(&mut text, *index, dissect),
            }
        }
        let hidden = format!("\n#line 1 \"{HIDDEN}\"\n");
        let Some(shown) = &self.shown else {
            return text + &hidden + "; return (void *)0; }\n";
        };
        let mut expression = String::new();
        self.emit_tokens(&mut expression, shown, dissect);
        let probe = format!("extern int __polyglot_probe[sizeof(1 ? (__typeof__({expression}\n#line 1 \"{PROBES}\"\n) *)0 : ({PROBE} *)0)];");
        text += &hidden;
        text += ";";
        text += &probe;
        text += &hidden;
        let first = shown.first().map_or(1, |at| self.tokens[*at].line);
        text += &match form {
            // The type of a bit-field would be one again.
            Form::Integer => format!("static {} __value; __value = ({expression}{hidden}); return (void *)&__value; }}\n", self.cell.value_type),
            Form::Value => format!("static __typeof__({expression}{hidden}) __value; __value = ({expression}{hidden}); return (void *)&__value; }}\n"),
            Form::Address => format!("return (void *)({expression}{hidden}); }}\n"),
            Form::Nothing => format!("\n#line {first} \"{}\"\n({expression}{hidden}); return (void *)0; }}\n", self.file),
        };
        text
    }

    /// Does the expression end in a member of a structure?
    fn is_member(&self, tokens: &[usize]) -> bool {
        let mut end = tokens.len();
        while end > 0 && self.word(tokens[end - 1]) == ")" {
            end -= 1;
        }
        end > 1 && self.tokens[tokens[end - 1]].kind == TokenKind::Name && matches!(self.word(tokens[end - 2]), "." | "->")
    }

    fn emit_initialiser(&self, text: &mut String, index: usize, dissect: Option<usize>) {
        let Some(variable) = &self.pending[index].variable else { return };
        let name = &variable.name;
        let hidden = format!("\n#line 1 \"{HIDDEN}\"\n");
        if self.word(variable.initialiser[0]) == "{" {
            text.push_str(&format!("{hidden}{{ extern void *memcpy(void *, const void *, unsigned long); __typeof__({name}) __value ="));
            self.emit_tokens(text, &variable.initialiser, dissect);
            text.push_str(&format!("{hidden}; memcpy((void *)&{name}, &__value, sizeof __value); }}"));
        } else {
            text.push_str(&format!("{hidden}{name} = ("));
            self.emit_tokens(text, &variable.initialiser, dissect);
            text.push_str(&format!("{hidden});"));
        }
    }
}
