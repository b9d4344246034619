//! libtcc on memory and a stack of its own, so that its state can be kept and put back.
//!
//! Before it reads the first byte of a source, the compiler has made 700 symbols, read its built-in declarations and the
//! session's #include files: a million instructions and more, the same for every cell. So it is stopped where it wants to read
//! that first byte, and all that it has is copied (`make`). Each source begins with that copy put back (`run`).
//!
//! What it has: .data and .bss of libtcc.a (the build renames them to tcc_data and tcc_bss), its heap, its stack.
//! world/libtcc.symbols leads its calls of malloc, open, read, fwrite and their kin here:
//!
//!     checkpoint/kept.rs   what it has at a checkpoint, and putting it back
//!     checkpoint/watch.rs  which pages were written since
//!     checkpoint/heap.rs   malloc, free
//!     checkpoint/files.rs  open, read, fwrite: the source is read, and the object is written, without a file
//!
//! Errors leave by longjmp within that stack. When the compiler itself fails (`abandon`: a fault on its stack; or its exit()), its stack is
//! left for good: that source has an error, the next is compiled.
//!
//! One at a time: the caller holds compiler.rs's lock from begin to end.

mod files;
mod heap;
mod kept;
pub mod watch;

use kept::Kept;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::SystemTime;
use watch::PAGE;

/// What the compiler is told to read, and the name of what it writes.
pub const SOURCE: &CStr = c"<string>";
pub const OBJECT: &CStr = c"<object>";

/// 6,000 nested parentheses; compiler.rs refuses more than NESTING.
const STACK_SIZE: usize = 4 << 20;
const HEAP_SIZE: usize = 256 << 20;

unsafe extern "C" {
    /// What libtcc reads; messages name it.
    #[link_name = "file"]
    static mut current_file: *mut c_void;
    /// Gives a message with the place in the source to `report` of compiler.rs, and returns.
    fn _tcc_error_noabort(format: *const c_char, ...);
    /// Pushes what a call must keep, stores RSP, and goes on at another one.
    fn polyglot_tcc_switch(save: *mut usize, to: usize);
}

std::arch::global_asm!(
    ".globl polyglot_tcc_switch",
    ".type polyglot_tcc_switch, @function",
    "polyglot_tcc_switch:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [rdi], rsp",
    "mov rsp, rsi",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".size polyglot_tcc_switch, . - polyglot_tcc_switch",
);

/// The compiler, stopped before the first byte of a source.
pub struct Checkpoint {
    kept: Kept,
    rsp: usize,
    /// Files that it has read, apart from the system's.
    files: Vec<FileState>,
}

#[derive(PartialEq)]
struct FileState {
    path: String,
    size: u64,
    changed: Option<SystemTime>,
}

impl FileState {
    fn of(path: String) -> Option<Self> {
        let found = std::fs::metadata(&path).ok()?;
        Some(Self { size: found.len(), changed: found.modified().ok(), path })
    }
}

impl Checkpoint {
    /// Are the files that it has read as they were?
    pub fn is_current(&self) -> bool {
        self.files.iter().all(|one| FileState::of(one.path.clone()).as_ref() == Some(one))
    }
}

/// What belongs to the compilation that runs, outside of what is kept.
struct Running {
    heap: usize,
    /// Where what is accessible of the heap ends.
    accessible: usize,
    /// The highest that a checkpoint needs of it.
    floor: usize,
    stack: usize,
    initial: Kept,
    main: Box<dyn Fn()>,
    /// Makes memory recognisable that is not written.
    is_marking: bool,
    /// Read first, then the compiler stops; then `source`.
    head: Vec<u8>,
    source: Vec<u8>,
    position: usize,
    is_stopped: bool,
    is_running_source: bool,
    is_done: bool,
    outer_rsp: usize,
    inner_rsp: usize,
    object: Vec<u8>,
    files: Vec<FileState>,
    /// Descriptors of files that it has not closed yet.
    open: Vec<c_int>,
}

struct Place(UnsafeCell<Option<Running>>);
// SAFETY: compiler.rs's lock is held by whoever uses it.
unsafe impl Sync for Place {}
static PLACE: Place = Place(UnsafeCell::new(None));

/// The one state. Never hold it over a switch, nor two at a time.
fn running() -> &'static mut Running {
    // SAFETY: one thread at a time (see Place); callers use it for single accesses.
    unsafe { (*PLACE.0.get()).as_mut().expect("prepared") }
}

/// Once, before all others: room for heap and stack. `main` calls libtcc, from tcc_new() to the object's file.
pub fn prepare(main: Box<dyn Fn()>) -> io::Result<()> {
    // SAFETY: the lock is held.
    if unsafe { (*PLACE.0.get()).is_some() } {
        return Ok(());
    }
    #[cfg(test)]
    watch::testing::install();
    // A page below the stack stays inaccessible.
    let (heap, stack) = (heap::reserve(HEAP_SIZE)?, heap::reserve(STACK_SIZE + PAGE)?);
    heap::make_accessible(stack + PAGE, STACK_SIZE)?;
    STACK.store(stack, Ordering::Relaxed);
    let new = Running {
        heap, accessible: heap, floor: heap, stack, initial: Kept::initial(), main, is_marking: false, head: Vec::new(), source: Vec::new(), position: 0, is_stopped: false,
        is_running_source: false, is_done: false, outer_rsp: 0, inner_rsp: 0, object: Vec::new(), files: Vec::new(), open: Vec::new(),
    };
    // SAFETY: the lock is held.
    unsafe { *PLACE.0.get() = Some(new) };
    Ok(())
}

/// Runs the compiler up to the end of `head`. None: it has ended before, by an error that it has reported.
pub fn make(head: &str) -> io::Result<Option<Checkpoint>> {
    kept::release()?;
    heap::reset()?;
    running().initial.put_back()?;
    let now = running();
    (now.head, now.is_stopped, now.is_marking) = (head.as_bytes().to_vec(), false, true);
    now.files.clear();
    let top = now.stack + PAGE + STACK_SIZE;
    // A frame as polyglot_tcc_switch leaves it: six registers, the address of the entry, which sees a stack as after a call.
    let frame = top - 64;
    // SAFETY: the stack is ours and nobody runs on it.
    unsafe {
        std::ptr::write_bytes((top - 64) as *mut u8, 0, 64);
        *((frame + 48) as *mut usize) = entry as *const () as usize;
    }
    now.inner_rsp = frame;
    switch_in();
    running().is_marking = false;
    if running().is_done {
        return Ok(None);
    }
    let now = running();
    heap::keep();
    let kept = Kept::take(now.heap..heap::top(), now.inner_rsp..top);
    Ok(Some(Checkpoint { kept, rsp: now.inner_rsp, files: std::mem::take(&mut now.files) }))
}

/// Goes on from a checkpoint with a source, to the end; the object if one was written.
pub fn run(checkpoint: &Checkpoint, source: Vec<u8>) -> io::Result<Vec<u8>> {
    checkpoint.kept.put_back()?;
    let now = running();
    (now.source, now.inner_rsp) = (source, checkpoint.rsp);
    now.object = Vec::new();
    (now.is_stopped, now.is_running_source) = (true, true);
    switch_in();
    running().is_running_source = false;
    checkpoint.kept.forget_source();
    heap::trim()?;
    Ok(std::mem::take(&mut running().object))
}

fn switch_in() {
    let now = running();
    (now.position, now.is_done) = (0, false);
    let (save, to) = (&raw mut now.outer_rsp, now.inner_rsp);
    // SAFETY: `to` is where the compiler stopped, or its first frame; it comes back by switch_out().
    unsafe { polyglot_tcc_switch(save, to) };
    files::close_all();
}

fn switch_out() {
    let now = running();
    let (save, to) = (&raw mut now.inner_rsp, now.outer_rsp);
    // SAFETY: switch_in() waits there.
    unsafe { polyglot_tcc_switch(save, to) };
}

extern "C" fn entry() -> ! {
    let main: *const dyn Fn() = &raw const *running().main;
    // SAFETY: the box is never replaced.
    unsafe { (*main)() };
    running().is_done = true;
    switch_out();
    unreachable!("a compilation that has ended is not gone on with")
}

// --- when the compiler fails ---

/// For `abandon`, which may use nothing else: where the stack begins (0: there is none), and what is told of the failure.
static STACK: AtomicUsize = AtomicUsize::new(0);
static FAILURE: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
/// The compiler has called a function that may hold a lock: it is not left there.
static IS_OUTSIDE: AtomicBool = AtomicBool::new(false);
/// Below the frames of the compiler, for what tells the failure: a page for frames that were not entered yet, and room for libtcc's message.
const FAILURE_ROOM: usize = 64 << 10;

/// Until it is dropped, a fault is not the compiler's.
pub struct Outside(());

impl Outside {
    pub fn begin() -> Self {
        IS_OUTSIDE.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        IS_OUTSIDE.store(false, Ordering::Relaxed);
    }
}

/// In a signal handler, with a fault's name: where the thread goes on if the fault is the compiler's, as (RIP, RSP). It ends with an error then.
pub fn abandon(name: &'static CStr, sp: usize) -> Option<(usize, usize)> {
    let stack = STACK.load(Ordering::Relaxed);
    let top = stack + PAGE + STACK_SIZE;
    if stack == 0 || !(stack..top).contains(&sp) || IS_OUTSIDE.load(Ordering::Relaxed) {
        return None;
    }
    // A second failure is that of telling the first one.
    let is_first = FAILURE.swap(name.as_ptr().cast_mut(), Ordering::Relaxed).is_null();
    let below = if is_first && sp - stack > FAILURE_ROOM { sp - PAGE } else { top };
    let go_on: extern "C" fn() -> ! = if below == top { leave } else { tell_and_leave };
    Some((go_on as *const () as usize, (below & !15) - 8)) // as after a call
}

extern "C" fn tell_and_leave() -> ! {
    // SAFETY: the format takes one text.
    unsafe { _tcc_error_noabort(c"the compiler failed here: %s".as_ptr(), FAILURE.load(Ordering::Relaxed)) };
    leave()
}

extern "C" fn leave() -> ! {
    kept::distrust();
    running().is_done = true;
    switch_out();
    unreachable!("a compilation that has failed is not gone on with")
}

/// After make() and run(): the fault that ended the compiler.
pub fn take_failure() -> Option<&'static CStr> {
    let name = FAILURE.swap(null_mut(), Ordering::Relaxed);
    // SAFETY: abandon() and polyglot_tcc_exit() have stored a text that lives for ever.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
}

/// Its way out where an error has no place to go to.
#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_exit(_: c_int) -> ! {
    FAILURE.store(c"it gave up".as_ptr().cast_mut(), Ordering::Relaxed);
    leave()
}

// --- what it need not do ---

/// After a source, before its object is written, libtcc frees its symbols and macros one by one: what is put back needs no freeing.
/// (The build makes libtcc's own functions of these names weak.)
#[unsafe(no_mangle)]
extern "C" fn tccgen_finish(_: *mut c_void) {}

/// It also closes files: switch_in() does, wherever the compiler has ended.
#[unsafe(no_mangle)]
extern "C" fn preprocess_end(_: *mut c_void) {
    // SAFETY: libtcc's own, which it would make null, too: what it says from here on is about no place in a file.
    unsafe { current_file = null_mut() };
}

