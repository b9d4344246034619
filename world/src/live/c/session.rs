//! What was defined at the C prompt, and the declarations of it that a new cell needs.
//!
//!     let text = session.declarations(&uses, &fields, &own, pending, outside);   // C, ready to stand before the cell
//!     session.add(definition);                                 // once it is linked
//!
//! Each definition keeps its source, its declaration and the names that it uses, so a cell is compiled with what it needs
//! and no more. Names of structures are "struct x". What is not defined here, the outside is asked for: kernel and other
//! languages.

use super::lex::{self, Kind as TokenKind};
use super::parse::{self, Item, Meaning};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Include,
    Macro,
    Type,
    Variable,
    Function,
    /// Of something that is defined elsewhere.
    Declaration,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Include => "include",
            Kind::Macro => "macro",
            Kind::Type => "type",
            Kind::Variable => "variable",
            Kind::Function => "function",
            Kind::Declaration => "declaration",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Definition {
    pub kind: Kind,
    pub names: Vec<String>,
    /// As it was typed; typed again it is the same definition.
    pub source: String,
    /// What others are compiled with.
    pub declaration: String,
    /// (name, only as a pointer's target?)
    pub uses: Vec<(String, bool)>,
    /// Of functions and variables, as the compiler prints it; "" if unknown.
    pub type_text: String,
}

/// The namespace around a session: the kernel's and other languages' names, and what headers define.
pub trait Outside {
    fn meaning(&self, name: &str) -> Meaning;
    /// Declarations in C of those names that it knows ("struct x" for tags), and of what these need; structures
    /// that have one of `fields` are complete. `known`: what is
    /// declared already and must not be again; tags without their keyword.
    fn declare(&self, names: &[String], fields: &[String], known: &dyn Fn(&str) -> bool) -> String;
    /// The text behind #include lines, with its #defines. Err: why not.
    fn preprocess(&self, includes: &str) -> Result<String, String>;
}

/// Nothing around.
#[cfg(test)]
pub struct Alone;

#[cfg(test)]
impl Outside for Alone {
    fn meaning(&self, _: &str) -> Meaning {
        Meaning::Unknown
    }

    fn declare(&self, _: &[String], _: &[String], _: &dyn Fn(&str) -> bool) -> String {
        String::new()
    }

    fn preprocess(&self, includes: &str) -> Result<String, String> {
        preprocess_by_process(includes)
    }
}

/// tcc's preprocessor as a program: libtcc cannot give its text.
pub fn preprocess_by_process(includes: &str) -> Result<String, String> {
    let path = std::env::temp_dir().join(format!(".polyglot-{}.c", std::process::id()));
    std::fs::write(&path, includes).map_err(|error| format!("{}: {error}", path.display()))?;
    let arguments = ["-E", "-dD", "-I", super::compiler::KERNEL_HEADERS];
    let result = std::process::Command::new("tcc").args(arguments).arg(&path).output();
    let _ = std::fs::remove_file(&path);
    let output = result.map_err(|error| format!("tcc cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[derive(Default, Clone)]
pub struct Headers {
    pub names: FxHashSet<String>,
    pub types: FxHashSet<String>,
    /// Macros whose call is a declaration.
    pub declaring: FxHashSet<String>,
}

impl Headers {
    /// The names in a preprocessed text; more than it defines, which does no harm.
    pub fn read(text: &str) -> Self {
        let tokens = lex::tokens(text);
        let mut found = Self::default();
        for token in &tokens {
            let word = token.of(text);
            match token.kind {
                TokenKind::Name if !lex::is_keyword(word) => drop(found.names.insert(word.to_owned())),
                TokenKind::Directive => {
                    if let ("define", rest) = parse::directive(word) {
                        let name = lex::tokens(rest).first().map_or("", |token| token.of(rest)).to_owned();
                        if parse::is_declaring(rest) {
                            found.declaring.insert(name.clone());
                        }
                        found.names.insert(name);
                    }
                }
                _ => {}
            }
        }
        let tags: Vec<String> = parse::uses(text, &tokens).into_iter().map(|(name, _)| name).filter(|name| name.contains(' ')).collect();
        found.names.extend(tags);
        for item in parse::items(text, &tokens, &|_| Meaning::Unknown) {
            if let Item::Declaration(declaration) = item
                && declaration.is_typedef
            {
                found.types.extend(declaration.declarators.iter().map(|one| tokens[one.name].of(text).to_owned()));
            }
        }
        found
    }
}

#[derive(Default)]
pub struct Session {
    pub definitions: Vec<Option<Arc<Definition>>>,
    by_name: FxHashMap<String, usize>,
    /// Lines of the definitions that are #includes.
    includes: String,
    pub headers: Headers,
    pub cells: u64,
}

impl Session {
    /// With room for the definitions of a session.
    pub fn with_room(count: usize) -> Self {
        let mut session = Self::default();
        session.by_name.reserve(count);
        session.definitions.reserve(count);
        session
    }

    pub fn find(&self, name: &str) -> Option<&Arc<Definition>> {
        self.definitions[*self.by_name.get(name)?].as_ref()
    }

    /// All of them, in the order in which they were made.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.iter().flatten()
    }

    /// Takes a definition; names that it has are those of others no more. Its place in the order is a new one.
    pub fn add(&mut self, definition: Arc<Definition>) {
        for name in &definition.names {
            self.forget(name);
        }
        let place = self.definitions.len();
        for name in &definition.names {
            self.by_name.insert(name.clone(), place);
        }
        let is_include = definition.kind == Kind::Include;
        self.definitions.push(Some(definition));
        if is_include {
            self.find_includes();
        }
    }

    /// False: there is no such name.
    pub fn forget(&mut self, name: &str) -> bool {
        let Some(place) = self.by_name.remove(name) else {
            return false;
        };
        if let Some(definition) = &mut self.definitions[place] {
            let definition = Arc::make_mut(definition);
            definition.names.retain(|one| one != name);
            if definition.names.is_empty() {
                let is_include = definition.kind == Kind::Include;
                self.definitions[place] = None;
                if is_include {
                    self.find_includes();
                }
            }
        }
        true
    }

    fn find_includes(&mut self) {
        self.includes = self.all().filter(|one| one.kind == Kind::Include).map(|one| one.source.clone() + "\n").collect();
    }

    pub fn includes(&self) -> &str {
        &self.includes
    }

    /// Is a call of this macro a declaration?
    pub fn is_declaring(&self, name: &str) -> bool {
        match self.find(name) {
            Some(found) => found.kind == Kind::Macro && parse::is_declaring(parse::directive(&found.source).1),
            None => self.headers.declaring.contains(name),
        }
    }

    pub fn meaning(&self, name: &str, outside: &dyn Outside) -> Meaning {
        match self.find(name) {
            Some(found) if found.kind == Kind::Type => Meaning::Type,
            Some(found) if found.kind == Kind::Macro => Meaning::Unknown,
            Some(_) => Meaning::Value,
            None if self.headers.types.contains(name) => Meaning::Type,
            None => outside.meaning(name),
        }
    }

    /// The declarations that a text needs which uses `uses`. `own`: what it defines itself, with declarations for those
    /// that are not linked yet (`pending`). `fields`: names behind "." and "->".
    pub fn declarations(
        &self, uses: &[(String, bool)], fields: &[String], own: &FxHashSet<String>, pending: &[Definition], outside: &dyn Outside,
    ) -> String {
        let mut work = Closure { session: self, own, pending, wanted: BTreeSet::new(), unknown: Vec::new(), seen: FxHashSet::default() };
        work.add(uses);
        let mut text = String::new();
        let asked: Vec<String> = work.unknown.iter().filter(|name| !self.headers.names.contains(*name)).cloned().collect();
        if !asked.is_empty() {
            // Asked of few names, so that a long session costs no more than a short one.
            let has = |name: &str| {
                self.headers.names.contains(name) || self.by_name.contains_key(name) || own.contains(name) || pending.iter().any(|one| one.names.iter().any(|known| known == name))
            };
            text += &outside.declare(&asked, fields, &|name| has(name) || TAG_WORDS.iter().any(|tag| has(&format!("{tag} {name}"))));
        }
        let (wanted, mut done) = (work.wanted.clone(), FxHashSet::default());
        for place in wanted {
            work.emit(place, &mut done, &mut text);
        }
        text
    }
}

const TAG_WORDS: [&str; 3] = ["struct", "union", "enum"];

/// "struct x" -> "x".
pub fn bare(name: &str) -> &str {
    name.rsplit(' ').next().unwrap_or_default()
}

/// Follows the names that names use.
struct Closure<'a> {
    session: &'a Session,
    own: &'a FxHashSet<String>,
    pending: &'a [Definition],
    /// Places: of the session, then of `pending`.
    wanted: BTreeSet<usize>,
    unknown: Vec<String>,
    seen: FxHashSet<String>,
}

impl<'a> Closure<'a> {
    fn place(&self, name: &str) -> Option<usize> {
        let newest = self.pending.iter().rposition(|one| one.names.iter().any(|known| known == name));
        newest.map(|at| self.session.definitions.len() + at).or_else(|| self.session.by_name.get(name).copied())
    }

    fn at(&self, place: usize) -> &'a Definition {
        let session = self.session;
        match place.checked_sub(session.definitions.len()) {
            Some(at) => &self.pending[at],
            None => session.definitions[place].as_ref().expect("a name leads to it"),
        }
    }

    fn add(&mut self, uses: &[(String, bool)]) {
        let mut work: Vec<String> = uses.iter().rev().map(|(name, _)| name.clone()).collect();
        while let Some(name) = work.pop() {
            if self.own.contains(&name) || !self.seen.insert(name.clone()) {
                continue;
            }
            match self.place(&name) {
                None => self.unknown.push(name),
                Some(place) => {
                    if self.wanted.insert(place) {
                        work.extend(self.at(place).uses.iter().map(|(name, _)| name.clone()));
                    }
                }
            }
        }
    }

    /// What a declaration needs stands before it; what it only points to need not.
    fn emit(&self, place: usize, done: &mut FxHashSet<usize>, text: &mut String) {
        if !done.insert(place) {
            return;
        }
        let definition = self.at(place);
        for (name, is_weak) in &definition.uses {
            let needed = !is_weak || definition.kind != Kind::Type;
            if let Some(before) = self.place(name).filter(|before| needed && self.wanted.contains(before)) {
                self.emit(before, done, text);
            }
        }
        if definition.kind != Kind::Include {
            text.push_str(&definition.declaration);
            text.push('\n');
        }
    }
}
