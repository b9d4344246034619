//! Types of functions that need no compiler to tell them: "int f(char *s, long n);" is "int (char *, long)", as libtcc would print it.
//!
//! Where each type is one keyword and stars, and nothing else is declared around (a macro could be anything), asking libtcc would only
//! make it print the same words: a seventh of what such a definition takes.

use super::super::lex::{self, Kind, Token};

const TYPES: [&str; 6] = ["char", "double", "float", "int", "long", "short"];

pub struct Function<'a> {
    pub type_text: String,
    /// Their names mean nothing else within the function.
    pub parameters: Vec<&'a str>,
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    found: String,
    parameters: Vec<&'a str>,
}

/// None: the compiler must be asked.
pub fn function(declaration: &str) -> Option<Function<'_>> {
    let found = String::with_capacity(declaration.len());
    let mut reader = Reader { text: declaration, tokens: lex::tokens(declaration), at: 0, found, parameters: Vec::new() };
    reader.named_type(true)?;
    reader.parameters.clear();
    reader.found.push_str(if reader.found.ends_with('*') { "(" } else { " (" });
    reader.take("(")?;
    if reader.word() == "void" && reader.tokens.get(reader.at + 1).is_some_and(|token| token.of(declaration) == ")") {
        reader.at += 1; // "no parameters", which libtcc prints as nothing
    } else {
        reader.named_type(false)?;
        while reader.take(",").is_some() {
            reader.found.push_str(", ");
            reader.named_type(false)?;
        }
    }
    reader.take(")")?;
    reader.take(";")?;
    reader.found.push(')');
    (reader.at == reader.tokens.len()).then_some(Function { type_text: reader.found, parameters: reader.parameters })
}

impl<'a> Reader<'a> {
    fn word(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |token| token.of(self.text))
    }

    fn take(&mut self, word: &str) -> Option<()> {
        let is_it = self.word() == word;
        self.at += usize::from(is_it);
        is_it.then_some(())
    }

    /// A keyword, stars, a name. `may_be_void`: also without stars.
    fn named_type(&mut self, may_be_void: bool) -> Option<()> {
        let word = self.word();
        if !TYPES.contains(&word) && word != "void" {
            return None;
        }
        self.at += 1;
        self.found.push_str(word);
        let stars = (self.at..self.tokens.len()).take_while(|at| self.tokens[*at].of(self.text) == "*").count();
        if stars == 0 && word == "void" && !may_be_void {
            return None;
        }
        if stars > 0 {
            self.found.push(' ');
            self.found.extend(std::iter::repeat_n('*', stars));
            self.at += stars;
        }
        let name = self.tokens.get(self.at).filter(|token| token.kind == Kind::Name)?.of(self.text);
        self.at += 1;
        self.parameters.push(name);
        (!lex::is_keyword(name)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PROBE, PROBES, pointee_of_probe};
    use super::*;
    use crate::compiler::compile;

    /// As cell.rs asks.
    fn told(declaration: &str) -> String {
        let text = format!("{PROBE};\n{declaration}\n#line 1 \"{PROBES}\"\nextern int p[sizeof(1 ? (__typeof__(f) *)0 : ({PROBE} *)0)];\n");
        let output = compile("", &text, "-nostdlib", false);
        output.messages.iter().find_map(|message| pointee_of_probe(&message.text)).unwrap()
    }

    fn function_type(declaration: &str) -> Option<String> {
        function(declaration).map(|found| found.type_text)
    }

    #[test]
    fn parameters() {
        assert_eq!(function("int f(int a, char *b);").unwrap().parameters, ["a", "b"]);
        assert!(function("int f(void);").unwrap().parameters.is_empty());
    }

    #[test]
    fn it_is_what_the_compiler_tells() {
        for declaration in ["int f(int a);", "void f(void);", "char *f(char *s, long n);", "double f(float a, double **b, short c, char d);",
                            "void *f(void *p);", "long f( long\n * a ,int b ) ;", "float ***f(void);", "short f(void **v, short s);"] {
            assert_eq!(function_type(declaration).as_deref(), Some(told(declaration).as_str()), "{declaration}");
        }
    }

    #[test]
    fn of_all_others_the_compiler_is_asked() {
        for declaration in ["int f();", "int f(int);", "int f(void a);", "unsigned f(int a);", "int f(const int a);", "int f(int a[3]);", "long int f(int a);",
                            "int (f)(int a);", "int (*f(int a))(void);", "int f(int a, ...);", "struct s f(int a);", "size_t f(int a);", "int f(int a) ;;",
                            "int f(int (*g)(int));", "static int f(int a);", "int f(int a) __attribute__((noinline));", "int *const f(int a);", "int", ""] {
            assert_eq!(function_type(declaration), None, "{declaration}");
        }
    }
}
