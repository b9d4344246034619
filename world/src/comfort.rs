//! The prompt's comforts: % and ! commands, questions that end with ?, completion by Tab.
//!
//! What they do is Python (python/prompt.py, frozen as `_prompt` and loaded when first needed, with shell_commands.py
//! and jobs.py); this file connects it to the line editor and the loop of shell.rs.
//! Left out: hints and colours while typing.

use rustpython_vm::{
    PyObjectRef, PyResult, VirtualMachine,
    builtins::PyDictRef,
    function::FuncArgs,
    vm::thread,
};
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, Helper, RepeatCount,
    completion::{Completer, Pair},
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    validate::Validator,
};
use std::borrow::Cow;

/// Calls a function of python/prompt.py.
fn call(vm: &VirtualMachine, name: &str, arguments: impl Into<FuncArgs>) -> PyResult {
    call_in(vm, "_prompt", name, arguments)
}

/// Calls a function of a frozen module.
pub fn call_in(vm: &VirtualMachine, module: &'static str, name: &str, arguments: impl Into<FuncArgs>) -> PyResult {
    vm.import(module, 0)?.get_attr(&*vm.ctx.intern_str(name), vm)?.call_with_args(arguments.into(), vm)
}

/// Does the line belong to the prompt rather than to the compiler? Looks at it without Python first: start-up
/// and ordinary lines load nothing.
pub fn is_special(vm: &VirtualMachine, line: &str) -> bool {
    let text = line.trim();
    (text.starts_with(['%', '!']) || text.ends_with('?') || has_shell_assignment(text))
        && !text.contains('\n')
        && call(vm, "is_special", vec![vm.ctx.new_str(text).into()])
            .is_ok_and(|answer| answer.try_to_bool(vm).unwrap_or(false))
}

/// Does the text begin a cell, whose lines below belong to it up to an empty one? Its question (%%name?) is a line.
pub fn is_cell(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("%%") && (text.contains('\n') || !text.ends_with('?'))
}

/// The text with the special lines of its blocks as Python. None: there are none.
pub fn transform(vm: &VirtualMachine, text: &str) -> Option<String> {
    let may_be = |line: &str| line.trim_start().starts_with(['!', '%']) || has_shell_assignment(line);
    if !text.lines().any(may_be) {
        return None;
    }
    let made = call(vm, "transform", vec![vm.ctx.new_str(text).into()]).ok()?;
    Some(made.str(vm).ok()?.to_string_lossy().into_owned())
}

/// `name = !command`: what Python never has.
fn has_shell_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(_, value)| value.trim_start().starts_with('!'))
}

/// Tells which jobs have changed; nothing while there never was one.
pub fn before_prompt(vm: &VirtualMachine) -> PyResult<()> {
    let modules = vm.sys_module.get_attr("modules", vm)?;
    match modules.get_item("_jobs", vm) {
        Ok(jobs) => jobs.get_attr("notify", vm)?.call((), vm).map(drop),
        Err(_) => Ok(()),
    }
}

/// Runs a special line or cell.
pub fn run(vm: &VirtualMachine, line: &str, globals: &PyDictRef) -> PyResult<()> {
    call(vm, "run", vec![vm.ctx.new_str(line).into(), globals.clone().into()]).map(drop)
}

/// Completes by the names of the prompt's namespace.
pub struct PromptHelper {
    /// Whose complete() is asked.
    module: &'static str,
    globals: PyDictRef,
}

impl PromptHelper {
    pub fn new(module: &'static str, globals: PyDictRef) -> Self {
        Self { module, globals }
    }

    /// (start, candidates) as python/prompt.py's complete() gives them; start in bytes.
    fn candidates(&self, vm: &VirtualMachine, before: &str) -> PyResult<(usize, Vec<String>)> {
        let end = vm.ctx.new_int(before.chars().count());
        let arguments: Vec<PyObjectRef> = vec![vm.ctx.new_str(before).into(), end.into(), self.globals.clone().into()];
        let answer = call_in(vm, self.module, "complete", arguments)?;
        let start: usize = answer.get_item(&0usize, vm)?.try_into_value(vm)?;
        let words: Vec<PyObjectRef> = answer.get_item(&1usize, vm)?.try_into_value(vm)?;
        let start = before.char_indices().nth(start).map_or(before.len(), |(at, _)| at);
        let words = words.iter().map(|word| Ok(word.str(vm)?.to_string_lossy().into_owned())).collect::<PyResult<_>>()?;
        Ok((start, words))
    }
}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        // The editor waits detached from the interpreter; an error means that there is nothing to offer.
        let found = thread::with_current_vm(|vm| {
            thread::attach_for_callback(vm, || self.candidates(vm, &line[..position]).ok())
        });
        let (start, words) = found.unwrap_or((position, Vec::new()));
        Ok((start, words.into_iter().map(|word| Pair { display: word.clone(), replacement: word }).collect()))
    }
}

impl Helper for PromptHelper {}
impl Highlighter for PromptHelper {
    /// Control characters, behind Ctrl-V or pasted, as pictures: the terminal would obey them, and show nothing in a control string.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !line.contains(is_obeyed) {
            return Cow::Borrowed(line);
        }
        let picture = |c: char| if is_obeyed(c) { char::from_u32(PICTURES + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER) } else { c };
        Cow::Owned(line.chars().map(picture).collect())
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        line.contains(is_obeyed)
    }
}

/// U+2400 and on: a picture of each control character.
const PICTURES: u32 = 0x2400;

fn is_obeyed(c: char) -> bool {
    c < ' ' && !matches!(c, '\n' | '\t')
}

impl Hinter for PromptHelper {
    type Hint = String;
}
impl Validator for PromptHelper {}

/// Tab indents where there is nothing to complete.
pub struct TabKey;

impl ConditionalEventHandler for TabKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let blank = context.line()[..context.pos()].trim().is_empty();
        blank.then(|| Cmd::Insert(1, "    ".to_owned()))
    }
}
