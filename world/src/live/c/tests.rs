//! Cells, compiled with libtcc but not linked.

use super::cell::{self, Cell, Diagnostic, Flags};
use super::parse;
use super::session::{Alone, Outside, Session, bare};

fn prepare(session: &Session, text: &str) -> Result<Cell, Diagnostic> {
    cell::prepare(session, text, &Alone, Flags::default())
}

fn run(session: &mut Session, text: &str) -> Cell {
    let cell = prepare(session, text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    session.commit(&cell);
    cell
}

fn fail(session: &Session, text: &str) -> (usize, usize, String) {
    let error = prepare(session, text).err().unwrap_or_else(|| panic!("{text} compiles"));
    (error.line, error.column, error.message)
}

#[test]
fn types_of_values() {
    let mut session = Session::default();
    run(&mut session, "struct P { int x; char *n; }; struct P p; int a[3]; int f(int x, const char *y) { return x; } void v(void) {}");
    for (text, expected) in [
        ("1", "int"), ("1.5f", "float"), ("\"hi\"", "char [3]"), ("a", "int [3]"), ("&a", "int (*)[3]"), ("f", "int (int, const char *)"),
        ("&f", "int (*)(int, const char *)"), ("v()", "void"), ("p", "struct P"), ("p.n", "char *"), ("f(1, 0)", "int"), ("1UL << 3", "unsigned long"),
        ("(_Bool)1", "_Bool"), ("({ int k = 3; k * 2L; })", "long"), ("sizeof p", "unsigned long"), ("a[1] = 3", "int"), ("&p.x", "int *"),
    ] {
        assert_eq!(run(&mut session, text).value_type, expected, "{text}");
    }
    assert_eq!(run(&mut session, "a[1];").value_type, "");
}

#[test]
fn where_a_value_lies() {
    for (text, array, function) in [
        ("int [3]", true, false), ("int (*[2])(int, int)", true, false), ("int (*)[3]", false, false), ("int (int)", false, true), ("char *", false, false),
        ("void (void *, int (*)(const void *))", false, true), ("int (*(int))(char)", false, true), ("int (*(*)[2])(int)", false, false),
        ("int (*)(int)", false, false), ("char *[4]", true, false), ("struct a", false, false),
    ] {
        assert_eq!((cell::is_array(text), cell::is_function(text)), (array, function), "{text}");
    }
    let mut session = Session::default();
    run(&mut session, "int f(int a, int b) { return a + b; } int (*table[2])(int, int) = {f, f}; struct { int a : 3, b : 5; } bits = {1, -3}, *where = &bits;");
    assert_eq!(run(&mut session, "table").value_type, "int (*[2])(int, int)");
    for text in ["bits.b", "where->b", "(bits.b)", "bits.b + 1"] {
        assert_eq!(run(&mut session, text).value_type, "int", "{text}");
    }
}

#[test]
fn conditions_choose() {
    let mut session = Session::default();
    run(&mut session, "#define FIRST 1\n#include <limits.h>");
    let text = "#if FIRST && INT_MAX > 5\nint chosen = 1;\n#if 0\nthis is no C\n#else\n#define MORE\n#endif\n#else\nint chosen = \"text\";\nint other;\n#endif\n#ifdef MORE\nint third;\n#endif\nchosen";
    let cell = run(&mut session, text);
    let names: Vec<_> = cell.definitions.iter().map(|one| one.names[0].as_str()).collect();
    assert_eq!((names, cell.value_type.as_str()), (vec!["chosen", "MORE", "third"], "int"));
    assert_eq!(fail(&session, "#if 1\nint a;\n#else\nint b;\n#endif\n  missing"), (6, 3, "'missing' undeclared".into()));
    assert_eq!(fail(&session, "int a;\n#else\nint b;\n#endif").0, 2);
    assert_eq!(run(&mut session, "int f(void) {\n#if FIRST\nreturn 1;\n#else\nreturn \"\" + ;\n#endif\n} f()").value_type, "int");
}

#[test]
fn labels_are_steps() {
    let mut session = Session::default();
    assert_eq!(run(&mut session, "int n = 0; again: n++; if (n < 3) goto again; n").value_type, "int");
    assert_eq!(run(&mut session, "goto done; done: 3").value_type, "int");
}

#[test]
fn definitions_persist_and_are_replaced() {
    let mut session = Session::default();
    let cell = run(&mut session, "int counter = 5, *where = &counter;\nstatic inline int next(void) { return ++counter; }\n#define TWICE(x) ((x) * 2)");
    let shape: Vec<_> = cell.definitions.iter().map(|one| (one.names[0].as_str(), one.kind.name(), one.type_text.as_str())).collect();
    assert_eq!(shape, [("counter", "variable", "int"), ("where", "variable", "int *"), ("next", "function", "int ()"), ("TWICE", "macro", "")]);
    assert_eq!(cell.definitions[2].source, "int next(void) { return ++counter; }");
    assert_eq!(run(&mut session, "TWICE(next()) + *where").value_type, "int");
    run(&mut session, "double next(void) { return counter; }");
    assert_eq!(run(&mut session, "next()").value_type, "double");
    run(&mut session, "#undef TWICE");
    assert!(prepare(&session, "TWICE(1)").is_err());
}

#[test]
fn structures_in_any_order() {
    let mut session = Session::default();
    run(&mut session, "struct A { struct B *b; int n; };");
    run(&mut session, "struct B { struct A a; }; typedef struct { int q; } T; typedef T *TP; enum E { RED, BLUE = 5 };");
    run(&mut session, "struct B b; T t = { 3 }; TP tp = &t; enum E e = BLUE; struct { int z; } anonymous;");
    for (text, expected) in [("b.a.n", "int"), ("t.q + tp->q", "int"), ("e == BLUE", "int"), ("t", "struct T"), ("anonymous.z", "int"), ("e", "enum E")] {
        assert_eq!(run(&mut session, text).value_type, expected, "{text}");
    }
    run(&mut session, "struct A { struct B *b; int n; double more; };");
    assert_eq!(run(&mut session, "b.a.more").value_type, "double");
}

#[test]
fn initialisers_that_are_no_constants() {
    let mut session = Session::default();
    run(&mut session, "int f(int x) { return x; } struct P { int x, y; };");
    let cell = run(&mut session, "int x = f(3); int many[] = {f(1), 2, 3}; struct P p = {x, 4}; const int c = f(2); const char *s = \"abc\"; x");
    assert!(cell.object.is_some() && cell.statements.is_some() && cell.value_type == "int");
    assert_eq!(run(&mut session, "sizeof many / sizeof many[0] + c").value_type, "unsigned long");
    assert_eq!(run(&mut session, "many").value_type, "int [3]");
    run(&mut session, "int fixed[] = {1, 2};");
    assert_eq!(run(&mut session, "fixed").value_type, "int [2]");
    assert_eq!(run(&mut session, "auto_free: 1; ").value_type, "");
}

#[test]
fn errors_point_at_the_place() {
    let session = Session::default();
    assert_eq!(fail(&session, "int f(int a) {\n    return a + undefined_thing;\n}"), (2, 16, "'undefined_thing' undeclared".into()));
    assert_eq!(fail(&session, "1 + nothing * 2"), (1, 5, "'nothing' undeclared".into()));
    assert_eq!(fail(&session, "int x = 1;\nint y =\n  foo(3) + x;"), (3, 3, "'foo' is not declared".into()));
    assert_eq!(fail(&session, "  call_me(3)"), (1, 3, "'call_me' is not declared".into()));
    assert_eq!(fail(&session, "int f(void) {\n  int a = 3\n  return a; }").0, 2, "after the token that lacks its semicolon");
    let (line, column, message) = fail(&session, "struct Q { int a; } q; q.bb = 3;");
    assert!(line == 1 && column == 26 && message.contains("bb"), "{line} {column} {message}");
    assert_eq!(fail(&session, "const int k = 5; k = 6").2, "assignment of read-only location");
    assert_eq!(fail(&session, "int a = 1;\nchar *s = \"abc;").1, 11);
    assert_eq!(fail(&session, " 'x").0, 1);
    assert_eq!(fail(&session, "struct gone g;").2, "the type is incomplete: it is named here, and nowhere defined");
    let warning = prepare(&session, "int two(int a) { return a; } int one;\none = two(\"a\")").unwrap().warnings;
    assert!(warning.iter().any(|one| one.line == 2 && one.column >= 7), "{warning:?}");
    let (line, _, message) = fail(&session, "#include <no_such_header.h>\n");
    assert!(line == 1 && message.contains("no_such_header.h"));
}

#[test]
fn headers_and_own_names() {
    let mut session = Session::default();
    run(&mut session, "#include <stdint.h>\n#include <string.h>\nuint32_t u = 7;");
    assert_eq!(run(&mut session, "u").value_type, "unsigned int");
    assert_eq!(run(&mut session, "uint8_t *bytes = (uint8_t *)&u; strlen(\"abc\")").value_type, "unsigned long");
    assert_eq!(run(&mut session, "UINT8_MAX").value_type, "int");
}

struct Kernel;

impl Outside for Kernel {
    fn meaning(&self, name: &str) -> parse::Meaning {
        if name == "paddr_t" { parse::Meaning::Type } else { parse::Meaning::Unknown }
    }

    fn declare(&self, names: &[String], _: &[String], known: &dyn Fn(&str) -> bool) -> String {
        let all = [("paddr_t", "typedef unsigned long paddr_t;"), ("page_count", "unsigned long page_count(int);"), ("struct page", "struct page { int users; };")];
        all.iter().filter(|(name, _)| names.iter().any(|asked| asked == name) && !known(bare(name))).map(|(_, text)| format!("{text}\n")).collect()
    }

    fn preprocess(&self, _: &str) -> Result<String, String> {
        Err("no headers".into())
    }
}

#[test]
fn names_of_the_kernel_need_no_header() {
    let mut session = Session::default();
    for (text, expected) in [("page_count(1) + 1", "unsigned long"), ("paddr_t where = page_count(2); where", "unsigned long"), ("(struct page *)0", "struct page *")] {
        let cell = cell::prepare(&session, text, &Kernel, Flags::default()).unwrap();
        assert_eq!(cell.value_type, expected);
        session.commit(&cell);
    }
    let cell = cell::prepare(&session, "int page_count(char *x) { return 3; }", &Kernel, Flags::default()).unwrap();
    assert_eq!(cell.definitions[0].type_text, "int (char *)", "an own definition wins");
}

#[test]
fn without_sse() {
    let session = Session::default();
    let refused = cell::prepare(&session, "double f(double x) { return x * 2; }", &Alone, Flags { no_sse: true, file: "" });
    assert!(refused.is_err_and(|error| error.message.contains("SSE")));
}

#[test]
fn nothing_panics_on_nonsense() {
    let session = Session::default();
    for text in ["", ";", "}", ")", "\"", "'", "#", "int", "struct", "struct {", "= 3", "int x = ;", "é", "int é = 3; é", "\\", "case 1:", "@", "if", "else", "int f(", "typedef", "a:", "\u{0}", "int [3];", "enum {,};"] {
        let _ = prepare(&session, text);
        let _ = parse::is_complete(text);
    }
}

#[test]
fn shapes_of_structures() {
    let session = Session::default();
    let text = "typedef unsigned u32; struct P { char c; u32 n, *p; unsigned a : 3, b : 5; union { int i; float f; }; struct { short s[2]; } in; int (*call)(int); };\nenum E { RED, BLUE = 5, GREEN };";
    let cell = prepare(&session, text).unwrap();
    let shape = cell.shapes.iter().find(|shape| shape.tag == "struct P").unwrap();
    let fields: Vec<_> = shape.fields.iter().map(|one| (one.name.as_str(), one.type_text.as_str(), one.offset, one.bits)).collect();
    let inner = "struct __anonymous_1_".to_owned();
    assert!(fields[7].1.starts_with(&inner), "{fields:?}");
    assert_eq!(fields[..7], [("c", "char", 0, None), ("n", "unsigned int", 4, None), ("p", "unsigned int *", 8, None), ("a", "unsigned int", 16, Some((0, 3))),
                             ("b", "unsigned int", 16, Some((3, 5))), ("i", "int", 20, None), ("f", "float", 20, None)]);
    assert_eq!(fields[8], ("call", "int (*)(int)", 32, None));
    assert_eq!((shape.size, shape.align), (40, 8));
    assert!(cell.shapes.iter().any(|shape| shape.tag.starts_with(&inner) && shape.fields[0].type_text == "short [2]"));
    let colours = cell.shapes.iter().find(|shape| shape.tag == "enum E").unwrap();
    assert_eq!(colours.constants, [("RED".to_owned(), 0), ("BLUE".to_owned(), 5), ("GREEN".to_owned(), 6)]);
    assert_eq!(cell.definitions[0].type_text, "unsigned int");
}

#[test]
fn macros_that_declare() {
    let mut session = Session::default();
    let macros = "#define ROW(name, f) static const int *const row_##name __attribute__((section(\".rows\"), used)) = &f\n#define CALL(x) f(x)";
    run(&mut session, macros);
    let cell = run(&mut session, "int value = 3; int f(int x) { return x; }\nROW(first, value);\nCALL(4)");
    assert!(cell.object.unwrap().windows(5).any(|bytes| bytes == b".rows"));
    assert_eq!(cell.value_type, "int");
    let row = cell.definitions.last().unwrap();
    assert_eq!((row.names[0].as_str(), row.source.as_str()), ("ROW(first)", "ROW(first, value);"));
    let cell = prepare(&session, &format!("{macros}\nint other;\nROW(second, other)")).unwrap();
    assert!(cell.object.unwrap().windows(5).any(|bytes| bytes == b".rows"));
}

#[test]
fn parameters_that_are_macros_are_macros() {
    let mut session = Session::default();
    assert_eq!(run(&mut session, "int f(int a, char *n) { return a + *n; }").definitions[0].type_text, "int (int, char *)");
    run(&mut session, "#define a *p");
    assert_eq!(run(&mut session, "int f(int a, char *n) { return *p + *n; }").definitions[0].type_text, "int (int *, char *)");
    run(&mut session, "int n = 3; typedef long a_t;");
    assert_eq!(run(&mut session, "int f(int n) { return n; }").definitions[0].type_text, "int (int)");
    assert_eq!(run(&mut session, "long f(long a_t) { return a_t; }").definitions[0].type_text, "long (long)");
}
