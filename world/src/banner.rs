//! The lines above the first prompt: what this is, how long the boot took, what to try.

use crate::boot;
use rustpython_vm::version;

pub fn print() {
    let took = match boot::total_microseconds() {
        Some(total) => format!(", booted in {:.2} s", total as f64 / 1e6),
        None => String::new(),
    };
    println!("Polyglot OS {} - {}{took}", env!("CARGO_PKG_VERSION"), python_version());
    println!("import polyglot, then try help(polyglot), polyglot.threads() or %lsmagic.");
    println!("Tab completes, name? explains, Ctrl-C interrupts, exit() powers off.");
}

/// "Python 3.14.0 (RustPython 0.6.0)"
pub fn python_version() -> String {
    use version::{MAJOR, MAJOR_IMPL, MICRO, MICRO_IMPL, MINOR, MINOR_IMPL};
    format!("Python {MAJOR}.{MINOR}.{MICRO} (RustPython {MAJOR_IMPL}.{MINOR_IMPL}.{MICRO_IMPL})")
}
