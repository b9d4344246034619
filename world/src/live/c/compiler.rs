//! Debian's libtcc: C source -> relocatable object, in memory.
//!
//!     let output = compiler::compile("#include <stdio.h>\n", source, "-nostdlib -g", true);
//!     output.object      Some(bytes) unless an error was found
//!     output.messages    errors and warnings in the order of their places
//!
//! libtcc's state is global: one compilation at a time (COMPILER). What it is after the first text (the session's #include
//! lines) is kept by checkpoint.rs, so that the same text costs nothing the next time, unless a header has changed.
//! Its errors end the compilation at the first one and name a line, no column: cell.rs finds that out.

use super::checkpoint::{self, Checkpoint};
use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Mutex;

#[repr(C)]
struct State {
    private: [u8; 0],
}

#[link(name = "tcc", kind = "static")]
unsafe extern "C" {
    fn tcc_new() -> *mut State;
    fn tcc_set_lib_path(state: *mut State, path: *const c_char);
    fn tcc_set_error_func(state: *mut State, opaque: *mut c_void, report: extern "C" fn(*mut c_void, *const c_char));
    fn tcc_set_options(state: *mut State, options: *const c_char);
    fn tcc_add_sysinclude_path(state: *mut State, path: *const c_char) -> c_int;
    fn tcc_add_file(state: *mut State, path: *const c_char) -> c_int;
    fn tcc_set_output_type(state: *mut State, kind: c_int) -> c_int;
    fn tcc_output_file(state: *mut State, path: *const c_char) -> c_int;
}

const OUTPUT_OBJECT: c_int = 4;
/// Where tcc's own headers and helpers are, here and on Debian.
const TCC_FOLDER: &CStr = c"/usr/lib/x86_64-linux-gnu/tcc";
/// The kernel's public headers, as the image has them.
pub const KERNEL_HEADERS: &str = "/usr/include/polyglot";
/// Of a #include set, and with or without SSE: more are not in use at a time.
const CHECKPOINTS: usize = 4;

/// How deep brackets may be nested: libtcc calls itself for each.
const NESTING: usize = 4000;

/// The lock of all below; the newest checkpoint is the last.
static COMPILER: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// The compiler behind a text that was compiled with these options, and what it said about it.
struct Kept {
    head: String,
    options: String,
    messages: Vec<Message>,
    checkpoint: Checkpoint,
}

/// What the compilation that runs works for.
#[derive(Default)]
struct Job {
    options: CString,
    keep: bool,
    status: c_int,
    messages: Vec<Message>,
}

struct Place(UnsafeCell<Option<Job>>);
// SAFETY: only whoever holds COMPILER uses it.
unsafe impl Sync for Place {}
static JOB: Place = Place(UnsafeCell::new(None));

fn job() -> &'static mut Job {
    // SAFETY: COMPILER is held; callers use it for single accesses.
    unsafe { (*JOB.0.get()).get_or_insert_with(Job::default) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub file: String,
    pub line: usize,
    pub is_warning: bool,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Output {
    pub object: Option<Vec<u8>>,
    pub messages: Vec<Message>,
}

impl Output {
    pub fn error(&self) -> Option<&Message> {
        self.messages.iter().find(|message| !message.is_warning)
    }
}

/// Compiles `head` and behind it `source`; `keep`: the object is wanted, not only the messages.
pub fn compile(head: &str, source: &str, options: &str, keep: bool) -> Output {
    let mut all = COMPILER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut output = Output::default();
    match compile_locked(&mut all, head, source, options, keep) {
        Ok(object) => output.object = Some(object).filter(|bytes| !bytes.is_empty()),
        Err(reason) => job().messages.push(complaint(&reason)),
    }
    output.messages = std::mem::take(&mut job().messages);
    if let Some(failure) = checkpoint::take_failure().filter(|_| output.error().is_none()) {
        output.messages.push(complaint(&format!("the compiler failed: {}", failure.to_string_lossy())));
    }
    if job().status != 0 && output.error().is_none() {
        output.messages.push(complaint("the compiler gave up without a reason"));
    }
    if output.error().is_some() {
        output.object = None;
    }
    output
}

/// The object; empty: none is wanted, or there was an error.
fn compile_locked(all: &mut Vec<Kept>, head: &str, source: &str, options: &str, keep: bool) -> Result<Vec<u8>, String> {
    *job() = Job { options: CString::new(options).map_err(|_| "the options have a NUL character")?, keep, ..Job::default() };
    if source.contains('\0') {
        return Err("the source has a NUL character".to_owned());
    }
    if source.len() > NESTING && nesting(source) > NESTING {
        return Err(format!("brackets are nested more than {NESTING} deep"));
    }
    let no_memory = |error: std::io::Error| format!("no memory for the compiler: {error}");
    checkpoint::prepare(Box::new(call_compiler)).map_err(no_memory)?;
    all.retain(|one| one.head != head || one.checkpoint.is_current());
    match all.iter().position(|one| one.head == head && one.options == options) {
        Some(at) => all[at..].rotate_left(1),
        None => {
            let Some(checkpoint) = checkpoint::make(head).map_err(no_memory)? else { return Ok(Vec::new()) };
            if all.len() == CHECKPOINTS {
                all.remove(0);
            }
            all.push(Kept { head: head.to_owned(), options: options.to_owned(), messages: std::mem::take(&mut job().messages), checkpoint });
        }
    }
    let Some(kept) = all.last() else { return Ok(Vec::new()) };
    job().messages = kept.messages.clone();
    checkpoint::run(&kept.checkpoint, source.as_bytes().to_vec()).map_err(no_memory)
}

/// How deep brackets are nested, those in texts and comments counted as well.
fn nesting(source: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        most = most.max(depth);
    }
    most
}

/// On the compiler's stack. What libtcc has taken is never given back: the next checkpoint overwrites it.
fn call_compiler() {
    // SAFETY: the calls in the order that libtcc.h tells; all texts outlive the calls, the folders' all compilations.
    unsafe {
        let state = tcc_new();
        if state.is_null() {
            job().messages.push(complaint("no memory for the compiler"));
            return;
        }
        tcc_set_error_func(state, std::ptr::null_mut(), report);
        tcc_set_lib_path(state, TCC_FOLDER.as_ptr());
        tcc_set_options(state, job().options.as_ptr());
        tcc_set_output_type(state, OUTPUT_OBJECT);
        tcc_add_sysinclude_path(state, c"/usr/include/polyglot".as_ptr());
        job().status = tcc_add_file(state, checkpoint::SOURCE.as_ptr());
        if job().status == 0 && job().keep && !job().messages.iter().any(|one| !one.is_warning) {
            job().status = tcc_output_file(state, checkpoint::OBJECT.as_ptr());
        }
    }
}

fn complaint(text: &str) -> Message {
    Message { file: String::new(), line: 0, is_warning: false, text: text.to_owned() }
}

extern "C" fn report(_: *mut c_void, text: *const c_char) {
    // SAFETY: libtcc gives a string.
    let text = unsafe { CStr::from_ptr(text) };
    let _outside = checkpoint::Outside::begin();
    let message = text.to_str().map_or_else(|_| parse_message(&text.to_string_lossy()), parse_message);
    job().messages.push(message);
}

/// str::split_once for a short text and an ASCII mark: each cell has a message, and what str prepares for a search takes longer than this one.
pub fn split_once<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let first = *mark.as_bytes().first()?;
    let mut places = text.bytes().enumerate().filter(|(_, byte)| *byte == first);
    let (at, _) = places.find(|(at, _)| text.as_bytes()[*at..].starts_with(mark.as_bytes()))?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// "FILE:LINE: error: TEXT", after lines that say from where FILE was included.
fn parse_message(text: &str) -> Message {
    let line = text.lines().find(|line| !line.starts_with("In file included")).unwrap_or(text);
    for at in line.bytes().enumerate().filter(|(_, byte)| *byte == b':').map(|(at, _)| at) {
        let (place, rest) = line.split_at(at);
        for (mark, is_warning) in [(": error: ", false), (": warning: ", true)] {
            if let Some(what) = rest.strip_prefix(mark) {
                let (file, number) = place.rsplit_once(':').unwrap_or((place, "0"));
                return Message { file: file.to_owned(), line: number.parse().unwrap_or(0), is_warning, text: what.to_owned() };
            }
        }
    }
    let is_warning = line.contains("warning: ");
    Message { file: String::new(), line: 0, is_warning, text: line.trim_start_matches("tcc: ").trim_start_matches("error: ").to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_once_and_again_when_they_change() {
        let path = std::env::temp_dir().join(format!("polyglot-head-{}.h", std::process::id()));
        let head = format!("#include \"{}\"\n", path.display());
        let compiles = |source: &str| compile(&head, source, "-nostdlib", true).object.is_some();
        std::fs::write(&path, "#define ONE 1\nstatic int three = 3;\n").unwrap();
        for _ in 0..3 {
            assert!(compiles("int x = ONE; int f(void) { return three; }"));
            assert!(!compiles("int x = TWO;"));
            assert!(!compiles("int three(void);")); // what the last source said is forgotten, what the header says is not
        }
        std::fs::write(&path, "#define ONE 1\n#define TWO 2\n").unwrap();
        assert!(compiles("int x = TWO; int three;"));
        std::fs::remove_file(&path).unwrap();
        assert!(compile(&head, "int x;", "-nostdlib", true).error().unwrap().text.contains("not found"));
        assert!(compile("", "int x;", "-nostdlib", true).object.is_some());
    }

    #[test]
    fn large_sources_come_and_go() {
        let small = compile("", "int f(int a) { return a + 1; }", "-nostdlib -g", true).object.unwrap();
        let large: String = (0..30_000).map(|n| format!("int f{n}(int a) {{ return a + {n}; }}\n")).collect();
        assert!(compile("", &large, "-nostdlib -g", true).object.unwrap().len() > 1 << 20);
        let nested = |depth: usize| compile("", &format!("int x = {}1{};", "(".repeat(depth), ")".repeat(depth)), "-nostdlib -g", true);
        assert!(nested(NESTING).object.is_some());
        assert!(nested(NESTING + 1).error().unwrap().text.contains("nested"));
        assert_eq!(compile("", "int f(int a) { return a + 1; }", "-nostdlib -g", true).object.unwrap(), small);
    }

    #[test]
    fn source_to_object() {
        let output = compile("", "int f(int a) { return a + 1; }", "-nostdlib -g", true);
        assert!(output.object.unwrap().starts_with(b"\x7fELF"));
        assert!(output.messages.is_empty());
    }

    #[test]
    fn an_error_has_its_line() {
        let output = compile("", "int x;\nint f(void) { return y; }", "-nostdlib", true);
        assert!(output.object.is_none());
        let error = output.error().unwrap();
        assert_eq!((error.line, error.text.as_str()), (2, "'y' undeclared"));
    }

    #[test]
    fn floats_are_refused_without_sse() {
        let output = compile("", "double f(double x) { return x * 2; }", "-nostdlib -mno-sse", true);
        assert!(output.error().unwrap().text.contains("SSE"));
    }

    #[test]
    fn errors_leave_nothing_behind() {
        let text = "int f(int n) { if (n) goto on; switch (n) { case 1: { on: return missing; } } return sizeof(gone(nothing)); }";
        let compiles = |source: &str| compile("", source, "-nostdlib", true).object.is_some();
        for _ in 0..20 {
            for wrong in [text, "int f(void) { goto nowhere; here: return 3 }", "int f(int n) { while (n) switch (n) { case 1: break; wrong wrong; } }",
                          "#if 1\n#define X(a a\nint", "struct A { struct B b; int x[-1]; } a = { .y = 3 };", "int f(void) { return sizeof(x = y); }"] {
                assert!(!compiles(wrong), "{wrong}");
                assert!(compiles("int f(int n) { switch (n) { case 1: goto out; } n++; out: return n; }"));
                assert!(!compiles("int f(void) { case 3: return 1; }"), "a case without a switch");
            }
        }
    }

    #[test]
    fn threads_take_turns() {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let source = format!("int f{number}(int a) {{ return a + {number}; }}");
                        assert!(compile("", &source, "-nostdlib", true).object.is_some());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
