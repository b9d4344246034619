//! The compiler's heap: blocks of powers of two, in classes. Its own data stand at its beginning, so that they are kept and put back
//! with the rest.

use super::kept::{PIECE, UNTOUCHED};
use super::{HEAP_SIZE, running, watch};
use std::ffi::{c_int, c_void};
use std::io;
use std::ptr::null_mut;

const HEAP_STEP: usize = 1 << 20;
/// More than that goes back to the system after each source.
const HEAP_KEPT: usize = 8 << 20;
const SMALLEST_CLASS: usize = 5;
const CLASSES: usize = 29;

unsafe extern "C" {
    fn mmap(address: *mut c_void, size: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

struct Heap {
    top: usize,
    free: [usize; CLASSES],
}

const PROT_NONE: c_int = 0;
const MAP_PRIVATE_ANONYMOUS: c_int = 0x22;
const MAP_FIXED: c_int = 0x10;

/// Address space without memory.
pub fn reserve(size: usize) -> io::Result<usize> {
    // SAFETY: a new mapping at an address of the system's choice.
    let found = unsafe { mmap(null_mut(), size, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0) };
    if found as isize == -1 { Err(io::Error::last_os_error()) } else { Ok(found as usize) }
}

pub fn make_accessible(at: usize, size: usize) -> io::Result<()> {
    watch::protect(at, at + size, watch::PROT_READ_WRITE)
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

pub fn reset() -> io::Result<()> {
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
pub fn trim() -> io::Result<()> {
    let floor = running().floor.max(running().heap + HEAP_KEPT);
    if running().accessible > floor { give_back(floor) } else { Ok(()) }
}

pub fn top() -> usize {
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

/// A checkpoint is made: what it has stays when the heap is trimmed.
pub fn keep() {
    let now = running();
    now.floor = now.floor.max(top().next_multiple_of(HEAP_STEP)).min(now.accessible);
}
