//! The allocator of the process and its limits: memory exhaustion is MemoryError, never an abort.
//!
//! RustPython raises MemoryError where it asks for a big block and is told no; everywhere else Rust
//! aborts when an allocation fails. So this allocator, around malloc, counts bytes and acts in three steps:
//!
//!     above `soft`      the thread that crossed it raises MemoryError before its next bytecode;
//!                       the mark then moves up a step, so that handlers can run and free memory
//!     above `firm`      requests of 64 KiB and more fail
//!     above `hard`      every request fails; where Rust cannot return that, the allocation panics
//!                       and the bytecode loop raises MemoryError (see patches/)
//!
//! The prompt may go above `hard` by a small reserve (`with_reserve`), to report the error.
//! The limit is the least of POLYGLOT_MEMORY_LIMIT (bytes), RLIMIT_AS, and what /proc/meminfo says is
//! available, less a part that is left for the kernel, thread stacks and native code.
//! Left out: memory that C code takes from malloc itself (libffi closures, libc buffers) is not counted,
//! nor are mmap'ed files and stacks.

use rustpython_vm::{PyResult, VirtualMachine, signal, unwind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Requests from this size on fail already above `firm`.
const BIG_REQUEST: usize = 64 << 10;
/// What malloc needs beside each block.
const BLOCK_OVERHEAD: usize = 16;
/// How far `with_reserve` may go above the hard limit.
const RESERVE: usize = 8 << 20;
/// A process that has less than this cannot run the interpreter.
const LEAST_LIMIT: usize = 48 << 20;

pub struct Allocator;

static USED: AtomicUsize = AtomicUsize::new(0);
/// Usage that makes the next bytecode raise MemoryError; between `SOFT` and `FIRM`.
static MARK: AtomicUsize = AtomicUsize::new(usize::MAX);
static SOFT: AtomicUsize = AtomicUsize::new(usize::MAX);
static FIRM: AtomicUsize = AtomicUsize::new(usize::MAX);
static HARD: AtomicUsize = AtomicUsize::new(usize::MAX);

thread_local! {
    /// This thread went above the mark and has not been told yet.
    static CROSSED: Cell<bool> = const { Cell::new(false) };
    /// How far this thread may go above the hard limit.
    static ALLOWANCE: Cell<usize> = const { Cell::new(0) };
}

/// Whether `size` more bytes are allowed; counts them if so.
fn charge(size: usize) -> bool {
    let cost = size.saturating_add(BLOCK_OVERHEAD);
    let used = USED.fetch_add(cost, Relaxed).saturating_add(cost);
    if used <= MARK.load(Relaxed) {
        return true;
    }
    // The thread-locals have no destructor and need no allocation, but are gone late in a thread's end.
    let allowance = ALLOWANCE.try_with(Cell::get).unwrap_or(RESERVE);
    let over_firm = size >= BIG_REQUEST && used > FIRM.load(Relaxed);
    if over_firm || used > HARD.load(Relaxed).saturating_add(allowance) {
        USED.fetch_sub(cost, Relaxed);
        return false;
    }
    if allowance == 0 && CROSSED.try_with(|crossed| !crossed.replace(true)).unwrap_or(false) {
        signal::request_host_check();
    }
    true
}

fn discharge(size: usize) {
    USED.fetch_sub(size + BLOCK_OVERHEAD, Relaxed);
}

// SAFETY: every block comes from and goes back to `System` with its own layout; counting does not
// touch blocks, does not allocate and does not unwind.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !charge(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() {
            discharge(layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !charge(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let block = unsafe { System.alloc_zeroed(layout) };
        if block.is_null() {
            discharge(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.dealloc(block, layout) };
        discharge(layout.size());
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Both blocks may exist for a moment, so the new one is charged in full.
        if !charge(new_size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        discharge(if moved.is_null() { new_size } else { layout.size() });
        moved
    }
}

/// Sets the limits and what happens at them. Before the interpreter runs.
pub fn install() {
    signal::set_host_check(check);
    std::alloc::set_alloc_error_hook(|_| std::panic::resume_unwind(Box::new(unwind::OutOfMemory)));
    set_limit(limit().map(|limit| limit.max(LEAST_LIMIT)));
}

/// Sets the hard limit in bytes and the marks below it; None lifts them.
pub fn set_limit(limit: Option<usize>) {
    let limit = limit.unwrap_or(usize::MAX);
    HARD.store(limit, Relaxed);
    FIRM.store(limit / 16 * 15, Relaxed);
    SOFT.store(limit / 8 * 7, Relaxed);
    MARK.store(limit / 8 * 7, Relaxed);
}

/// Bytes that Rust code holds now, and the hard limit.
pub fn usage() -> (usize, Option<usize>) {
    let limit = HARD.load(Relaxed);
    (USED.load(Relaxed), (limit != usize::MAX).then_some(limit))
}

/// Runs `body` with an allowance above the hard limit, so that an error can be reported
/// when nothing is left.
pub fn with_reserve<T>(body: impl FnOnce() -> T) -> T {
    let before = ALLOWANCE.replace(RESERVE);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    ALLOWANCE.set(before);
    result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Lets the mark follow usage down again. Called between statements of the prompt.
pub fn settle() {
    let (soft, firm) = (SOFT.load(Relaxed), FIRM.load(Relaxed));
    MARK.store(next_mark(USED.load(Relaxed), soft, firm), Relaxed);
}

/// Where the next MemoryError is due: at `soft`, or a step above what is held already.
fn next_mark(used: usize, soft: usize, firm: usize) -> usize {
    if used < soft { soft } else { used.saturating_add((firm - soft) / 4).min(firm) }
}

/// The host check of rustpython_vm::signal: runs on each thread before its next bytecode.
fn check(vm: &VirtualMachine) -> PyResult<()> {
    if !CROSSED.take() {
        return Ok(()); // another thread did
    }
    signal::clear_host_check();
    if USED.load(Relaxed) <= MARK.load(Relaxed) {
        return Ok(());
    }
    // Cyclic garbage may be all there is to free.
    vm.state.gc.collect_force(2);
    let used = USED.load(Relaxed);
    let (soft, firm) = (SOFT.load(Relaxed), FIRM.load(Relaxed));
    if used <= soft {
        return Ok(());
    }
    MARK.store(next_mark(used, soft, firm), Relaxed);
    Err(vm.no_memory_error())
}

fn limit() -> Option<usize> {
    let wanted = std::env::var("POLYGLOT_MEMORY_LIMIT").ok().and_then(|text| text.parse().ok());
    [wanted, address_space_limit(), available_memory()].into_iter().flatten().min()
}

/// RLIMIT_AS less what the image and stacks take.
fn address_space_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: fills the structure it is given.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY)
        .then(|| (limit.rlim_cur as usize).saturating_sub(96 << 20))
}

/// What is free at start-up, less an eighth (at least 16 MiB) for everything that is not counted here.
fn available_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let available = kilobytes << 10;
    Some(available - (available / 8).max(16 << 20).min(available))
}
