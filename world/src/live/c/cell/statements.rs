//! The function that a cell's statements and its last expression become: its text, and how its value is handed out.

use super::super::compiler;
use super::super::lex::{Kind as TokenKind, Token};
use super::super::parse;
use super::super::session::Definition;
use super::{Builder, Diagnostic, HIDDEN, PROBE, PROBES, Step, TEXT_ROOM, is_array, is_function, is_integer, pointee_of_probe, push_place};
use rustc_hash::FxHashSet;

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
        let prelude = self.prelude(&uses, &FxHashSet::default(), &pending);
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
        // The compiler reads each #line like the rest: no more of them than messages need.
        let mut text = String::with_capacity(prelude.len() + self.text.len() + TEXT_ROOM);
        text.push_str(prelude);
        let hide = |text: &mut String| push_place(text, 1, HIDDEN);
        // What fails before a statement's own code, an empty loop, is on the first line.
        if let Some(Step::Tokens(tokens)) = self.steps.first() {
            push_place(&mut text, self.tokens[tokens[0]].line, &self.file);
        }
        text.extend(["void *", &self.cell.entry, "(void) {"]);
        for step in &self.steps {
            match step {
                Step::Tokens(tokens) => self.emit_tokens(&mut text, tokens, dissect),
                Step::Initialise(index) => self.emit_initialiser(&mut text, *index, dissect),
            }
        }
        let Some(shown) = &self.shown else {
            hide(&mut text);
            return text + "; return (void *)0; }\n";
        };
        if !self.steps.is_empty() {
            hide(&mut text);
            text.push(';');
        }
        text.push_str("typedef __typeof__(");
        self.emit_tokens(&mut text, shown, dissect);
        push_place(&mut text, 1, PROBES);
        text.extend([") __polyglot_type; extern int __polyglot_probe[sizeof(1 ? (__polyglot_type *)0 : (", PROBE, " *)0)]; "]);
        match form {
            Form::Value => text.push_str("static __polyglot_type __value; __value = ("),
            // The type of a bit-field would be one again.
            Form::Integer => text.extend(["static ", &self.cell.value_type, " __value; __value = ("]),
            Form::Address => text.push_str("return (void *)("),
            Form::Nothing => {
                push_place(&mut text, shown.first().map_or(1, |at| self.tokens[*at].line), &self.file);
                text.push('(');
            }
        }
        self.emit_tokens(&mut text, shown, dissect);
        hide(&mut text);
        text.push_str(match form {
            Form::Value | Form::Integer => "); return (void *)&__value; }\n",
            Form::Address => "); }\n",
            Form::Nothing => "); return (void *)0; }\n",
        });
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
        let is_list = self.word(variable.initialiser[0]) == "{";
        push_place(text, 1, HIDDEN);
        if is_list {
            text.extend(["{ extern void *memcpy(void *, const void *, unsigned long); __typeof__(", name, ") __value ="]);
        } else {
            text.extend([name, " = ("]);
        }
        self.emit_tokens(text, &variable.initialiser, dissect);
        push_place(text, 1, HIDDEN);
        if is_list {
            text.extend(["; memcpy((void *)&", name, ", &__value, sizeof __value); }"]);
        } else {
            text.push_str(");");
        }
    }
}
