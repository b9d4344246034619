//! The C prompt: %c at the Python prompt comes here, exit or Ctrl-D goes back.
//!
//! Same editor and keys as the Python prompt (shell.rs), with a history of its own and C's completion. What is typed goes to
//! python/c_prompt.py when it is complete: brackets closed, no operator at its end, or an empty line. % commands and
//! NAME? work here, too.

use crate::{comfort, live::c::parse, memory, shell, terminal::SignalKeys};
use rustpython_vm::{AsObject, PyResult, VirtualMachine, builtins::PyDictRef};
use rustyline::error::ReadlineError;

/// Runs the prompt; Err is SystemExit.
pub fn run(vm: &VirtualMachine, globals: &PyDictRef) -> PyResult<()> {
    let helper = comfort::PromptHelper::new("_c_prompt", globals.clone());
    let mut lines = shell::LineEditor::new(vm, helper, ".polyglot_history_c")?;
    let mut text = String::new();
    loop {
        if text.is_empty() {
            shell::tell_jobs(vm);
            memory::give_back();
        }
        let prompt = if text.is_empty() { "c> " } else { "...> " };
        let keys = SignalKeys::as_input();
        if let Err(error) = shell::guard(vm, || vm.check_signals()) {
            if error.fast_isinstance(vm.ctx.exceptions.system_exit) {
                return Err(error);
            }
            text.clear(); // Ctrl-C between two lines; the terminal has shown it
            println!();
            // Whoever reads the traceback (of Ctrl-C) wants to know of his own code.
            while let Some(trace) = error.traceback().filter(|trace| trace.frame.f_code().source_path().as_str() == "_c_prompt") {
                error.set_traceback(trace.next.lock().clone());
            }
            memory::with_reserve(|| shell::report(vm, error));
            continue;
        }
        let line = match memory::with_reserve(|| lines.read(vm, prompt, keys)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                text.clear();
                println!("KeyboardInterrupt");
                continue;
            }
            Err(ReadlineError::Eof) if text.is_empty() => return Ok(()),
            Err(ReadlineError::Eof) => String::new(),
            Err(ReadlineError::Signal(_)) => continue,
            Err(error) => return Err(vm.new_os_error(format!("the prompt cannot read: {error}"))),
        };
        lines.remember(&line);
        text.push_str(&line);
        text.push('\n');
        let whole = text.trim();
        if whole.is_empty() {
            text.clear();
            continue;
        }
        if matches!(whole, "exit" | "exit;" | "exit()" | "quit" | "%python") {
            return Ok(());
        }
        let is_special = whole.starts_with('%') && !whole.starts_with("%%");
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let without_tag = |text: &str| ["struct ", "union ", "enum "].iter().find_map(|tag| text.strip_prefix(tag)).unwrap_or(text).to_owned();
        let asked = whole.strip_suffix('?').map(str::trim_end).filter(|name| is_name(without_tag(name).trim()));
        let ends = line.trim().is_empty() && !parse::is_open(&text);
        if !is_special && asked.is_none() && !ends && !parse::is_complete(&text) {
            continue;
        }
        let result = shell::guard(vm, || match asked {
            Some(name) => comfort::call_in(vm, "_c_prompt", "explain", vec![vm.ctx.new_str(name).into()]).map(drop),
            None if is_special => comfort::run(vm, whole, globals),
            None => comfort::call_in(vm, "_c_prompt", "run_cell", vec![vm.ctx.new_str(text.as_str()).into()]).map(drop),
        });
        text.clear();
        if let Err(error) = result {
            if error.fast_isinstance(vm.ctx.exceptions.system_exit) {
                return Err(error);
            }
            // Whoever reads the traceback (of Ctrl-C) wants to know of his own code.
            while let Some(trace) = error.traceback().filter(|trace| trace.frame.f_code().source_path().as_str() == "_c_prompt") {
                error.set_traceback(trace.next.lock().clone());
            }
            memory::with_reserve(|| shell::report(vm, error));
        }
        memory::with_reserve(|| shell::flush(vm));
    }
}

/// Were definitions kept by a world before this one (python/kept.py)?
pub fn has_kept() -> bool {
    std::process::id() == 1 && std::fs::read_dir("/live").is_ok_and(|mut files| files.next().is_some())
}
