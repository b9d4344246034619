//! Debian's libtcc: C source -> relocatable object, in memory.
//!
//!     let output = compiler::compile(source, "-nostdlib -g", true);
//!     output.object      Some(bytes) unless an error was found
//!     output.messages    errors and warnings in the order of their places
//!
//! libtcc's state is global: one compilation at a time (COMPILER). It writes objects to files only, so there is one in
//! /tmp for a moment. Its errors end the compilation at the first one and name a line, no column: cell.rs finds that out.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Mutex;

#[repr(C)]
struct State {
    private: [u8; 0],
}

#[link(name = "tcc", kind = "static")]
unsafe extern "C" {
    fn tcc_new() -> *mut State;
    fn tcc_delete(state: *mut State);
    fn tcc_set_lib_path(state: *mut State, path: *const c_char);
    fn tcc_set_error_func(state: *mut State, opaque: *mut c_void, report: extern "C" fn(*mut c_void, *const c_char));
    fn tcc_set_options(state: *mut State, options: *const c_char);
    fn tcc_add_sysinclude_path(state: *mut State, path: *const c_char) -> c_int;
    fn tcc_compile_string(state: *mut State, source: *const c_char) -> c_int;
    fn tcc_set_output_type(state: *mut State, kind: c_int) -> c_int;
    fn tcc_output_file(state: *mut State, path: *const c_char) -> c_int;
}

const OUTPUT_OBJECT: c_int = 4;
/// Where tcc's own headers and helpers are, here and on Debian.
pub const TCC_FOLDER: &str = "/usr/lib/x86_64-linux-gnu/tcc";
/// The kernel's public headers, as the image has them.
pub const KERNEL_HEADERS: &str = "/usr/include/polyglot";

static COMPILER: Mutex<()> = Mutex::new(());

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

/// Compiles; `keep`: the object is wanted, not only the messages.
pub fn compile(source: &str, options: &str, keep: bool) -> Output {
    let mut output = Output::default();
    let (Ok(source), Ok(options)) = (CString::new(source), CString::new(options)) else {
        output.messages.push(complaint("the source has a NUL character"));
        return output;
    };
    let _one = COMPILER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: the calls in the order that libtcc.h tells; `output` outlives the state.
    unsafe {
        let state = tcc_new();
        if state.is_null() {
            output.messages.push(complaint("no memory for the compiler"));
            return output;
        }
        let folder = CString::new(TCC_FOLDER).expect("no NUL");
        let headers = CString::new(KERNEL_HEADERS).expect("no NUL");
        tcc_set_error_func(state, (&raw mut output.messages).cast(), report);
        tcc_set_lib_path(state, folder.as_ptr());
        tcc_set_options(state, options.as_ptr());
        tcc_set_output_type(state, OUTPUT_OBJECT);
        tcc_add_sysinclude_path(state, headers.as_ptr());
        let status = tcc_compile_string(state, source.as_ptr());
        if status == 0 && keep && output.error().is_none() {
            match take_object(state) {
                Ok(object) => output.object = Some(object),
                Err(error) => output.messages.push(complaint(&error)),
            }
        }
        if status != 0 && output.error().is_none() {
            output.messages.push(complaint("the compiler gave up without a reason"));
        }
        tcc_delete(state);
    }
    output
}

/// Writes the state's object to a file and reads it back.
fn take_object(state: *mut State) -> Result<Vec<u8>, String> {
    let path = std::env::temp_dir().join(format!(".polyglot-{}.o", std::process::id()));
    let name = CString::new(path.to_string_lossy().as_bytes()).map_err(|_| "TMPDIR has a NUL".to_owned())?;
    // SAFETY: the state has been compiled into; the path ends with NUL.
    let status = unsafe { tcc_output_file(state, name.as_ptr()) };
    let object = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let _ = std::fs::remove_file(&path); // nothing more can be done, and the next one overwrites it
    if status != 0 { Err(format!("{}: the object cannot be written", path.display())) } else { object }
}

fn complaint(text: &str) -> Message {
    Message { file: String::new(), line: 0, is_warning: false, text: text.to_owned() }
}

extern "C" fn report(messages: *mut c_void, text: *const c_char) {
    // SAFETY: compile() gave the address of its messages; libtcc gives a string.
    let (messages, text) = unsafe { (&mut *messages.cast::<Vec<Message>>(), CStr::from_ptr(text)) };
    messages.push(parse_message(&text.to_string_lossy()));
}

/// "FILE:LINE: error: TEXT", after lines that say from where FILE was included.
fn parse_message(text: &str) -> Message {
    let line = text.lines().find(|line| !line.starts_with("In file included")).unwrap_or(text);
    for (mark, is_warning) in [(": error: ", false), (": warning: ", true)] {
        if let Some((place, what)) = line.split_once(mark) {
            let (file, number) = place.rsplit_once(':').unwrap_or((place, "0"));
            return Message { file: file.to_owned(), line: number.parse().unwrap_or(0), is_warning, text: what.to_owned() };
        }
    }
    let is_warning = line.contains("warning: ");
    Message { file: String::new(), line: 0, is_warning, text: line.trim_start_matches("tcc: ").trim_start_matches("error: ").to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_to_object() {
        let output = compile("int f(int a) { return a + 1; }", "-nostdlib -g", true);
        assert!(output.object.unwrap().starts_with(b"\x7fELF"));
        assert!(output.messages.is_empty());
    }

    #[test]
    fn an_error_has_its_line() {
        let output = compile("int x;\nint f(void) { return y; }", "-nostdlib", true);
        assert!(output.object.is_none());
        let error = output.error().unwrap();
        assert_eq!((error.line, error.text.as_str()), (2, "'y' undeclared"));
    }

    #[test]
    fn floats_are_refused_without_sse() {
        let output = compile("double f(double x) { return x * 2; }", "-nostdlib -mno-sse", true);
        assert!(output.error().unwrap().text.contains("SSE"));
    }

    #[test]
    fn threads_take_turns() {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                std::thread::spawn(move || {
                    for _ in 0..20 {
                        let source = format!("int f{number}(int a) {{ return a + {number}; }}");
                        assert!(compile(&source, "-nostdlib", true).object.is_some());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
