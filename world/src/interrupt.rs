//! Signals during long native computations, and panics as exceptions.
//!
//! RustPython runs the Python handlers of signals between bytecodes. A big `pow` or a bad regex is one
//! bytecode, so the arithmetic and the regex engine call `signal::poll` from their inner steps (patches/);
//! when the handler raises, the exception leaves the computation as a panic and the bytecode loop
//! raises it again. The computations are pure, so that nothing is left half done.

use rustpython_vm::{signal, unwind, vm::thread};

/// Connects the polls and makes the text of a panic that of its exception.
pub fn install() {
    malachite_nz::interrupt::set_hook(signal::poll);
    rustpython_sre_engine::interrupt::set_hook(signal::poll);
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        if thread::current_vm_is_set() {
            unwind::describe_panic(format!("{message}{place}"));
        } else {
            eprintln!("world: native code panicked: {message}{place}"); // there is no Python to raise it in
        }
    }));
}
