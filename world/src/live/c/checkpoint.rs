//! libtcc on memory and a stack of its own, so that its state can be kept and put back.
//!
//! Before it reads the first byte of a source, the compiler has made 700 symbols, read its built-in declarations and the
//! session's #include files: a million instructions and more, the same for every cell. So it is stopped where it wants to read
//! that first byte, and all that it has is copied (`make`). Each source begins with that copy put back (`run`).
//!
//! What it has: .data and .bss of libtcc.a (the build renames them to tcc_data and tcc_bss), the heap below, the stack below.
//! world/libtcc.symbols leads its calls of malloc, open, read, fwrite and their kin to the functions at the end of this file; the
//! source is read, and the object is written, without a file. Errors leave by longjmp within that stack. When the compiler itself
//! fails (`abandon`: a fault on its stack; or its exit()), its stack is left for good: that source has an error, the next is compiled.
//!
//! One at a time: the caller holds compiler.rs's lock from begin to end.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr::{addr_of, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::SystemTime;

/// What the compiler is told to read, and the name of what it writes.
pub const SOURCE: &CStr = c"<string>";
pub const OBJECT: &CStr = c"<object>";
/// Whose files do not change.
const SYSTEM_FILES: &str = "/usr/";
const SOURCE_DESCRIPTOR: c_int = 0x7fff_0001;
const OBJECT_DESCRIPTOR: c_int = 0x7fff_0002;

/// 6,000 nested parentheses; compiler.rs refuses more than NESTING.
const STACK_SIZE: usize = 4 << 20;
const HEAP_SIZE: usize = 256 << 20;
const HEAP_STEP: usize = 1 << 20;
/// More than that goes back to the system after each source.
const HEAP_KEPT: usize = 8 << 20;
const PAGE: usize = 4096;
/// State is copied in pieces of this size. Larger ones would be moved by `rep movsb`, which emulators do byte by byte.
const PIECE: usize = 2048;
/// Memory that holds this in a whole piece has never been written: it need not be kept.
const UNTOUCHED: u8 = 0xa5;
const SMALLEST_CLASS: usize = 5;
const CLASSES: usize = 29;

unsafe extern "C" {
    static mut __start_tcc_data: u8;
    static mut __stop_tcc_data: u8;
    static mut __start_tcc_bss: u8;
    static mut __stop_tcc_bss: u8;
    /// What libtcc reads; messages name it.
    #[link_name = "file"]
    static mut current_file: *mut c_void;
    fn mmap(address: *mut c_void, size: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn mprotect(address: *mut c_void, size: usize, protection: c_int) -> c_int;
    fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int;
    fn read(file: c_int, buffer: *mut c_void, size: usize) -> isize;
    fn close(file: c_int) -> c_int;
    fn unlink(path: *const c_char) -> c_int;
    fn fdopen(file: c_int, mode: *const c_char) -> *mut c_void;
    fn fwrite(data: *const c_void, size: usize, count: usize, stream: *mut c_void) -> usize;
    fn fputc(character: c_int, stream: *mut c_void) -> c_int;
    fn fclose(stream: *mut c_void) -> c_int;
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

/// Pieces of memory as they were: (address, bytes).
type Pieces = Vec<(usize, Box<[u8]>)>;

/// The compiler, stopped before the first byte of a source.
pub struct Checkpoint {
    pieces: Pieces,
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

/// The heap's own data, at its beginning, so that it is kept and put back with the rest.
struct Heap {
    top: usize,
    free: [usize; CLASSES],
}

/// What belongs to the compilation that runs, outside of what is kept.
struct Running {
    heap: usize,
    /// Where what is accessible of the heap ends.
    accessible: usize,
    /// The highest that a checkpoint needs of it.
    floor: usize,
    stack: usize,
    initial: Pieces,
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
    // A page below the stack stays inaccessible.
    let (heap, stack) = (reserve(HEAP_SIZE)?, reserve(STACK_SIZE + PAGE)?);
    make_accessible(stack + PAGE, STACK_SIZE)?;
    STACK.store(stack, Ordering::Relaxed);
    let initial = [data(), bss()].into_iter().flat_map(|(from, to)| pieces(from, to, None)).collect();
    let new = Running {
        heap, accessible: heap, floor: heap, stack, initial, main, is_marking: false, head: Vec::new(), source: Vec::new(), position: 0, is_stopped: false,
        is_running_source: false, is_done: false, outer_rsp: 0, inner_rsp: 0, object: Vec::new(), files: Vec::new(), open: Vec::new(),
    };
    // SAFETY: the lock is held.
    unsafe { *PLACE.0.get() = Some(new) };
    Ok(())
}

/// Runs the compiler up to the end of `head`. None: it has ended before, by an error that it has reported.
pub fn make(head: &str) -> io::Result<Option<Checkpoint>> {
    reset_heap()?;
    put_back(&running().initial);
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
    let mut kept = Pieces::new();
    for (from, to) in [data(), bss(), (now.inner_rsp, top)] {
        kept.extend(pieces(from, to, None));
    }
    now.floor = now.floor.max(heap_top().next_multiple_of(HEAP_STEP)).min(now.accessible);
    kept.extend(pieces(now.heap, heap_top(), Some(UNTOUCHED)));
    Ok(Some(Checkpoint { pieces: kept, rsp: now.inner_rsp, files: std::mem::take(&mut now.files) }))
}

/// Goes on from a checkpoint with a source, to the end; the object if one was written.
pub fn run(checkpoint: &Checkpoint, source: Vec<u8>) -> io::Result<Vec<u8>> {
    put_back(&checkpoint.pieces);
    let now = running();
    (now.source, now.inner_rsp) = (source, checkpoint.rsp);
    now.object = Vec::new();
    (now.is_stopped, now.is_running_source) = (true, true);
    switch_in();
    running().is_running_source = false;
    trim_heap()?;
    Ok(std::mem::take(&mut running().object))
}

fn switch_in() {
    let now = running();
    (now.position, now.is_done) = (0, false);
    let (save, to) = (&raw mut now.outer_rsp, now.inner_rsp);
    // SAFETY: `to` is where the compiler stopped, or its first frame; it comes back by switch_out().
    unsafe { polyglot_tcc_switch(save, to) };
    for file in running().open.drain(..) {
        // SAFETY: the compiler's own, and it has ended; where it only stopped, all #include files are at their ends.
        unsafe { close(file) };
    }
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

// --- memory that is kept and put back ---

fn data() -> (usize, usize) {
    (addr_of!(__start_tcc_data) as usize, addr_of!(__stop_tcc_data) as usize)
}

fn bss() -> (usize, usize) {
    (addr_of!(__start_tcc_bss) as usize, addr_of!(__stop_tcc_bss) as usize)
}

/// Copies of what is between two addresses, without pieces that hold `except` only.
fn pieces(from: usize, to: usize, except: Option<u8>) -> Pieces {
    let mut found = Pieces::new();
    for at in (from..to).step_by(PIECE) {
        // SAFETY: the ranges are the compiler's, accessible, and nobody runs in them.
        let bytes = unsafe { std::slice::from_raw_parts(at as *const u8, PIECE.min(to - at)) };
        if !except.is_some_and(|except| is_all(bytes, except)) {
            found.push((at, bytes.into()));
        }
    }
    found
}

fn is_all(bytes: &[u8], value: u8) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| *word == [value; 8]) && rest.iter().all(|byte| *byte == value)
}

fn put_back(pieces: &Pieces) {
    for (at, bytes) in pieces {
        // SAFETY: it was copied from there.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), *at as *mut u8, bytes.len()) };
    }
}

const PROT_NONE: c_int = 0;
const PROT_READ_WRITE: c_int = 3;
const MAP_PRIVATE_ANONYMOUS: c_int = 0x22;
const MAP_FIXED: c_int = 0x10;

/// Address space without memory.
fn reserve(size: usize) -> io::Result<usize> {
    // SAFETY: a new mapping at an address of the system's choice.
    let found = unsafe { mmap(null_mut(), size, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0) };
    if found as isize == -1 { Err(io::Error::last_os_error()) } else { Ok(found as usize) }
}

fn make_accessible(at: usize, size: usize) -> io::Result<()> {
    // SAFETY: the range was reserved by us.
    let status = unsafe { mprotect(at as *mut c_void, size, PROT_READ_WRITE) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Everything beyond `to` goes back to the system.
fn give_back(to: usize) -> io::Result<()> {
    let now = running();
    // SAFETY: the range is the heap's, and nothing in it is used.
    let found = unsafe { mmap(to as *mut c_void, now.accessible - to, PROT_NONE, MAP_PRIVATE_ANONYMOUS | MAP_FIXED, -1, 0) };
    if found as isize == -1 {
        return Err(io::Error::last_os_error());
    }
    now.accessible = to;
    Ok(())
}

// --- the compiler's heap: blocks of powers of two, in classes ---

fn reset_heap() -> io::Result<()> {
    let heap = running().heap;
    if running().accessible == heap {
        make_accessible(heap, HEAP_STEP)?;
        running().accessible = heap + HEAP_STEP;
    }
    mark_untouched(heap, running().accessible);
    // SAFETY: the heap's first page.
    unsafe { *(heap as *mut Heap) = Heap { top: (heap + size_of::<Heap>()).next_multiple_of(32), free: [0; CLASSES] } };
    Ok(())
}

fn mark_untouched(from: usize, to: usize) {
    for at in (from..to).step_by(PIECE) {
        // SAFETY: accessible memory of the heap that is not in use.
        unsafe { std::ptr::write_bytes(at as *mut u8, UNTOUCHED, PIECE) };
    }
}

/// After a large source. What a checkpoint has stays.
fn trim_heap() -> io::Result<()> {
    let floor = running().floor.max(running().heap + HEAP_KEPT);
    if running().accessible > floor { give_back(floor) } else { Ok(()) }
}

fn heap_top() -> usize {
    // SAFETY: the heap's first page is accessible since reset_heap().
    unsafe { (*(running().heap as *const Heap)).top }
}

fn class_of(size: usize) -> usize {
    let whole = size.saturating_add(16);
    (usize::BITS - (whole - 1).leading_zeros()).max(SMALLEST_CLASS as u32) as usize
}

fn allocate(size: usize) -> *mut c_void {
    let class = class_of(size);
    if class >= CLASSES {
        return null_mut();
    }
    let (base, is_marking) = (running().heap, running().is_marking);
    // SAFETY: the heap's first page; blocks in the free lists are ours and unused.
    let heap = unsafe { &mut *(base as *mut Heap) };
    let block = if heap.free[class] != 0 {
        let block = heap.free[class];
        heap.free[class] = unsafe { *((block + 16) as *const usize) };
        block
    } else {
        let (block, end) = (heap.top, heap.top + (1 << class));
        if end > base + HEAP_SIZE {
            return null_mut();
        }
        let accessible = running().accessible;
        if end > accessible {
            let new = end.next_multiple_of(HEAP_STEP).min(base + HEAP_SIZE);
            if make_accessible(accessible, new - accessible).is_err() {
                return null_mut();
            }
            running().accessible = new;
            if is_marking {
                mark_untouched(accessible, new);
            }
        }
        heap.top = end;
        block
    };
    // SAFETY: the block's head.
    unsafe { *(block as *mut usize) = class };
    (block + 16) as *mut c_void
}

/// Of the block at an address that allocate() gave.
fn class_at(address: *mut c_void) -> usize {
    // SAFETY: the block's head.
    unsafe { *((address as usize - 16) as *const usize) }
}

fn clear(address: *mut c_void, size: usize) {
    for at in (0..size).step_by(PIECE) {
        // SAFETY: within the block.
        unsafe { std::ptr::write_bytes(address.cast::<u8>().add(at), 0, PIECE.min(size - at)) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_malloc(size: usize) -> *mut c_void {
    allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_calloc(count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else { return null_mut() };
    let address = allocate(size);
    if !address.is_null() {
        clear(address, size);
    }
    address
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_realloc(old: *mut c_void, size: usize) -> *mut c_void {
    if old.is_null() {
        return allocate(size);
    }
    let room = (1 << class_at(old)) - 16;
    if size <= room {
        return old;
    }
    let new = allocate(size);
    if !new.is_null() {
        // SAFETY: two blocks, and the new one is larger.
        unsafe { std::ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast(), room) };
        polyglot_tcc_free(old);
    }
    new
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_free(address: *mut c_void) {
    if address.is_null() {
        return;
    }
    let (class, block) = (class_at(address), address as usize - 16);
    // SAFETY: the heap's first page, and a block of it that is not in use any more.
    unsafe {
        let heap = &mut *(running().heap as *mut Heap);
        *((block + 16) as *mut usize) = heap.free[class];
        heap.free[class] = block;
    }
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

// --- its files ---

/// SAFETY of all below: libtcc passes what the functions of these names take.
fn is(path: *const c_char, name: &CStr) -> bool {
    unsafe { CStr::from_ptr(path) == name }
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    if is(path, SOURCE) {
        SOURCE_DESCRIPTOR
    } else if is(path, OBJECT) {
        OBJECT_DESCRIPTOR
    } else {
        let _outside = Outside::begin();
        let file = unsafe { open(path, flags, mode) };
        let name = unsafe { CStr::from_ptr(path) }.to_string_lossy();
        if file >= 0 {
            running().open.push(file);
        }
        if file >= 0 && !name.starts_with(SYSTEM_FILES) && !running().is_running_source {
            running().files.extend(FileState::of(name.into_owned()));
        }
        file
    }
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_read(file: c_int, buffer: *mut c_void, size: usize) -> isize {
    if file != SOURCE_DESCRIPTOR {
        return unsafe { read(file, buffer, size) };
    }
    let now = running();
    if !now.is_stopped && now.position == now.head.len() {
        now.is_stopped = true;
        switch_out(); // here a checkpoint is made, and from here each source goes on
    }
    let now = running();
    let text = if now.is_running_source { &now.source } else { &now.head };
    let count = size.min(text.len() - now.position);
    unsafe { std::ptr::copy_nonoverlapping(text[now.position..].as_ptr(), buffer.cast(), count) };
    now.position += count;
    count as isize
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_close(file: c_int) -> c_int {
    if matches!(file, SOURCE_DESCRIPTOR | OBJECT_DESCRIPTOR) {
        return 0;
    }
    running().open.retain(|open| *open != file);
    unsafe { close(file) }
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_unlink(path: *const c_char) -> c_int {
    if is(path, OBJECT) { 0 } else { unsafe { unlink(path) } }
}

/// The stream of the object; only its address counts.
static OBJECT_STREAM: u8 = 0;

fn is_object(stream: *mut c_void) -> bool {
    std::ptr::eq(stream.cast(), &raw const OBJECT_STREAM)
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_fdopen(file: c_int, mode: *const c_char) -> *mut c_void {
    let _outside = Outside::begin();
    running().open.retain(|open| *open != file); // the stream's now
    if file == OBJECT_DESCRIPTOR { (&raw const OBJECT_STREAM).cast_mut().cast() } else { unsafe { fdopen(file, mode) } }
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_fwrite(data: *const c_void, size: usize, count: usize, stream: *mut c_void) -> usize {
    let _outside = Outside::begin();
    if !is_object(stream) {
        return unsafe { fwrite(data, size, count, stream) };
    }
    if size * count > 0 {
        running().object.extend_from_slice(unsafe { std::slice::from_raw_parts(data.cast(), size * count) });
    }
    count
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_fputc(character: c_int, stream: *mut c_void) -> c_int {
    let _outside = Outside::begin();
    if !is_object(stream) {
        return unsafe { fputc(character, stream) };
    }
    running().object.push(character as u8);
    character
}

#[unsafe(no_mangle)]
extern "C" fn polyglot_tcc_fclose(stream: *mut c_void) -> c_int {
    let _outside = Outside::begin();
    if is_object(stream) { 0 } else { unsafe { fclose(stream) } }
}
