//! Tokens of C text, with their places.
//!
//!     let tokens = lex::tokens(text);      // comments and white space are left out, nothing is refused
//!     let open = lex::open_end(text);      // what the end of the text is inside of
//!
//! A preprocessor line, with its continuations, is one token. Left out: trigraphs, line splices inside tokens.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Name,
    Number,
    Text, // "..."
    Char,
    Sign,
    Directive,
}

/// One token: `text[start..end]`, on line `line` (from 1).
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    pub line: usize,
}

impl Token {
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start..self.end]
    }
}

/// What the text ends inside of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    Nothing,
    Comment,
    /// A line that ends in a backslash.
    Splice,
}

/// A string or character whose quote is not closed on its line.
pub fn is_unterminated(token: &Token, text: &str) -> bool {
    let word = token.of(text);
    let Some(open) = word.find(['"', '\'']).filter(|_| matches!(token.kind, Kind::Text | Kind::Char)) else { return false };
    let inside = &word[open + 1..];
    let Some(body) = inside.strip_suffix(&word[open..open + 1]) else { return true };
    (body.len() - body.trim_end_matches('\\').len()) % 2 == 1
}

const LONG_SIGNS: [&str; 22] = [
    "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=",
];

pub fn tokens(text: &str) -> Vec<Token> {
    scan(text).0
}

pub fn open_end(text: &str) -> Open {
    scan(text).1
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    found: Vec<Token>,
}

fn scan(text: &str) -> (Vec<Token>, Open) {
    let mut scanner = Scanner { text, at: 0, line: 1, found: Vec::new() };
    let open = scanner.run();
    (scanner.found, open)
}

impl Scanner<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run(&mut self) -> Open {
        let mut at_line_start = true;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            match self.byte(0) {
                b'\n' => {
                    (self.line, self.at) = (self.line + 1, self.at + 1);
                    at_line_start = true;
                    continue;
                }
                b'\\' if rest[1..].trim_matches([' ', '\t', '\r']).is_empty() || rest[1..].trim_matches([' ', '\t', '\r']) == "\n" => {
                    return Open::Splice;
                }
                b'\\' if rest.starts_with("\\\n") => {
                    (self.line, self.at) = (self.line + 1, self.at + 2);
                    continue;
                }
                byte if byte.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                b'/' if rest.starts_with("//") => {
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                b'/' if rest.starts_with("/*") => {
                    let Some(length) = rest[2..].find("*/") else {
                        return Open::Comment;
                    };
                    self.line += rest[..length + 4].matches('\n').count();
                    self.at += length + 4;
                    continue;
                }
                b'#' if at_line_start => {
                    if let Some(open) = self.directive() {
                        return open;
                    }
                }
                _ => self.token(),
            }
            at_line_start = false;
        }
        Open::Nothing
    }

    /// A preprocessor line up to its line feed.
    fn directive(&mut self) -> Option<Open> {
        let (start, line) = (self.at, self.line);
        loop {
            let rest = &self.text[self.at..];
            let length = rest.find('\n').unwrap_or(rest.len());
            self.at += length;
            if !rest[..length].trim_end().ends_with('\\') {
                break;
            }
            if self.text[self.at..].trim().is_empty() {
                return Some(Open::Splice);
            }
            (self.at, self.line) = (self.at + 1, self.line + 1);
        }
        self.found.push(Token { kind: Kind::Directive, start, end: self.at, line });
        None
    }

    fn token(&mut self) {
        let (start, line) = (self.at, self.line);
        let rest = &self.text[start..];
        let first = self.byte(0);
        let prefixes: &[&str] = if matches!(first, b'u' | b'L' | b'U') { &["u8\"", "L\"", "u\"", "U\"", "L'", "u'", "U'"] } else { &[] };
        let prefix = prefixes.iter().find(|prefix| rest.starts_with(**prefix));
        let kind = if let Some(prefix) = prefix {
            self.at += prefix.len() - 1;
            self.quoted()
        } else if first == b'"' || first == b'\'' {
            self.quoted()
        } else if first.is_ascii_digit() || first == b'.' && self.byte(1).is_ascii_digit() {
            self.number(rest)
        } else if is_name_start(first) {
            self.at += rest.bytes().take_while(|byte| is_name_start(*byte) || byte.is_ascii_digit()).count();
            Kind::Name
        } else {
            let may_go_on = self.byte(1).is_ascii_punctuation();
            self.at += LONG_SIGNS.iter().filter(|_| may_go_on).find(|sign| rest.starts_with(**sign)).map_or(1, |sign| sign.len());
            Kind::Sign
        };
        self.found.push(Token { kind, start, end: self.at, line });
    }

    /// A string or character up to its quote; one that is not closed ends with its line.
    fn quoted(&mut self) -> Kind {
        let quote = self.byte(0);
        self.at += 1;
        loop {
            match self.byte(0) {
                0 if self.at >= self.text.len() => break,
                b'\n' => break,
                b'\\' => {
                    self.line += usize::from(self.byte(1) == b'\n');
                    let next = self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8);
                    self.at += 1 + next;
                }
                byte => {
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        if quote == b'"' { Kind::Text } else { Kind::Char }
    }

    fn number(&mut self, rest: &str) -> Kind {
        let bytes = rest.as_bytes();
        let mut length = 1;
        while let Some(&byte) = bytes.get(length) {
            let sign = matches!(byte, b'+' | b'-') && matches!(bytes[length - 1], b'e' | b'E' | b'p' | b'P');
            let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
            let exponent = sign && (!is_hex || matches!(bytes[length - 1], b'p' | b'P'));
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || exponent) {
                break;
            }
            length += 1;
        }
        self.at += length;
        Kind::Number
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The words of the language as tcc knows it.
pub const KEYWORDS: &[&str] = &[
    "_Alignas", "_Alignof", "_Bool", "_Generic", "_Noreturn", "_Static_assert", "__alignof__", "__asm__", "__attribute__", "__const",
    "__extension__", "__inline", "__inline__", "__restrict", "__restrict__", "__signed__", "__typeof__", "__volatile__", "asm", "auto",
    "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if", "inline",
    "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "typeof", "union",
    "unsigned", "void", "volatile", "while",
];

pub fn is_keyword(name: &str) -> bool {
    KEYWORDS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.of(text)).collect()
    }

    #[test]
    fn tokens_of_every_kind() {
        assert_eq!(texts("a->b+=0x1.8p-3; // c"), ["a", "->", "b", "+=", "0x1.8p-3", ";"]);
        assert_eq!(texts("L\"x\\\"y\" 'a' 1e+5 0xe+1"), ["L\"x\\\"y\"", "'a'", "1e+5", "0xe", "+", "1"]);
        assert_eq!(texts("#define A(x) \\\n  x\nint /* \n */ a"), ["#define A(x) \\\n  x", "int", "a"]);
        let lines: Vec<usize> = tokens("#define A \\\n 1\n/*\n*/ b\nc").iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 4, 5]);
    }

    #[test]
    fn what_is_open() {
        assert_eq!(open_end("int a; /* b"), Open::Comment);
        assert_eq!(open_end("a \\"), Open::Splice);
        assert_eq!(open_end("#define A \\\n"), Open::Splice);
        assert_eq!(open_end("\"a\nb"), Open::Nothing);
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
