//! world: process 1 of Polyglot OS, a Python prompt around RustPython.
//!
//! The same static-PIE runs at ring 0 inside our kernel and hosted on Linux; nothing here asks
//! where it runs except `polyglot.cpl()`.
//!
//!     world                  the prompt
//!     world FILE [ARGS]      as python3 does; also -c CODE, -m MODULE, - (standard input)
//!     pid 1 with /exec/argv  runs the program that tools/vm handed over (see exec.rs)
//!
//! Order of start-up: options -> interpreter (run.rs) -> one of prompt (shell.rs), program
//! (run.rs), handed-over program (exec.rs). The process ends with the program's status; the
//! kernel powers off when process 1 ends.

#![feature(alloc_error_hook)]

mod banner;
mod boot;
mod c_shell;
mod child;
mod comfort;
mod exec;
mod fault;
mod interrupt;
mod kept_file;
mod live;
mod memory;
mod natives;
mod options;
mod polyglot;
mod process;
mod run;
mod shell;
mod syscall;
mod terminal;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() {
    memory::install();
    interrupt::install();
    let options = exec::handed_over().unwrap_or_else(|| options::parse(std::env::args_os()));
    std::process::exit(run::run(options));
}
