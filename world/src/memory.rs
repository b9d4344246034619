//! The allocator of the process and its limits: memory exhaustion is MemoryError, never an abort.
//!
//! RustPython raises MemoryError where it asks for a big block and is told no; everywhere else Rust
//! aborts when an allocation fails. So this allocator, around malloc, counts bytes and acts in three steps:
//!
//!     above `soft`      the thread that crossed it raises MemoryError before its next bytecode;
//!                       the mark then moves up a step, so that handlers can run and free memory
//!     above `firm`      requests of 64 KiB and more fail
//!     above `hard`      every request fails; where Rust cannot return that, the allocation panics
//!                       and the bytecode loop raises MemoryError (see patches/); only where a panic would
//!                       do harm (freeing, garbage collection, unwinding) no request fails
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
/// How much a thread counts for itself before it tells the others.
const BATCH: isize = 16 << 10;
/// How far `with_reserve` may go above the hard limit.
const RESERVE: usize = 8 << 20;
/// After this much was freed malloc is told to give free pages back.
const TRIM_STEP: usize = 64 << 20;
/// The same between two statements of the prompt, where there is time for it.
const SMALL_TRIM_STEP: usize = 4 << 20;
/// malloc asks the kernel for this much beyond what it needs: start-up takes 80 calls of brk without.
const HEAP_STEP: i32 = 1 << 20;
/// Blocks from this size on are mapped one by one. libtcc takes 772 KiB for each compilation: giving these back by munmap
/// would interrupt every CPU.
const MAP_STEP: i32 = 1 << 20;
/// How far a thread may go above it after its request has failed.
const GRACE: usize = 1 << 20;
/// A process that has less than this cannot run the interpreter.
const LEAST_LIMIT: usize = 48 << 20;

pub struct Allocator;

/// Bytes in use, less what the threads have in their batches.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Usage that makes the next bytecode raise MemoryError: `SOFT`, or a step above what was in use when
/// it was raised last.
static MARK: AtomicUsize = AtomicUsize::new(usize::MAX);
static SOFT: AtomicUsize = AtomicUsize::new(usize::MAX);
static FIRM: AtomicUsize = AtomicUsize::new(usize::MAX);
static HARD: AtomicUsize = AtomicUsize::new(usize::MAX);
/// The most that was in use since malloc last gave pages back.
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Threads with `crossed` set.
static PENDING: AtomicUsize = AtomicUsize::new(0);

/// A thread's share of the counting.
struct Account {
    /// Counted here and not yet in `USED`.
    batch: Cell<isize>,
    /// This thread went above the mark and has not raised MemoryError for it yet.
    crossed: Cell<bool>,
    /// How far this thread may go above the hard limit.
    allowance: Cell<usize>,
    /// A request of this thread has failed: until memory is free again it may go above the hard limit by
    /// `GRACE`, so that the exception can be made and handled.
    failed: Cell<bool>,
}

thread_local! {
    static ACCOUNT: Account =
        const { Account { batch: Cell::new(0), crossed: Cell::new(false), allowance: Cell::new(0), failed: Cell::new(false) } };
}

impl Drop for Account {
    fn drop(&mut self) {
        add_used(self.batch.take());
        self.take_crossed();
    }
}

impl Account {
    /// Whether this thread has to raise MemoryError; it has to no more.
    fn take_crossed(&self) -> bool {
        let crossed = self.crossed.take();
        if crossed && PENDING.fetch_sub(1, Relaxed) == 1 {
            signal::clear_host_check();
            if PENDING.load(Relaxed) != 0 {
                signal::request_host_check(); // another thread crossed in between
            }
        }
        crossed
    }

    /// Counts a request that leaves the batch; whether it is allowed.
    fn settle(&self, cost: isize, size: usize) -> bool {
        let used = add_used(self.batch.take() + cost);
        if used <= MARK.load(Relaxed) || cost < 0 {
            if used <= SOFT.load(Relaxed) {
                self.failed.set(false);
            }
            return true;
        }
        let grace = if self.failed.get() { GRACE } else { 0 };
        let allowance = self.allowance.get().max(grace);
        let over_firm = size >= BIG_REQUEST && used > FIRM.load(Relaxed);
        let over_hard = used > HARD.load(Relaxed).saturating_add(allowance);
        if (over_firm || over_hard) && !unwind::InfallibleAllocation::active() {
            add_used(-cost);
            // This failure is the MemoryError: its handler must not get another at once.
            self.take_crossed();
            raise_mark();
            self.failed.set(true);
            return false;
        }
        if self.allowance.get() == 0 && !self.crossed.replace(true) {
            PENDING.fetch_add(1, Relaxed);
            signal::request_host_check();
        }
        true
    }
}

/// Adds to `USED` and returns the sum. When usage falls below `soft` the mark goes back there, and when it
/// has fallen much, free pages go back to the kernel.
fn add_used(change: isize) -> usize {
    let before = USED.fetch_add(change as usize, Relaxed);
    let after = before.wrapping_add(change as usize);
    if change < 0 {
        let soft = SOFT.load(Relaxed);
        if before > soft && after <= soft {
            MARK.store(soft, Relaxed);
        }
        if PEAK.load(Relaxed) > after.saturating_add(TRIM_STEP) {
            trim(after);
        }
    } else if after > PEAK.load(Relaxed) {
        PEAK.store(after, Relaxed);
    }
    // Batches of frees can be ahead of those of the allocations: a sum below zero is none.
    if (after as isize) < 0 { 0 } else { after }
}

/// Whether `bytes` more are allowed for a request of `size`; counts them if so.
fn charge(bytes: usize, size: usize) -> bool {
    if size > isize::MAX as usize / 2 {
        return false;
    }
    let cost = bytes as isize;
    ACCOUNT
        .try_with(|account| {
            let batch = account.batch.get() + cost;
            if batch < BATCH {
                account.batch.set(batch);
                return true;
            }
            account.settle(cost, size)
        })
        // Late in a thread's end the account is gone.
        .unwrap_or_else(|_| {
            add_used(cost);
            true
        })
}

fn discharge(bytes: usize) {
    let cost = bytes as isize;
    let counted = ACCOUNT.try_with(|account| {
        let batch = account.batch.get() - cost;
        if batch > -BATCH {
            account.batch.set(batch);
        } else {
            account.settle(-cost, 0);
        }
    });
    if counted.is_err() {
        add_used(-cost);
    }
}

/// After a MemoryError: the next one is due a step higher.
fn raise_mark() {
    let (used, soft, hard) = (USED.load(Relaxed), SOFT.load(Relaxed), HARD.load(Relaxed));
    let mark = if used < soft { soft } else { used.saturating_add((hard - soft) / 8) };
    MARK.store(mark, Relaxed);
}

// SAFETY: every block comes from and goes back to `System` with its own layout; counting does not
// touch blocks, does not allocate and does not unwind.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !charge(layout.size() + BLOCK_OVERHEAD, layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() {
            discharge(layout.size() + BLOCK_OVERHEAD);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !charge(layout.size() + BLOCK_OVERHEAD, layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let block = unsafe { System.alloc_zeroed(layout) };
        if block.is_null() {
            discharge(layout.size() + BLOCK_OVERHEAD);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.dealloc(block, layout) };
        discharge(layout.size() + BLOCK_OVERHEAD);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // malloc grows big blocks in place or by remapping them: only the difference counts.
        if new_size > layout.size() && !charge(new_size - layout.size(), new_size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is `System`'s.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if moved.is_null() && new_size > layout.size() {
            discharge(new_size - layout.size());
        } else if !moved.is_null() && new_size < layout.size() {
            discharge(layout.size() - new_size);
        }
        moved
    }
}

/// Sets the limits and what happens at them. Before the interpreter runs.
pub fn install() {
    // SAFETY: an option of malloc's, set before there is a second thread.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, HEAP_STEP);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAP_STEP);
    }
    signal::set_host_check(check);
    std::alloc::set_alloc_error_hook(|_| std::panic::resume_unwind(Box::new(unwind::OutOfMemory)));
    set_limit(limit().map(|limit| limit.max(LEAST_LIMIT)));
}

/// Sets the hard limit in bytes and the marks below it; None lifts them.
pub fn set_limit(limit: Option<usize>) {
    let limit = limit.unwrap_or(usize::MAX);
    HARD.store(limit, Relaxed);
    // Taking a big dict apart needs a tenth of its size: what is left above `soft` must hold that.
    FIRM.store(limit / 8 * 7, Relaxed);
    SOFT.store(limit / 4 * 3, Relaxed);
    MARK.store(limit / 4 * 3, Relaxed);
}

/// Bytes that Rust code holds now, and the hard limit.
pub fn usage() -> (usize, Option<usize>) {
    let limit = HARD.load(Relaxed);
    (USED.load(Relaxed), (limit != usize::MAX).then_some(limit))
}

/// Runs `body` with an allowance above the hard limit, so that an error can be reported
/// when nothing is left.
pub fn with_reserve<T>(body: impl FnOnce() -> T) -> T {
    let before = ACCOUNT.with(|account| account.allowance.replace(RESERVE));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    ACCOUNT.with(|account| account.allowance.set(before));
    result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Whether so much is in use that the next statement or two may end in MemoryError.
pub fn is_short() -> bool {
    USED.load(Relaxed) > SOFT.load(Relaxed) / 2
}

/// Gives free pages back to the kernel, if much was freed since the last time: between statements.
pub fn give_back() {
    let used = USED.load(Relaxed);
    if PEAK.load(Relaxed) > used.saturating_add(SMALL_TRIM_STEP) {
        trim(used);
    }
}

fn trim(used: usize) {
    PEAK.store(used, Relaxed);
    // SAFETY: no memory of ours is involved. malloc by itself shrinks only the end of its heap.
    unsafe { libc::malloc_trim(0) };
}

/// The host check of rustpython_vm::signal: runs on each thread before its next bytecode.
fn check(vm: &VirtualMachine) -> PyResult<()> {
    if !ACCOUNT.with(Account::take_crossed) {
        return Ok(()); // another thread did
    }
    let enough = USED.load(Relaxed) <= SOFT.load(Relaxed);
    raise_mark();
    if enough { Ok(()) } else { Err(vm.no_memory_error()) }
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
