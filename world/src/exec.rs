//! Running what tools/vm handed over: the host channel of docs/architecture.md.
//!
//! /exec/argv holds the NUL-separated arguments of the program; the first is its path below /exec, and its suffix
//! names the language. Its standard output and error go to the host's, and its status becomes that of process 1; of a
//! program in ring 3 that a signal ended, 128 and the signal, as a shell has it.

use crate::child;
use crate::options::{Mode, Options};
use rustpython_vm::Settings;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

const ARGUMENTS: &str = "/exec/argv";

/// The handed-over Python program as options, with the standard streams connected; None when this is not process
/// 1 or nothing was handed over. A program in another language is run here, and ends the process. So does one that
/// cannot be run, with status 2.
pub fn handed_over() -> Option<Options> {
    if std::process::id() != 1 {
        return None;
    }
    let arguments = std::fs::read(ARGUMENTS).ok()?;
    if let Err(error) = connect_streams() {
        fail(&format!("the host channel cannot be opened: {error}"));
    }
    let mut argv: Vec<String> = arguments
        .strip_suffix(b"\0")
        .unwrap_or(&arguments)
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    let path = format!("/exec/{}", argv[0].trim_start_matches("/exec/").trim_start_matches('/'));
    match language(&path) {
        Some("Python") => {}
        Some("C") => {
            let words: Vec<&str> = std::iter::once(path.as_str()).chain(argv[1..].iter().map(String::as_str)).collect();
            let mut settings = Settings::default();
            settings.utf8_mode = 1;
            settings.argv = words.iter().map(|word| (*word).to_owned()).collect();
            let code = "import sys, _c_prompt; sys.exit(_c_prompt.run_program(sys.argv[0], sys.argv[1:]))";
            return Some(Options { mode: Mode::Command(code.to_owned()), settings });
        }
        Some("Bash") => run_script(&path, &argv[1..]),
        Some(language) => fail(&format!("{path}: {language} programs cannot be run yet, only Python (.py), C (.c) and Bash (.sh)")),
        None => fail(&format!("{path}: the suffix does not name a language; .py is Python, .c is C, .sh is Bash")),
    }
    argv[0].clone_from(&path);
    let mut settings = Settings::default();
    settings.utf8_mode = 1;
    settings.argv = argv;
    Some(Options { mode: Mode::File(path), settings })
}

/// The language of a program by its suffix.
fn language(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "py" => Some("Python"),
        "sh" => Some("Bash"),
        "c" => Some("C"),
        "zig" => Some("Zig"),
        "rs" => Some("Rust"),
        _ => None,
    }
}

/// Runs a Bash script and ends the process with its status.
fn run_script(path: &str, arguments: &[String]) -> ! {
    let text = |text: &str| CString::new(text).unwrap_or_default(); // split at NUL, so it has none
    let words = ["bash", path].into_iter().map(text).chain(arguments.iter().map(|argument| text(argument))).collect();
    let plan = child::Plan::new(vec![c"/bin/bash".to_owned(), c"/bin/sh".to_owned()], words);
    let pid = child::spawn(&plan).unwrap_or_else(|failure| {
        fail(&format!("/bin/bash cannot be run: {}", io::Error::from_raw_os_error(failure.errno)))
    });
    match child::wait(pid) {
        Ok(status) if libc::WIFEXITED(status) => std::process::exit(libc::WEXITSTATUS(status)),
        Ok(status) => std::process::exit(128 + libc::WTERMSIG(status)),
        Err(error) => fail(&format!("{path}: {error}")),
    }
}

/// Standard input reads nothing, output and error go to the host.
fn connect_streams() -> io::Result<()> {
    let input = File::open("/dev/null")?;
    let output = OpenOptions::new().write(true).open("/dev/hostout")?;
    let error = OpenOptions::new().write(true).open("/dev/hosterr")?;
    for (file, number) in [(input, 0), (output, 1), (error, 2)] {
        // SAFETY: both are open descriptors, or the call fails.
        if unsafe { libc::dup2(file.as_raw_fd(), number) } < 0 {
            return Err(io::Error::last_os_error());
        }
        if file.as_raw_fd() == number {
            std::mem::forget(file); // it is the stream itself
        }
    }
    Ok(())
}

fn fail(message: &str) -> ! {
    eprintln!("world: {message}");
    std::process::exit(2);
}
