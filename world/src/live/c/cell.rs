//! A cell of C -> objects for the live linker, types of what it defines, the value's type; or an error with its column.
//!
//!     let cell = cell::prepare(&session, text, outside, flags)?;
//!     // link cell.objects in order, session.commit(&cell), call cell.entry: it returns the address of the value, or 0
//!
//! Declarations at the top level become definitions of their own (`Pending`), compiled to one object; statements and the
//! last expression become the function `__cell_N` in another, which may go when it has run (unless it `keeps` data). An
//! initialiser that is no constant becomes an assignment there. Types are asked from the compiler itself: it prints them
//! in a warning about `1 ? (T *)0 : (struct __polyglot_probe *)0`. Its errors name lines; for the column the line is compiled
//! again with one token a line.

mod conditions;
mod messages;
mod plain;
mod statements;

use super::compiler::{self, Message, Output};
use super::lex::{self, Kind as TokenKind, Token};
use super::parse::{self, Declaration, Declarator, Item};
use super::session::{Definition, Headers, Kind, Outside, Session};
use super::shape::{self, Shape};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

const HIDDEN: &str = "<polyglot>";
const PROBES: &str = "<types>";
const COLUMNS: &str = "<column>";
const PROBE: &str = "struct __polyglot_probe";
/// For what is put around a small source.
const TEXT_ROOM: usize = 512;

/// Where and why a text is refused. Line and column count from 1; 0: unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub source_line: String,
}

#[derive(Clone, Copy, Default)]
pub struct Flags<'a> {
    /// For code that runs outside of the world's threads.
    pub no_sse: bool,
    /// Of the file, for messages; "": the cell's number.
    pub file: &'a str,
}

#[derive(Default)]
pub struct Cell {
    pub number: u64,
    pub file: String,
    pub definitions: Vec<Arc<Definition>>,
    /// Object of the definitions.
    pub object: Option<Vec<u8>>,
    /// Object of the statements, its function, the type of the value ("" or "void": none), and whether its data must stay.
    pub statements: Option<Vec<u8>>,
    pub entry: String,
    pub value_type: String,
    pub keeps: bool,
    pub removed: Vec<String>,
    /// Structures, unions, enumerations that it defines.
    pub shapes: Vec<Shape>,
    pub headers: Option<Headers>,
    pub warnings: Vec<Diagnostic>,
}

enum Part {
    Tokens(Vec<usize>),
    Text(String),
}

/// A definition of the cell, and its text.
struct Pending {
    definition: Definition,
    parts: Vec<Part>,
    variable: Option<Variable>,
}

struct Variable {
    name: String,
    /// Declaration without initialiser.
    bare: Vec<Part>,
    initialiser: Vec<usize>,
    is_unsized: bool,
    /// Its initialiser runs in the cell.
    is_dynamic: bool,
}

/// A step of the function: a range of tokens, or the initialiser of a pending variable.
enum Step {
    Tokens(Vec<usize>),
    Initialise(usize),
}

struct Builder<'a> {
    session: &'a Session,
    outside: &'a dyn Outside,
    text: &'a str,
    /// Structures behind pointers, too.
    completes_all: bool,
    tokens: Vec<Token>,
    file: String,
    options: String,
    headers: Option<Headers>,
    includes: String,
    pending: Vec<Pending>,
    steps: Vec<Step>,
    shown: Option<Vec<usize>>,
    own: FxHashSet<String>,
    /// ("struct x", the tokens of its body)
    tags: Vec<(String, Vec<Token>)>,
    cell: Cell,
}

pub fn prepare(session: &Session, text: &str, outside: &dyn Outside, flags: Flags<'_>) -> Result<Cell, Diagnostic> {
    match prepare_with(session, text, outside, flags, false) {
        // What is only pointed to was left incomplete, and this text looks into it.
        Err(error) if messages::is_about_size(&error) => {
            prepare_with(session, text, outside, flags, true).map_err(|error| if messages::is_about_size(&error) { messages::explain_size(error) } else { error })
        }
        result => result,
    }
}

fn prepare_with(session: &Session, text: &str, outside: &dyn Outside, flags: Flags<'_>, completes_all: bool) -> Result<Cell, Diagnostic> {
    let number = session.cells + 1;
    let options = if flags.no_sse { "-nostdlib -g -mno-sse" } else { "-nostdlib -g" }.to_owned();
    let file = if flags.file.is_empty() { format!("<cell {number}>") } else { flags.file.replace(['"', '\\', '\n'], "_") };
    let tokens = lex::tokens(text);
    if let Some(token) = tokens.iter().find(|token| lex::is_unterminated(token, text)) {
        let what = if token.kind == TokenKind::Char { "character has no closing '" } else { "string has no closing \"" };
        return Err(messages::at_token(&file, text, token, what));
    }
    let chosen = conditions::choose(session, text, &tokens, outside, &options, &file)?;
    let text = chosen.as_deref().unwrap_or(text);
    let mut builder = Builder {
        session, outside, text, completes_all,
        tokens: if chosen.is_some() { lex::tokens(text) } else { tokens },
        file: file.clone(),
        options,
        headers: None,
        includes: session.includes().to_owned(),
        pending: Vec::new(),
        steps: Vec::new(),
        shown: None,
        own: FxHashSet::default(),
        tags: Vec::new(),
        cell: Cell { number, file, entry: format!("__cell_{number}"), ..Cell::default() },
    };
    builder.take_items()?;
    builder.compile_definitions()?;
    builder.compile_statements()?;
    let Builder { mut cell, pending, headers, .. } = builder;
    cell.definitions = pending.into_iter().filter(|one| !one.definition.names.is_empty()).map(|one| Arc::new(one.definition)).collect();
    cell.headers = headers;
    Ok(cell)
}

impl Session {
    /// After the cell was linked.
    pub fn commit(&mut self, cell: &Cell) {
        self.cells = self.cells.max(cell.number);
        for name in &cell.removed {
            self.forget(name);
        }
        if let Some(headers) = &cell.headers {
            self.headers = headers.clone();
        }
        for definition in &cell.definitions {
            self.add(definition.clone());
        }
    }
}

impl<'a> Builder<'a> {
    fn word(&self, at: usize) -> &'a str {
        self.tokens[at].of(self.text)
    }

    // --- the items of the cell ---

    fn take_items(&mut self) -> Result<(), Diagnostic> {
        self.take_includes()?;
        let meaning = |name: &str| {
            let is_type = self.headers.as_ref().is_some_and(|headers| headers.types.contains(name));
            if is_type { parse::Meaning::Type } else { self.session.meaning(name, self.outside) }
        };
        let items = parse::items(self.text, &self.tokens, &meaning);
        for item in items {
            match item {
                Item::Directive(at) => self.take_directive(at),
                Item::Declaration(declaration) => self.take_declaration(&declaration),
                Item::Statement(range) => self.steps.push(Step::Tokens(range.collect())),
                Item::Expression { range, .. } if self.is_declaring_call(&range) => self.take_declaring_call(range),
                Item::Expression { range, is_shown } if !range.is_empty() => {
                    if is_shown {
                        self.shown = Some(range.collect());
                    } else {
                        self.steps.push(Step::Tokens(range.clone().chain([range.end]).collect()));
                    }
                }
                Item::Expression { .. } => {}
            }
        }
        Ok(())
    }

    /// DRIVER(...) and its like: a declaration by its macro.
    fn is_declaring_call(&self, range: &Range<usize>) -> bool {
        if range.len() < 3 || self.word(range.start + 1) != "(" {
            return false;
        }
        let name = self.word(range.start);
        let own = self.pending.iter().rev().find(|one| one.definition.kind == Kind::Macro && one.definition.names.iter().any(|own| own == name));
        match (own, &self.headers) {
            (Some(own), _) => parse::is_declaring(parse::directive(&own.definition.source).1),
            (None, Some(headers)) if headers.declaring.contains(name) => true,
            _ => self.session.is_declaring(name),
        }
    }

    /// Goes to the definitions as it stands; it is known by its first argument.
    fn take_declaring_call(&mut self, range: Range<usize>) {
        let uses = parse::uses(self.text, &self.tokens[range.clone()]);
        let names = vec![format!("{}({})", self.word(range.start), self.word(range.start + 2))];
        let parts = vec![Part::Tokens(range.collect()), Part::Text(";".into())];
        let source = self.render(&parts);
        let source = source.trim_end_matches(';').to_owned() + ";";
        let definition = Definition { kind: Kind::Type, names, source, declaration: String::new(), uses, type_text: String::new() };
        self.push(Pending { definition, parts, variable: None });
    }

    /// New #include lines: they stand before everything, and what they declare is known from now on.
    fn take_includes(&mut self) -> Result<(), Diagnostic> {
        let lines: Vec<(usize, String)> = self.tokens.iter().filter(|token| token.kind == TokenKind::Directive)
            .map(|token| (token.line, token.of(self.text).trim().to_owned()))
            .filter(|(_, line)| parse::directive(line).0 == "include" && self.session.find(line).is_none())
            .collect();
        for (line, text) in &lines {
            self.includes.push_str(&format!("{text}\n"));
            let source = format!("#line {line} \"{}\"\n{text}\n", self.file);
            let output = compiler::compile(self.session.includes(), &source, &self.options, false);
            if let Some(error) = output.error() {
                return Err(self.diagnostic(error));
            }
        }
        if !lines.is_empty() {
            let text = self.outside.preprocess(&self.includes).map_err(|reason| {
                Diagnostic { file: self.file.clone(), line: lines[0].0, message: reason, source_line: lines[0].1.clone(), column: 1 }
            })?;
            self.headers = Some(Headers::read(&text));
        }
        Ok(())
    }

    fn take_directive(&mut self, at: usize) {
        let text = self.word(at).trim();
        let (word, rest) = parse::directive(text);
        let name = lex::tokens(rest).first().map_or("", |token| token.of(rest)).to_owned();
        let (kind, names) = match word {
            "define" => (Kind::Macro, vec![name]),
            "include" => (Kind::Include, vec![text.to_owned()]),
            "undef" => {
                self.cell.removed.push(name);
                return;
            }
            _ => (Kind::Macro, Vec::new()), // #if and its kin go where they stand
        };
        let uses = if word == "define" { parse::uses(rest, &lex::tokens(rest)) } else { Vec::new() };
        let parts = if word == "include" { Vec::new() } else { vec![Part::Tokens(vec![at])] };
        let (source, declaration) = (text.to_owned(), if word == "include" { String::new() } else { text.to_owned() });
        self.push(Pending { definition: Definition { kind, names, source, declaration, uses, type_text: String::new() }, parts, variable: None });
    }

    fn push(&mut self, pending: Pending) {
        // Within a cell the last definition of a name counts, as everywhere.
        self.own.extend(pending.definition.names.iter().cloned());
        self.pending.push(pending);
    }

    fn take_declaration(&mut self, declaration: &Declaration) {
        let specifiers = self.take_tag(declaration);
        if declaration.declarators.is_empty() && declaration.tag.is_none() {
            // _Static_assert, `struct x;`
            let parts = vec![Part::Tokens(declaration.range.clone().collect())];
            let source = self.render(&parts);
            let tag: Vec<String> = parse::uses(self.text, &self.tokens[declaration.range.clone()]).into_iter()
                .map(|(name, _)| name).filter(|name| name.contains(' ') && self.session.find(name).is_none()).collect();
            let text = source.trim_end_matches(';').to_owned() + ";";
            let definition = Definition { kind: Kind::Type, names: tag, source: text.clone(), declaration: text, uses: Vec::new(), type_text: String::new() };
            self.push(Pending { definition, parts: vec![Part::Tokens(declaration.range.clone().collect()), Part::Text(";".into())], variable: None });
            return;
        }
        for declarator in &declaration.declarators {
            self.take_declarator(declaration, declarator, &specifiers);
        }
    }

    /// Makes a definition of the struct, union or enum in the specifiers; returns the specifiers for the declarators.
    fn take_tag(&mut self, declaration: &Declaration) -> Vec<Part> {
        let keep = |at: &usize| !parse::is_storage_of_a_file(self.word(*at)) && !matches!(self.word(*at), "typedef" | "extern");
        let Some(tag) = &declaration.tag else {
            return vec![Part::Tokens(declaration.specifiers.clone().filter(keep).collect())];
        };
        let keyword = self.word(tag.keyword);
        let name = match (tag.name, declaration.declarators.first()) {
            (Some(at), _) => Some(self.word(at).to_owned()),
            (None, None) if keyword == "enum" => None,
            (None, Some(first)) if declaration.is_typedef && self.session.find(&format!("{keyword} {}", self.word(first.name))).is_none() => {
                Some(self.word(first.name).to_owned())
            }
            _ => Some(format!("__anonymous_{}_{}", self.cell.number, tag.keyword)),
        };
        let mut parts = vec![Part::Tokens((tag.keyword..tag.keyword + 1).collect())];
        if let (None, Some(name)) = (tag.name, &name) {
            parts.push(Part::Text(name.clone()));
        }
        let mut names: Vec<String> = name.iter().map(|name| format!("{keyword} {name}")).collect();
        let body: Vec<Token> = self.inside(&tag.body).map(|at| self.tokens[at]).collect();
        let mut tags = vec![(format!("{keyword} {}", name.as_deref().unwrap_or("")), body)];
        // Structures inside get names, too, so that one can ask about them.
        let mut start = tag.keyword + 1;
        for at in self.inside(&tag.body) {
            let (word, is_named) = (self.word(at), self.tokens[at + 1].kind == TokenKind::Name);
            let open = at + 1 + usize::from(is_named);
            if !parse::is_tag_word(word) || self.tokens.get(open).is_none_or(|token| token.of(self.text) != "{") {
                continue;
            }
            let end = self.closing(open);
            if !is_named && self.tokens.get(end).is_none_or(|token| token.of(self.text) == ";") && word != "enum" {
                continue; // its fields are the outer one's
            }
            let inner = if is_named { self.word(at + 1).to_owned() } else { format!("__anonymous_{}_{at}", self.cell.number) };
            if !is_named {
                parts.push(Part::Tokens((start..at + 1).collect()));
                parts.push(Part::Text(inner.clone()));
                start = at + 1;
            }
            names.push(format!("{word} {inner}"));
            tags.push((format!("{word} {inner}"), self.inside(&(open..end)).map(|at| self.tokens[at]).collect()));
        }
        let attributes = (tag.body.end..declaration.specifiers.end).filter(|at| !parse::is_qualifier(self.word(*at))).filter(keep);
        parts.push(Part::Tokens((start..tag.body.end).chain(attributes).collect()));
        parts.push(Part::Text(";".into()));
        let source = self.render(&parts);
        self.tags.extend(tags.into_iter().rev());
        if keyword == "enum" {
            let body = tag.body.start + 1..tag.body.end.saturating_sub(1);
            let first = |at: &usize| self.tokens[*at].kind == TokenKind::Name && matches!(self.word(at - 1), "{" | ",");
            names.extend(body.filter(first).map(|at| self.word(at).to_owned()));
        }
        let mut used: Vec<Token> = tag.body.clone().filter(|at| keyword == "enum" || !self.is_field(*at)).map(|at| self.tokens[at]).collect();
        used.push(self.tokens[tag.body.end - 1]);
        let uses = parse::uses(self.text, &used);
        let definition = Definition { kind: Kind::Type, names, source: source.clone(), declaration: source, uses, type_text: String::new() };
        let qualifiers = declaration.specifiers.clone().filter(|at| parse::is_qualifier(self.word(*at)) && !tag.body.contains(at)).collect();
        let head = vec![Part::Tokens(qualifiers), Part::Text(format!("{keyword} {}", name.as_deref().unwrap_or("")))];
        self.push(Pending { definition, parts, variable: None });
        head
    }

    /// The tokens between the braces of a range.
    fn inside(&self, body: &Range<usize>) -> Range<usize> {
        body.start + 1..body.end.saturating_sub(1).max(body.start + 1)
    }

    /// Behind the brace that closes the one at `open`.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            depth += match self.word(at) {
                "{" => 1,
                "}" => -1,
                _ => 0,
            };
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    /// Is the token in a structure's body the name of a field? It uses nothing.
    fn is_field(&self, at: usize) -> bool {
        let next = self.tokens.get(at + 1).map_or("", |token| token.of(self.text));
        let before = if at > 0 { self.word(at - 1) } else { "" };
        self.tokens[at].kind == TokenKind::Name && (matches!(next, ";" | "," | ":" | "[") || next == ")" && before == "*")
    }

    fn take_declarator(&mut self, declaration: &Declaration, declarator: &Declarator, specifiers: &[Part]) {
        let name = self.word(declarator.name).to_owned();
        let copy = |parts: &[Part]| -> Vec<Part> {
            parts.iter().map(|part| match part {
                Part::Tokens(tokens) => Part::Tokens(tokens.clone()),
                Part::Text(text) => Part::Text(text.clone()),
            }).collect()
        };
        let mut bare = copy(specifiers);
        bare.push(Part::Tokens(declarator.range.clone().collect()));
        let mut parts = copy(&bare);
        let has_body = declaration.body.is_some() && declarator.is_function;
        let kind = match () {
            _ if declaration.is_typedef => Kind::Type,
            _ if has_body => Kind::Function,
            _ if declarator.is_function || declaration.is_extern && declarator.initialiser.is_none() => Kind::Declaration,
            _ => Kind::Variable,
        };
        let head = self.render(&bare);
        let (mut source_prefix, mut variable) = ("", None);
        let declaration_text = match kind {
            Kind::Type => {
                parts.insert(0, Part::Text("typedef".into()));
                source_prefix = "typedef ";
                format!("typedef {head};")
            }
            Kind::Variable => {
                let initialiser: Vec<usize> = declarator.initialiser.clone().unwrap_or(0..0).collect();
                variable = Some(Variable { name: name.clone(), bare: copy(&bare), initialiser, is_unsized: declarator.is_unsized, is_dynamic: false });
                format!("extern {head};")
            }
            Kind::Function => format!("{head};"),
            _ => {
                parts.insert(0, Part::Text("extern".into()));
                source_prefix = "extern ";
                format!("extern {head};")
            }
        };
        let mut range: Vec<usize> = bare.iter().flat_map(|part| match part { Part::Tokens(tokens) => tokens.clone(), Part::Text(_) => Vec::new() }).collect();
        if let Some(initialiser) = &declarator.initialiser {
            parts.push(Part::Text("=".into()));
            parts.push(Part::Tokens(initialiser.clone().collect()));
            range.extend(initialiser.clone());
        }
        match &declaration.body {
            Some(body) if has_body => {
                parts.push(Part::Tokens(body.clone().collect()));
                range.extend(body.clone());
            }
            _ => parts.push(Part::Text(";".into())),
        }
        let source = self.render(&parts);
        let source = if source.starts_with(source_prefix) { source } else { format!("{source_prefix}{source}") };
        let used: Vec<Token> = range.iter().map(|at| self.tokens[*at]).collect();
        let mut uses = parse::uses(self.text, &used);
        uses.retain(|(used, _)| *used != name);
        for part in specifiers {
            if let Part::Text(tag) = part {
                uses.push((tag.trim().to_owned(), false));
            }
        }
        let definition = Definition { kind, names: vec![name], source, declaration: declaration_text, uses, type_text: String::new() };
        self.push(Pending { definition, parts, variable });
    }

    // --- text for the compiler ---

    /// Parts as one text, with the white space that was typed between tokens that follow each other.
    fn render(&self, parts: &[Part]) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(words) => text.push_str(if words == ";" { words } else { "" }),
                Part::Tokens(_) => {}
            }
            let piece = match part {
                Part::Text(words) if words != ";" => words.clone(),
                Part::Text(_) => continue,
                Part::Tokens(tokens) => self.original(tokens),
            };
            if !text.is_empty() && !piece.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            text.push_str(&piece);
        }
        text
    }

    fn original(&self, tokens: &[usize]) -> String {
        let mut text = String::new();
        for run in tokens.chunk_by(|before, at| before + 1 == *at) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.text[self.tokens[run[0]].start..self.tokens[run[run.len() - 1]].end]);
        }
        text
    }

    /// Parts with #line, so that messages speak of what was typed. `dissect`: tokens of this line stand one a line.
    fn emit(&self, text: &mut String, parts: &[Part], dissect: Option<usize>) {
        for part in parts {
            match part {
                // On the line that was typed, so that what is complained about there is found there.
                Part::Text(words) if matches!(words.as_str(), ";" | "=") => text.push_str(words),
                Part::Text(words) => {
                    push_place(text, 1, HIDDEN);
                    text.push_str(words);
                    text.push(' ');
                }
                Part::Tokens(tokens) => self.emit_tokens(text, tokens, dissect),
            }
        }
    }

    fn emit_tokens(&self, text: &mut String, tokens: &[usize], dissect: Option<usize>) {
        let is_directive = |at: usize| self.tokens[at].kind == TokenKind::Directive;
        let mut index = 0;
        while index < tokens.len() {
            let at = tokens[index];
            let token = self.tokens[at];
            let is_next = index > 0 && tokens[index - 1] + 1 == at;
            let mut start = token.start;
            if dissect == Some(token.line) && !is_directive(at) {
                push_place(text, at + 1, COLUMNS);
            } else if is_next && dissect != Some(self.tokens[at - 1].line) {
                start = self.tokens[at - 1].end;
            } else {
                push_place(text, token.line, &self.file);
            }
            // What follows goes with it as it was typed.
            let mut last = at;
            index += 1;
            while dissect.is_none() && !is_directive(last) && tokens.get(index) == Some(&(last + 1)) {
                (last, index) = (last + 1, index + 1);
            }
            text.push_str(&self.text[start..self.tokens[last].end]);
            if is_directive(last) {
                text.push('\n');
            }
        }
    }

    /// What stands before, behind the headers: declarations of what `uses` names.
    fn prelude(&self, uses: &[(String, bool)], own: &FxHashSet<String>, pending: &[Definition]) -> String {
        let mut known = Cow::Borrowed(own);
        if let Some(headers) = &self.headers {
            known.to_mut().extend(headers.names.iter().cloned());
        }
        let mut fields = parse::member_names(self.text, &self.tokens);
        if self.completes_all {
            fields.push("*".to_owned());
        }
        let declarations = self.session.declarations(uses, &fields, &known, pending, self.outside);
        // glibc's header makes it a macro with a riddle as its message; the compiler knows it itself.
        let own = if self.includes.is_empty() { "" } else { "#undef _Static_assert\n" };
        let mut text = String::with_capacity(TEXT_ROOM + declarations.len());
        text.extend([own, PROBE, ";"]);
        if !declarations.is_empty() {
            push_place(&mut text, 1, HIDDEN);
            text.push_str(&declarations);
        }
        text
    }

    // --- definitions ---

    fn compile_definitions(&mut self) -> Result<(), Diagnostic> {
        if !self.pending.iter().any(|one| !one.parts.is_empty()) {
            return Ok(());
        }
        // What a type only points to may stay incomplete; it could need this type itself.
        let needs = |one: &Pending| one.definition.uses.iter().filter(|(_, is_weak)| !is_weak || one.definition.kind != Kind::Type).cloned().collect::<Vec<_>>();
        let mut uses: Vec<(String, bool)> = self.pending.iter().flat_map(needs).collect();
        let plain = match &self.pending[..] {
            [one] if one.definition.kind == Kind::Function && self.includes.is_empty() => plain::function(&one.definition.declaration),
            _ => None,
        };
        if let Some(plain) = &plain {
            uses.retain(|(name, _)| !plain.parameters.contains(&name.as_str()) || self.session.find(name).is_some());
        }
        let prelude = self.prelude(&uses, &self.own, &[]);
        let is_alone = prelude.len() == PROBE.len() + 1;
        if let Some(type_text) = plain.filter(|_| is_alone).map(|plain| plain.type_text) {
            self.pending[0].definition.type_text = type_text;
        }
        let output = loop {
            let output = compiler::compile(&self.includes, &self.definitions_text(&prelude, None), &self.options, true);
            let Some(error) = output.error().cloned() else {
                break output;
            };
            if !(error.text.contains("initializer element is not constant") && self.make_dynamic(error.line)) {
                return Err(self.located(&error, &|line| self.definitions_text(&prelude, Some(line))));
            }
        };
        self.take_types(&output);
        let kept = self.check_warnings(&output, &|line| self.definitions_text(&prelude, Some(line)))?;
        self.cell.warnings.extend(kept);
        self.order_dynamic();
        if !self.tags.is_empty() {
            let before = self.definitions_text(&prelude, None);
            self.cell.shapes = shape::ask(&self.includes, &before, &self.options, PROBE, self.text, &self.tags);
        }
        let object = output.object.unwrap_or_default();
        // What has no declaration is there for its effect.
        let has_code = |one: &Pending| matches!(one.definition.kind, Kind::Function | Kind::Variable) || one.definition.kind == Kind::Type && one.definition.declaration.is_empty();
        let defines = self.pending.iter().any(has_code);
        self.cell.object = defines.then_some(object);
        Ok(())
    }

    fn definitions_text(&self, prelude: &str, dissect: Option<usize>) -> String {
        let mut text = String::with_capacity(prelude.len() + self.text.len() + TEXT_ROOM);
        text.push_str(prelude);
        for pending in &self.pending {
            match &pending.variable {
                Some(variable) if variable.is_dynamic => {
                    self.emit(&mut text, &variable.bare, dissect);
                    text.push_str(";\n");
                }
                _ => self.emit(&mut text, &pending.parts, dissect),
            }
        }
        push_place(&mut text, 1, PROBES);
        for (index, pending) in self.pending.iter().enumerate() {
            let is_typedef = pending.definition.declaration.starts_with("typedef ");
            let is_asked = pending.definition.type_text.is_empty();
            let has_type = is_typedef || matches!(pending.definition.kind, Kind::Function | Kind::Variable | Kind::Declaration);
            if let (true, Some(name)) = (has_type && is_asked, pending.definition.names.first()) {
                text.extend(["extern int __polyglot_probe_", &index.to_string(), "[sizeof(1 ? (__typeof__(", name, ") *)0 : (", PROBE, " *)0)];"]);
            }
            text.push('\n');
        }
        text
    }

    /// The first variable of a line whose initialiser the compiler could not evaluate. False: there is none.
    fn make_dynamic(&mut self, line: usize) -> bool {
        let tokens = &self.tokens;
        let covers = |variable: &Variable| {
            let lines = |at: &usize| tokens[*at].line;
            !variable.is_dynamic && variable.initialiser.first().is_some_and(|at| lines(at) <= line)
                && variable.initialiser.last().is_some_and(|at| lines(at) + 1 >= line)
        };
        let found = self.pending.iter_mut().filter_map(|one| one.variable.as_mut()).find(|variable| covers(variable));
        let Some(variable) = found else {
            return false;
        };
        variable.is_dynamic = true;
        // Its value comes later: it cannot be const, and what has no size takes that of the initialiser.
        let is_unsized = variable.is_unsized;
        for part in &mut variable.bare {
            if let Part::Tokens(places) = part {
                places.retain(|at| !matches!(tokens[*at].of(self.text), "const" | "__const"));
            }
        }
        if is_unsized {
            let head = self.pending.iter().filter_map(|one| one.variable.as_ref()).rfind(|one| one.is_dynamic && one.is_unsized);
            if let Some(head) = head {
                let words = self.render(&head.bare);
                let (name, initialiser) = (head.name.clone(), self.original(&head.initialiser));
                let array = words.replacen(&name, "", 1);
                let text = format!("__typeof__(({array}){initialiser}) {name}");
                if let Some(one) = self.pending.iter_mut().filter_map(|one| one.variable.as_mut()).find(|one| one.name == name) {
                    one.bare = vec![Part::Text(text)];
                }
            }
        }
        true
    }

    /// Puts the initialisers among the statements, where they were typed.
    fn order_dynamic(&mut self) {
        for index in 0..self.pending.len() {
            let Some(place) = self.pending[index].variable.as_ref().filter(|one| one.is_dynamic).map(|one| one.initialiser[0]) else {
                continue;
            };
            let before = |step: &Step| match step {
                Step::Tokens(tokens) => tokens[0] < place,
                Step::Initialise(other) => *other < index,
            };
            let at = self.steps.iter().position(|step| !before(step)).unwrap_or(self.steps.len());
            self.steps.insert(at, Step::Initialise(index));
        }
    }

    /// The types that the probes' warnings tell.
    fn take_types(&mut self, output: &Output) {
        for message in output.messages.iter().filter(|message| message.file == PROBES) {
            let Some(found) = pointee_of_probe(&message.text) else { continue };
            if let Some(pending) = self.pending.get_mut(message.line.wrapping_sub(1)) {
                if pending.variable.as_ref().is_some_and(|variable| variable.is_unsized) {
                    // extern int a[] -> extern int a[3]
                    if let Some((_, rest)) = found.split_once('[') {
                        let count = rest.split(']').next().unwrap_or_default();
                        pending.definition.declaration = pending.definition.declaration.replacen("[]", &format!("[{count}]"), 1);
                    }
                }
                pending.definition.type_text = found;
            }
        }
    }
}

/// What follows is line `line` of `file`.
fn push_place(text: &mut String, line: usize, file: &str) {
    text.extend(["\n#line ", &line.to_string(), " \"", file, "\"\n"]);
}

/// The type that a probe's warning tells of: "('int (*)[3]' and 'struct __polyglot_probe *')" -> "int [3]".
pub fn pointee_of_probe(warning: &str) -> Option<String> {
    let (_, rest) = compiler::split_once(warning, "('")?;
    let (pointer, _) = compiler::split_once(rest, "' and '")?;
    Some(pointee(pointer))
}

/// What a pointer type points to, both as text.
pub fn pointee(pointer: &str) -> String {
    let pointer = pointer.strip_prefix("extern ").unwrap_or(pointer);
    let pointer = pointer.strip_prefix("static ").unwrap_or(pointer);
    let bytes = pointer.as_bytes();
    for start in 0..bytes.len() {
        let stars = bytes[start + 1..].iter().take_while(|byte| **byte == b'*').count();
        if bytes[start] != b'(' || stars == 0 || bytes.get(start + 1 + stars) != Some(&b')') {
            continue;
        }
        let (before, after) = (&pointer[..start], &pointer[start + stars + 2..]);
        return if stars == 1 { format!("{before}{after}") } else { format!("{before}({}){after}", "*".repeat(stars - 1)) };
    }
    pointer.trim_end().strip_suffix('*').unwrap_or(pointer).trim_end().to_owned()
}

pub fn is_array(type_text: &str) -> bool {
    behind_name(type_text).starts_with('[')
}

pub fn is_function(type_text: &str) -> bool {
    behind_name(type_text).starts_with('(')
}

/// What stands behind the place of the name in a type: "[2])(int)" of "int (*[2])(int)", "" of "char *".
fn behind_name(type_text: &str) -> &str {
    let mut rest = type_text;
    while let Some(at) = rest.find(['(', '[']) {
        match rest[at..].strip_prefix("(*") {
            Some(inner) => rest = inner.trim_start_matches(['*', ' ']).trim_start_matches("const").trim_start_matches("volatile"),
            None => return &rest[at..],
        }
        if rest.starts_with(')') {
            return "";
        }
    }
    ""
}

fn is_integer(type_text: &str) -> bool {
    let is_word = |word: &str| matches!(word, "int" | "unsigned" | "long" | "short" | "char" | "signed" | "_Bool");
    type_text.split(' ').all(is_word)
}
