//! The prompt: reads statements with a line editor, runs them, survives whatever they do.
//!
//!     shell::run(vm, scope)   -> Ok(()) at end of input, Err(SystemExit) from exit()
//!
//! A statement is complete as in Python's own prompt: a compound statement ends with an empty
//! line, an open bracket or string goes on until it is closed. Text that is pasted (bracketed
//! paste arrives as one input with line feeds) may hold several statements.
//! While the editor waits the thread is detached from the interpreter, so that other
//! threads' garbage collections do not wait for a key press.
//! % and ! commands, questions and completion: comfort.rs.
//! Left out: highlighting and hints while typing.

use crate::{banner, c_shell, comfort, live::c::parse, memory, terminal::SignalKeys};
use ruff_text_size::Ranged;
use rustpython_compiler::{
    CompileError, ParseError,
    parser::{self, LexicalErrorType, ParseErrorType},
};
use rustpython_vm::{
    AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine,
    builtins::{PyBaseExceptionRef, PyCode},
    bytecode::CodeFlags,
    compiler,
    scope::Scope,
    unwind,
    vm::{VmCompileError, thread},
};
use rustyline::{
    ColorMode, CompletionType, Config, Editor, EventHandler, KeyCode, KeyEvent, Modifiers, error::ReadlineError, history::DefaultHistory,
};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

const SOURCE_NAME: &str = "<stdin>";

/// What the text typed so far is.
enum Input {
    /// The statements to run, with the source that shows each at its own line.
    Complete(Vec<(String, PyRef<PyCode>)>),
    /// More lines belong to it. `block`: only an empty line ends it.
    /// `string`: a triple-quoted one is open.
    Incomplete { block: bool, string: bool },
    Error(PyBaseExceptionRef),
}

/// Runs the prompt until the end of input or SystemExit.
pub fn run(vm: &VirtualMachine, scope: Scope) -> PyResult<()> {
    set_prompts(vm)?;
    if !vm.state.config.settings.quiet {
        banner::print();
    }
    rebuild(vm);
    let mut lines = LineEditor::new(vm, comfort::PromptHelper::new("_prompt", scope.globals.clone()), ".polyglot_history")?;
    statements(vm, scope, &mut lines)
}

/// The loop of the prompt.
fn statements(vm: &VirtualMachine, scope: Scope, lines: &mut LineEditor) -> PyResult<()> {
    let mut text = String::new();
    let mut in_block = false;
    let mut in_string = false; // a triple-quoted one is open
    let mut future_features = CodeFlags::empty();
    loop {
        if text.is_empty() {
            in_string = false;
            tell_jobs(vm);
            memory::give_back();
        }
        let prompt = guard(vm, || prompt_text(vm, if text.is_empty() { "ps1" } else { "ps2" }));
        let keys = SignalKeys::as_input();
        let prompt = match prompt.and_then(|prompt| guard(vm, || vm.check_signals()).map(|()| prompt)) {
            Ok(prompt) => prompt,
            Err(error) if error.fast_isinstance(vm.ctx.exceptions.system_exit) => return Err(error),
            Err(error) => {
                // Ctrl-C between two lines; the terminal has shown it.
                text.clear();
                in_block = false;
                println!();
                memory::with_reserve(|| report(vm, error));
                continue;
            }
        };
        let line = match memory::with_reserve(|| lines.read(vm, &prompt, keys)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                text.clear();
                in_block = false;
                println!("KeyboardInterrupt");
                continue;
            }
            Err(ReadlineError::Eof) if text.is_empty() => {
                if lines.confirm("Power off? (y/n) ") {
                    return Ok(());
                }
                continue;
            }
            Err(ReadlineError::Eof) => String::new(),
            Err(ReadlineError::Signal(_)) => continue,
            Err(error) => return Err(vm.new_os_error(format!("the prompt cannot read: {error}"))),
        };
        lines.remember(&line);
        // A pasted text brings its own end of the block, if its last line is not indented.
        let ends_block = line.trim().is_empty() || line.trim_end().contains('\n') && !ends_indented(&line);
        text.push_str(&line);
        text.push('\n');
        if text.trim().is_empty() {
            text.clear();
            continue;
        }
        if line.trim() == "%c" && text.trim() == "%c" {
            text.clear();
            c_shell::run(vm, &scope.globals)?;
            continue;
        }
        let is_first_line = !in_block && text.trim_end() == line.trim_end();
        let is_cell = comfort::is_cell(&text);
        let goes_on = text.trim_start().strip_prefix("%%c\n").is_some_and(parse::is_open); // an empty line is content there
        if is_cell && (!ends_block || goes_on) {
            in_block = true;
            continue;
        }
        if in_string && !line.contains(['\'', '"']) {
            continue; // cannot end it: a long pasted text is not compiled again with each of its lines
        }
        let result = if is_cell || is_first_line && comfort::is_special(vm, &line) {
            guard(vm, || comfort::run(vm, &text, &scope.globals))
        } else {
            match compile(vm, &text, in_block, ends_block, &mut future_features) {
                Input::Incomplete { block, string } => {
                    in_block = block;
                    in_string = string;
                    continue;
                }
                Input::Complete(statements) => execute(vm, statements, scope.clone()),
                Input::Error(error) => Err(error),
            }
        };
        text.clear();
        in_block = false;
        if let Err(error) = result {
            if error.fast_isinstance(vm.ctx.exceptions.system_exit) {
                return Err(error);
            }
            memory::with_reserve(|| report(vm, error));
        }
        memory::with_reserve(|| flush(vm));
    }
}

/// Builds again what was defined before the world was started again; says what is missing now.
fn rebuild(vm: &VirtualMachine) {
    if !c_shell::has_kept() {
        return;
    }
    let call = || vm.import("_kept", 0)?.get_attr("rebuild_at_start", vm)?.call((), vm);
    if let Err(error) = guard(vm, || call().map(drop)) {
        report(vm, error);
    }
}

/// Tells which jobs have changed.
pub fn tell_jobs(vm: &VirtualMachine) {
    if let Err(error) = guard(vm, || comfort::before_prompt(vm)) {
        report(vm, error);
    }
}

/// Whether the last line of a pasted text still belongs to an indented block.
fn ends_indented(text: &str) -> bool {
    text.trim_end_matches('\n').lines().last().is_some_and(|line| line.starts_with([' ', '\t']))
}

/// Compiles the text if it is complete. Inside a block that no empty line has ended yet, even text
/// that compiles waits for more, because `else:` may follow.
fn compile(vm: &VirtualMachine, text: &str, in_block: bool, ends_block: bool, future: &mut CodeFlags) -> Input {
    let mut compiled = Vec::new();
    let transformed = comfort::transform(vm, text);
    let text = transformed.as_deref().unwrap_or(text);
    for source in split_statements(text) {
        let options = compiler::CompileOpts { future_features: *future, ..vm.compile_opts() };
        let result = guard(vm, || Ok(vm.compile_with_opts(&source, compiler::Mode::Single, SOURCE_NAME, options)));
        let error = match result {
            Ok(Ok(code)) => {
                *future |= code.code.flags & CodeFlags::FUTURE_MASK;
                compiled.push((source, code));
                continue;
            }
            Ok(Err(error)) => error,
            Err(panicked) => return Input::Error(panicked),
        };
        if is_open(&error) {
            let string = is_open_string(&error) && (text.contains("'''") || text.contains("\"\"\""));
            return Input::Incomplete { block: in_block, string };
        }
        if !ends_block && wants_more(&error, text) {
            return Input::Incomplete { block: true, string: false };
        }
        let error = error.into_pyexception_maybe_incomplete(vm, Some(&source), !ends_block);
        if !ends_block && error.fast_isinstance(vm.ctx.exceptions.incomplete_input_error) {
            return Input::Incomplete { block: true, string: false };
        }
        return Input::Error(error);
    }
    if in_block && !ends_block {
        return Input::Incomplete { block: true, string: false };
    }
    Input::Complete(compiled)
}

/// The text ends inside brackets, a triple-quoted string, or after a backslash; an empty line is content there.
fn is_open(error: &VmCompileError) -> bool {
    matches!(
        error,
        VmCompileError::Compile(CompileError::Parse(
            ParseError { is_unclosed_bracket: true, .. }
                | ParseError { is_unclosed_string: true, .. }
                | ParseError { error: ParseErrorType::Lexical(LexicalErrorType::Eof), .. }
        ))
    )
}

/// The text ends inside a string.
fn is_open_string(error: &VmCompileError) -> bool {
    matches!(error, VmCompileError::Compile(CompileError::Parse(ParseError { is_unclosed_string: true, .. })))
}

/// The error is what comes after the last line: a `try` without its `except`, a decorator without
/// its function.
fn wants_more(error: &VmCompileError, text: &str) -> bool {
    let VmCompileError::Compile(CompileError::Parse(error)) = error else {
        return false;
    };
    error.location.line.get() > text.trim_end().lines().count()
}

/// Splits a text into its top-level statements, because the compiler takes one at a time in this mode.
/// Each keeps its line number by leading line feeds. A text with a syntax error stays whole.
fn split_statements(text: &str) -> Vec<String> {
    let Ok(module) = parser::parse_module(text) else {
        return vec![text.to_owned()];
    };
    let starts: Vec<usize> = module
        .suite()
        .iter()
        .map(|statement| text[..statement.range().start().to_usize()].rfind('\n').map_or(0, |at| at + 1))
        .collect();
    // Statements of one line, separated by semicolons, stay together.
    let mut cuts: Vec<usize> = std::iter::once(0).chain(starts.into_iter().skip(1)).chain([text.len()]).collect();
    cuts.dedup();
    cuts.windows(2)
        .map(|cut| "\n".repeat(text[..cut[0]].matches('\n').count()) + &text[cut[0]..cut[1]])
        .collect()
}

/// Runs one complete input; a panic of native code comes back as SystemError.
fn execute(vm: &VirtualMachine, statements: Vec<(String, PyRef<PyCode>)>, scope: Scope) -> PyResult<()> {
    for (source, code) in statements {
        // Tracebacks quote the source from linecache; without it they only lack the line. Ctrl-C meanwhile counts.
        if let Err(error) = vm.register_code_in_linecache(&code, &source)
            && error.fast_isinstance(vm.ctx.exceptions.keyboard_interrupt)
        {
            return Err(error);
        }
        guard(vm, || vm.run_code_obj(code, scope.clone()).map(drop))?;
    }
    Ok(())
}

/// Runs `body`; a Rust panic that no bytecode loop caught becomes an exception, so that a bug in
/// native code costs one statement and not the session.
pub fn guard<T>(vm: &VirtualMachine, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(unwind::into_exception(payload, vm)))
}

/// Prints an uncaught exception as Python's prompt does and keeps it for pdb.pm().
pub fn report(vm: &VirtualMachine, error: PyBaseExceptionRef) {
    let traceback: PyObjectRef = error.__traceback__().map_or_else(|| vm.ctx.none(), Into::into);
    for (name, value) in [
        ("last_exc", error.clone().into()),
        ("last_type", error.class().to_owned().into()),
        ("last_value", error.clone().into()),
        ("last_traceback", traceback),
    ] {
        let _ = vm.sys_module.set_attr(name, value, vm);
    }
    let shown = guard(vm, || {
        vm.print_exception(&error); // the traceback module colours it on a terminal
        Ok(())
    });
    if shown.is_err() {
        eprintln!("the exception cannot be shown");
    }
    if error.fast_isinstance(vm.ctx.exceptions.memory_error) {
        let freed = forget_locals(vm, &error).and_then(|()| if memory::is_short() { collect_garbage(vm) } else { Ok(()) });
        if let Err(error) = freed {
            vm.print_exception(&error);
        }
    }
}

/// Clears the locals of the frames an exception has left: what filled the memory is most often one
/// of them, and the traceback in `sys` would hold it until the next exception.
fn forget_locals(vm: &VirtualMachine, error: &PyBaseExceptionRef) -> PyResult<()> {
    guard(vm, || {
        let traceback = error.as_object().get_attr("__traceback__", vm)?;
        vm.import("traceback", 0)?.get_attr("clear_frames", vm)?.call((traceback,), vm).map(drop)
    })
}

/// What refers to itself (classes do) stays until a collection, and near the limit no statement lives long enough
/// to call gc.collect().
fn collect_garbage(vm: &VirtualMachine) -> PyResult<()> {
    guard(vm, || vm.import("gc", 0)?.get_attr("collect", vm)?.call((), vm).map(drop))
}

pub fn flush(vm: &VirtualMachine) {
    for name in ["stdout", "stderr"] {
        if let Ok(stream) = vm.sys_module.get_attr(name, vm) {
            let _ = vm.call_method(&stream, "flush", ());
        }
    }
}

fn set_prompts(vm: &VirtualMachine) -> PyResult<()> {
    for (name, text) in [("ps1", ">>> "), ("ps2", "... ")] {
        if vm.sys_module.get_attr(name, vm).is_err() {
            vm.sys_module.set_attr(name, vm.ctx.new_str(text), vm)?;
        }
    }
    Ok(())
}

/// What sys.ps1 or sys.ps2 says. One that cannot be shown is no prompt; Ctrl-C while it is made counts.
fn prompt_text(vm: &VirtualMachine, name: &'static str) -> PyResult<String> {
    match vm.sys_module.get_attr(name, vm).and_then(|prompt| prompt.str(vm)) {
        Ok(prompt) => Ok(prompt.to_string_lossy().into_owned()),
        Err(error) if error.fast_isinstance(vm.ctx.exceptions.keyboard_interrupt) => Err(error),
        Err(_) => Ok(String::new()),
    }
}

/// The editor needs a pair of descriptors for each line it reads.
fn is_out_of_descriptors(error: &ReadlineError) -> bool {
    let errno = match error {
        ReadlineError::Errno(errno) => Some(*errno as i32),
        ReadlineError::Io(error) => error.raw_os_error(),
        _ => None,
    };
    matches!(errno, Some(libc::EMFILE | libc::ENFILE))
}

/// Reads a line as the terminal edits it, without a descriptor more than there are.
fn read_plain_line(prompt: &str) -> rustyline::Result<String> {
    print!("{prompt}");
    std::io::stdout().flush()?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut part = [0u8; 4096];
        // SAFETY: the buffer has the length that is given.
        match unsafe { libc::read(libc::STDIN_FILENO, part.as_mut_ptr().cast(), part.len()) } {
            0 if line.is_empty() => return Err(ReadlineError::Eof),
            0 => break,
            length if length > 0 => line.extend_from_slice(&part[..length as usize]),
            _ => {
                let error = std::io::Error::last_os_error();
                let interrupted = error.kind() == std::io::ErrorKind::Interrupted;
                return Err(if interrupted { ReadlineError::Interrupted } else { error.into() });
            }
        }
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
}

/// The line editor and its history.
pub struct LineEditor {
    editor: Editor<comfort::PromptHelper, DefaultHistory>,
    history: Option<PathBuf>,
}

impl LineEditor {
    /// `history`: name of its file in HOME.
    pub fn new(vm: &VirtualMachine, helper: comfort::PromptHelper, history: &str) -> PyResult<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .tab_stop(4)
            .indent_size(4)
            .auto_add_history(false)
            .color_mode(ColorMode::Forced) // asks the helper how the line looks, which uses no colours
            .build();
        let mut editor =
            Editor::with_config(config).map_err(|error| vm.new_os_error(format!("no line editor: {error}")))?;
        editor.set_helper(Some(helper));
        let tab = KeyEvent(KeyCode::Tab, Modifiers::NONE);
        editor.bind_sequence(tab, EventHandler::Conditional(Box::new(comfort::TabKey)));
        let history = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(history));
        if let Some(path) = &history {
            // No file yet, or none readable: the history starts empty.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Reads one line (or one pasted text).
    pub fn read(&mut self, vm: &VirtualMachine, prompt: &str, keys: SignalKeys) -> rustyline::Result<String> {
        let line = thread::allow_threads(vm, || {
            let line = self.editor.readline(prompt);
            drop(keys);
            match line {
                Err(error) if is_out_of_descriptors(&error) => read_plain_line(prompt),
                result => result,
            }
        })?;
        Ok(line.replace("\r\n", "\n").replace('\r', "\n"))
    }

    pub fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() {
            let _ = self.editor.add_history_entry(line.trim_end());
            self.save_history();
        }
    }

    /// Asks a question; end of input is a yes.
    fn confirm(&mut self, question: &str) -> bool {
        match self.editor.readline(question) {
            Ok(answer) => answer.trim().starts_with(['y', 'Y']),
            Err(ReadlineError::Eof) => true,
            Err(_) => false,
        }
    }

    /// Adds the new lines to the file, at once: the history outlives a world that dies. Where HOME is not writable it
    /// lives only as long as the process.
    fn save_history(&mut self) {
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}
