//! The lines above the first prompt: what this is, how long the boot took, what to try.

use crate::boot;
use rustpython_vm::version;

pub fn print() {
    let took = match boot::steps().ok().and_then(|steps| boot::total_microseconds(&steps)) {
        Some(total) => format!(", booted in {:.2} s", total as f64 / 1e6),
        None => String::new(),
    };
    println!(
        "Polyglot OS {} - Python {}.{}.{} (RustPython {}.{}.{}){took}",
        env!("CARGO_PKG_VERSION"),
        version::MAJOR,
        version::MINOR,
        version::MICRO,
        version::MAJOR_IMPL,
        version::MINOR_IMPL,
        version::MICRO_IMPL,
    );
    println!("Try help(), import polyglot; polyglot.boot(), or exit() to power off.");
}
