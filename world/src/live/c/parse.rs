//! What a cell of C consists of: directives, declarations, functions, statements, expressions, in any mix.
//!
//!     parse::is_complete(text)               does it wait for more lines?
//!     parse::items(text, &tokens, &meaning)  its items in order
//!
//! The compiler judges what is right; this only finds where things begin and end and what they define, so a text with
//! mistakes comes out as something that the compiler refuses at the same place. `meaning` tells types from values, which C
//! cannot do by its grammar. Left out: parameters in the style of K&R.

use super::lex::{self, Kind, Open, Token};
use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    Type,
    Value,
    Unknown,
}

/// Ranges are of tokens.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    Directive(usize),
    Declaration(Declaration),
    Statement(Range<usize>),
    /// Without its semicolon. `is_shown`: it has none.
    Expression { range: Range<usize>, is_shown: bool },
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    pub range: Range<usize>,
    pub specifiers: Range<usize>,
    pub is_typedef: bool,
    pub is_extern: bool,
    /// struct, union or enum that is defined here.
    pub tag: Option<Tag>,
    pub declarators: Vec<Declarator>,
    /// Of a function, with its braces.
    pub body: Option<Range<usize>>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    pub keyword: usize,
    pub name: Option<usize>,
    /// With its braces.
    pub body: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Declarator {
    pub name: usize,
    /// Without its initialiser.
    pub range: Range<usize>,
    pub initialiser: Option<Range<usize>>,
    pub is_function: bool,
    /// Its first dimension is missing.
    pub is_unsized: bool,
}

const STORAGE: &[&str] = &["typedef", "extern", "static", "inline", "__inline", "__inline__", "register", "auto", "_Noreturn", "__extension__"];
const QUALIFIERS: &[&str] = &["const", "__const", "volatile", "__volatile__", "restrict", "__restrict", "__restrict__"];
const TYPES: &[&str] =
    &["void", "char", "short", "int", "long", "float", "double", "signed", "__signed__", "unsigned", "_Bool"];

/// The words that may begin a declaration.
pub fn begins_declaration(word: &str) -> bool {
    STORAGE.contains(&word) || QUALIFIERS.contains(&word) || TYPES.contains(&word) || is_tag_word(word)
        || matches!(word, "typeof" | "__typeof__" | "__attribute__" | "_Alignas" | "_Static_assert")
}

pub fn is_tag_word(word: &str) -> bool {
    matches!(word, "struct" | "union" | "enum")
}

/// Words that a definition loses when it becomes one of all cells.
pub fn is_storage_of_a_file(word: &str) -> bool {
    matches!(word, "static" | "inline" | "__inline" | "__inline__" | "register" | "auto")
}

pub fn is_qualifier(word: &str) -> bool {
    QUALIFIERS.contains(&word)
}

/// Does the text make sense as it is, or does more belong to it?
pub fn is_complete(text: &str) -> bool {
    let (tokens, open) = (lex::tokens(text), lex::open_end(text));
    if open != Open::Nothing || open_conditions(text, &tokens) > 0 {
        return false;
    }
    let Some(last) = tokens.last().filter(|token| token.kind != Kind::Directive) else {
        return true;
    };
    match depth(text, &tokens) {
        1.. => return false,
        0 => {}
        _ => return true, // the compiler says what is wrong
    }
    let word = last.of(text);
    if last.kind == Kind::Sign && !matches!(word, ";" | ")" | "]" | "}" | "++" | "--") || word == "else" || word == "do" {
        return false;
    }
    let parser = Parser { text, tokens: &tokens, meaning: &|_| Meaning::Unknown };
    let mut at = 0;
    while at < tokens.len() {
        let (item, end, ended) = parser.item(at);
        if !ended && end == tokens.len() {
            return match item {
                Item::Statement(_) => false,
                // A function's head waits for its body, `struct x y` and expressions are whole.
                Item::Declaration(found) => !(found.declarators.len() == 1
                    && found.declarators[0].is_function
                    && found.body.is_none()
                    && !found.is_extern
                    && word == ")"),
                _ => true,
            };
        }
        at = end;
    }
    true
}

/// Brackets that are open at the end; negative: one was closed that was not open.
fn depth(text: &str, tokens: &[Token]) -> i32 {
    let mut depth = 0;
    for token in tokens.iter().filter(|token| token.kind == Kind::Sign) {
        depth += step(token.of(text));
        if depth < 0 {
            return depth;
        }
    }
    depth
}

fn step(sign: &str) -> i32 {
    match sign {
        "(" | "[" | "{" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

/// #if without their #endif.
fn open_conditions(text: &str, tokens: &[Token]) -> i32 {
    let words = tokens.iter().filter(|token| token.kind == Kind::Directive).map(|token| directive(token.of(text)).0);
    words.map(|word| if word.starts_with("if") { 1 } else { -i32::from(word == "endif") }).sum()
}

/// (word, rest) of a preprocessor line.
pub fn directive(line: &str) -> (&str, &str) {
    let line = line.trim_start_matches('#').trim_start();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
    (&line[..end], line[end..].trim())
}

/// Does `NAME(parameters) body` of a #define begin a declaration, as DRIVER() does?
pub fn is_declaring(definition: &str) -> bool {
    let tokens = lex::tokens(definition);
    let [name, open, ..] = tokens.as_slice() else { return false };
    if open.of(definition) != "(" || open.start != name.end {
        return false;
    }
    let body = tokens.iter().position(|token| token.of(definition) == ")").and_then(|at| tokens.get(at + 1));
    body.is_some_and(|token| begins_declaration(token.of(definition)))
}

pub fn items(text: &str, tokens: &[Token], meaning: &dyn Fn(&str) -> Meaning) -> Vec<Item> {
    // What a cell itself defines as types are types further down.
    let own = std::cell::RefCell::new(Vec::<String>::new());
    let meaning = |name: &str| if own.borrow().iter().any(|own| own == name) { Meaning::Type } else { meaning(name) };
    let parser = Parser { text, tokens, meaning: &meaning };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let (mut item, end, _) = parser.item(at);
        if let Item::Declaration(declaration) = &item
            && declaration.is_typedef
        {
            own.borrow_mut().extend(declaration.declarators.iter().map(|one| tokens[one.name].of(text).to_owned()));
        }
        if let Item::Expression { is_shown, .. } = &mut item {
            *is_shown = *is_shown && end == tokens.len();
        }
        found.push(item);
        at = end;
    }
    found
}

/// The declarations of a structure's body (its tokens without the braces); ranges are of these.
pub fn fields(text: &str, tokens: &[Token]) -> Vec<Declaration> {
    let parser = Parser { text, tokens, meaning: &|_| Meaning::Type };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let (declaration, _) = parser.declaration(at);
        at = declaration.range.end.max(at + 1);
        found.push(declaration);
    }
    found
}

/// Does the end of the text lie inside something: a bracket, a comment, #if?
pub fn is_open(text: &str) -> bool {
    let tokens = lex::tokens(text);
    lex::open_end(text) != Open::Nothing || open_conditions(text, &tokens) > 0 || depth(text, &tokens) > 0
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    meaning: &'a dyn Fn(&str) -> Meaning,
}

impl<'a> Parser<'a> {
    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.of(self.text))
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Name && !lex::is_keyword(token.of(self.text)))
    }

    /// (item, where the next one begins, was its end there?)
    fn item(&self, at: usize) -> (Item, usize, bool) {
        let word = self.word(at);
        if self.tokens[at].kind == Kind::Directive {
            return (Item::Directive(at), at + 1, true);
        }
        if self.is_declaration(at) {
            let (declaration, ended) = self.declaration(at);
            let end = declaration.range.end;
            return (Item::Declaration(declaration), end, ended);
        }
        let is_statement = matches!(
            word,
            "{" | ";" | "if" | "else" | "for" | "while" | "do" | "switch" | "case" | "default" | "return" | "goto" | "break" | "continue" | "asm" | "__asm__"
        );
        if self.is_name(at) && self.word(at + 1) == ":" {
            return (Item::Statement(at..at + 2), at + 2, true); // a label; what follows is an item of its own
        }
        if is_statement {
            let (end, ended) = self.statement(at);
            return (Item::Statement(at..end), end, ended);
        }
        let (end, ended) = self.up_to_semicolon(at);
        let range = at..end - usize::from(ended);
        (Item::Expression { range, is_shown: !ended }, end, ended)
    }

    fn is_declaration(&self, at: usize) -> bool {
        let word = self.word(at);
        if begins_declaration(word) {
            return self.tokens[at].kind == Kind::Name;
        }
        if !self.is_name(at) {
            return false;
        }
        let next = self.word(at + 1);
        if next == "(" {
            return self.word(self.close(at + 1)) == "{"; // main() { ... }
        }
        let names_follow = self.is_name(at + 1) || is_qualifier(next);
        match (self.meaning)(word) {
            Meaning::Type => names_follow || next == "*",
            Meaning::Value => false,
            Meaning::Unknown if next == "*" => {
                let mut after = at + 1;
                while self.word(after) == "*" || is_qualifier(self.word(after)) {
                    after += 1;
                }
                self.is_name(after) && matches!(self.word(after + 1), ";" | "=" | "," | "[" | "(" | "")
            }
            Meaning::Unknown => names_follow,
        }
    }

    /// Behind the bracket that closes the one at `at`; the end where none does.
    fn close(&self, at: usize) -> usize {
        let mut depth = 0;
        for place in at..self.tokens.len() {
            if self.tokens[place].kind == Kind::Sign {
                depth += step(self.word(place));
                if depth <= 0 {
                    return place + 1;
                }
            }
        }
        self.tokens.len()
    }

    fn up_to_semicolon(&self, mut at: usize) -> (usize, bool) {
        while at < self.tokens.len() {
            match self.word(at) {
                ";" => return (at + 1, true),
                "(" | "[" | "{" => at = self.close(at),
                _ if self.tokens[at].kind == Kind::Directive => return (at, false),
                _ => at += 1,
            }
        }
        (at, false)
    }

    fn statement(&self, at: usize) -> (usize, bool) {
        let end = self.tokens.len();
        if at >= end {
            return (end, false);
        }
        match self.word(at) {
            "{" => (self.close(at), true),
            "if" | "while" | "for" | "switch" => {
                let (after, ended) = self.statement(self.close(at + 1));
                if ended && self.word(at) == "if" && self.word(after) == "else" { self.statement(after + 1) } else { (after, ended) }
            }
            "else" => self.statement(at + 1),
            "do" => {
                let (after, _) = self.statement(at + 1);
                if self.word(after) == "while" { self.up_to_semicolon(after) } else { (after, false) }
            }
            "case" | "default" => {
                let colon = (at..end).find(|place| self.word(*place) == ":").unwrap_or(end);
                self.statement(colon + 1)
            }
            _ if self.is_name(at) && self.word(at + 1) == ":" => {
                if at + 2 >= end { (end, true) } else { self.statement(at + 2) }
            }
            _ => self.up_to_semicolon(at),
        }
    }

    fn declaration(&self, start: usize) -> (Declaration, bool) {
        let mut found = Declaration::default();
        let mut at = self.specifiers(start, &mut found);
        found.specifiers = start..at;
        let mut ended = false;
        while at < self.tokens.len() {
            match self.word(at) {
                ";" => {
                    (at, ended) = (at + 1, true);
                    break;
                }
                "," => at += 1,
                "{" => {
                    let end = self.close(at);
                    found.body = Some(at..end);
                    (at, ended) = (end, true);
                    break;
                }
                _ => {
                    let (declarator, end) = self.declarator(at);
                    found.declarators.extend(declarator);
                    at = end.max(at + 1);
                }
            }
        }
        found.range = start..at;
        (found, ended)
    }

    /// Storage, qualifiers and type; returns where the declarators begin.
    fn specifiers(&self, mut at: usize, found: &mut Declaration) -> usize {
        let mut has_type = false;
        while at < self.tokens.len() {
            let word = self.word(at);
            match word {
                "__attribute__" | "_Alignas" | "_Static_assert" => at = self.close(at + 1),
                "typeof" | "__typeof__" => (at, has_type) = (self.close(at + 1), true),
                _ if is_tag_word(word) => {
                    at = self.tag(at, found);
                    has_type = true;
                }
                _ if STORAGE.contains(&word) || QUALIFIERS.contains(&word) => {
                    found.is_typedef |= word == "typedef";
                    found.is_extern |= word == "extern";
                    at += 1;
                }
                _ if TYPES.contains(&word) => (at, has_type) = (at + 1, true),
                _ if !has_type && self.is_name(at) && self.word(at + 1) == "(" && self.word(at + 2) == "*" => {
                    (at, has_type) = (at + 1, true); // T (*name)(...)
                }
                _ if !has_type && self.is_name(at) && !matches!(self.word(at + 1), "(" | ";" | "=" | "[" | ",") => {
                    (at, has_type) = (at + 1, true);
                }
                _ => break,
            }
        }
        at
    }

    fn tag(&self, keyword: usize, found: &mut Declaration) -> usize {
        let mut at = keyword + 1;
        let attributes = |mut at| {
            while self.word(at) == "__attribute__" {
                at = self.close(at + 1);
            }
            at
        };
        at = attributes(at);
        let name = self.is_name(at).then_some(at);
        at = attributes(at + usize::from(name.is_some()));
        if self.word(at) != "{" {
            return at;
        }
        let end = self.close(at);
        found.tag = Some(Tag { keyword, name, body: at..end });
        end
    }

    /// One declarator with its initialiser; it ends before a comma, a semicolon or a function's body.
    fn declarator(&self, start: usize) -> (Option<Declarator>, usize) {
        let (mut at, mut equals) = (start, None);
        while at < self.tokens.len() {
            match self.word(at) {
                "," | ";" => break,
                "{" if equals.is_none() => break,
                "=" if equals.is_none() => (equals, at) = (Some(at), at + 1),
                "(" | "[" | "{" => at = self.close(at),
                _ if self.tokens[at].kind == Kind::Directive => break,
                _ => at += 1,
            }
        }
        let range = start..equals.unwrap_or(at);
        let mut place = range.start;
        while place < range.end && !self.is_name(place) {
            place = if self.word(place) == "__attribute__" { self.close(place + 1) } else { place + 1 };
        }
        let declarator = (place < range.end).then(|| Declarator {
            name: place,
            is_function: self.word(place + 1) == "(" && place + 1 < range.end,
            is_unsized: self.word(place + 1) == "[" && self.word(place + 2) == "]",
            initialiser: equals.map(|equals| equals + 1..at),
            range,
        });
        (declarator, at)
    }
}

/// Names that a range of tokens uses, tags as "struct x": (name, does it stand for a pointer's target only?).
pub fn uses(text: &str, tokens: &[Token]) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut add = |name: String, is_weak: bool| match found.iter_mut().find(|(known, _)| *known == name) {
        Some((_, weak)) => *weak &= is_weak,
        None => found.push((name, is_weak)),
    };
    for (at, token) in tokens.iter().enumerate() {
        let word = token.of(text);
        if token.kind == Kind::Directive {
            let (_, rest) = directive(word);
            let inner = lex::tokens(rest);
            inner.iter().filter(|token| token.kind == Kind::Name).for_each(|token| add(token.of(rest).to_owned(), false));
            continue;
        }
        if token.kind != Kind::Name || lex::is_keyword(word) {
            continue;
        }
        let before = if at > 0 { tokens[at - 1].of(text) } else { "" };
        if is_tag_word(before) {
            add(format!("{before} {word}"), tokens.get(at + 1).is_some_and(|next| next.of(text) == "*"));
        } else if !matches!(before, "." | "->") {
            add(word.to_owned(), false);
        }
    }
    found
}

/// Names behind "." and "->".
pub fn member_names(text: &str, tokens: &[Token]) -> Vec<String> {
    let pairs = tokens.windows(2).filter(|pair| pair[1].kind == Kind::Name && matches!(pair[0].of(text), "." | "->"));
    pairs.map(|pair| pair[1].of(text).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let tokens = lex::tokens(text);
        let meaning = |name: &str| match name {
            "u64" => Meaning::Type,
            "a" | "b" | "f" => Meaning::Value,
            _ => Meaning::Unknown,
        };
        let words: Vec<String> = items(text, &tokens, &meaning)
            .iter()
            .map(|item| match item {
                Item::Directive(_) => "#".to_owned(),
                Item::Statement(_) => "S".to_owned(),
                Item::Expression { is_shown, .. } => if *is_shown { "E!" } else { "E" }.to_owned(),
                Item::Declaration(found) => {
                    let names: Vec<&str> = found.declarators.iter().map(|one| tokens[one.name].of(text)).collect();
                    format!("{}{}({})", if found.body.is_some() { "F" } else { "D" }, if found.tag.is_some() { "t" } else { "" }, names.join(","))
                }
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn items_of_every_kind() {
        assert_eq!(shape("int x = 5; x + 1"), "D(x) E!");
        assert_eq!(shape("int x = 5; x + 1;"), "D(x) E");
        assert_eq!(shape("#define A 1\nint f(int a) { return a; } f(A)"), "# F(f) E!");
        assert_eq!(shape("for (int i = 0; i < 3; i++) f(i); if (a) b; else { f(); } do f(); while (a); a"), "S S S E!");
        assert_eq!(shape("struct P { int x, y; } p = {1, 2}, *q = &p;"), "Dt(p,q)");
        assert_eq!(shape("typedef struct { int x; } T; T t = {1}; t.x"), "Dt(T) D(t) E!");
        assert_eq!(shape("typedef int (*callback)(int, char *); callback c; int (*fp)(void) = 0, n[] = {1, 2};"), "D(callback) D(c) D(fp,n)");
        assert_eq!(shape("a * b; u64 * c; foo * d; foo bar; (int)a"), "E D(c) D(d) D(bar) E!");
        assert_eq!(shape("static inline int g(void)\n{ return 1; } const char *s = \"x;y\";"), "F(g) D(s)");
        assert_eq!(shape("main() { return 3; }"), "F(main)");
        assert_eq!(shape("struct __attribute__((packed)) Q { char c; int i; }; enum { A, B = 3 };"), "Dt() Dt()");
        assert_eq!(shape("again: a++; goto again;"), "S E S");
        assert_eq!(shape("goto done; done: a"), "S S E!");
        assert_eq!(shape("unsigned long long x[3][4], *y[2];"), "D(x,y)");
    }

    #[test]
    fn declarators_in_detail() {
        let text = "int n[] = {1, 2}, f(int a), (*g(int))(void);";
        let tokens = lex::tokens(text);
        let Item::Declaration(found) = &items(text, &tokens, &|_| Meaning::Unknown)[0] else { panic!() };
        assert!(found.declarators[0].is_unsized && found.declarators[0].initialiser.is_some());
        assert!(found.declarators[1].is_function && found.declarators[2].is_function);
    }

    #[test]
    fn what_is_complete() {
        for text in ["1 + 1", "int x;", "int x", "f(1)", "if (a) b;", "int f(int a) { return a; }", "x++", "struct P { int x; };", "}",
                     "f(\"(\")", "'('", "goto done; done: 3", "// {", "#include <stdio.h>", "int f(int a);", "do a++; while (a < 3);", ""] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["1 +", "int f(int a) {", "f(1,", "if (a)", "if (a) b; else", "/* x", "#define A \\", "int f(int a)", "a =", "int x,",
                     "do { a++; }", "for (;;)", "#if 1\nint a;", "struct P {", "int a[] = {1,", "while (1)"] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn names_that_are_used() {
        let text = "struct A *a; struct B b; x.y + z->w + a;";
        let found = uses(text, &lex::tokens(text));
        let expected = [("struct A", true), ("a", false), ("struct B", false), ("b", false), ("x", false), ("z", false)];
        assert_eq!(found, expected.map(|(name, weak)| (name.to_owned(), weak)));
    }
}
