//! Which pages of the compiler's heap a source has written: what it has not written need not be put back.
//!
//!     if is_handled() { begin(from, to)?; }      // whole pages; they become read-only
//!     is_written(page)                           // true of every page outside of from..to
//!     end()?;                                    // writable again, all of them count as written
//!
//! The first write to a page is a fault; whoever handles SIGSEGV asks `take_write`, which makes the page writable and remembers it. A
//! page stays written until the next begin(): the pages that sources write are nearly always the same ones.

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr::null;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

pub const PAGE: usize = 4096;
const PAGES: usize = super::HEAP_SIZE / PAGE;
const SIGSEGV: c_int = 11;
const PROT_READ: c_int = 1;
pub const PROT_READ_WRITE: c_int = 3;

/// The handler of SIGSEGV that asks take_write(); 0: there is none.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// What is watched; to is 0: nothing.
static FROM: AtomicUsize = AtomicUsize::new(0);
static TO: AtomicUsize = AtomicUsize::new(0);
/// A bit for each page from FROM on.
static WRITTEN: [AtomicU64; PAGES / 64] = [const { AtomicU64::new(0) }; PAGES / 64];

unsafe extern "C" {
    fn mprotect(address: *mut c_void, size: usize, protection: c_int) -> c_int;
    fn sigaction(signal: c_int, new: *const c_void, old: *mut c_void) -> c_int;
    fn pthread_sigmask(how: c_int, new: *const c_void, old: *mut c_void) -> c_int;
}

/// Tells the address of a handler that calls take_write().
pub fn set_handler(address: usize) {
    HANDLER.store(address, Relaxed);
}

/// Would a fault of this thread come to that handler? A program may have put its own in its place, or blocked the signal.
pub fn is_handled() -> bool {
    let handler = HANDLER.load(Relaxed);
    let (mut action, mut mask) = ([0usize; 32], [0u64; 32]);
    // SAFETY: both are larger than the C library's structures (152 and 128 bytes), and begin with the handler and the signals 1 to 64.
    let asked = handler != 0
        && unsafe { sigaction(SIGSEGV, null(), action.as_mut_ptr().cast()) == 0 && pthread_sigmask(0, null(), mask.as_mut_ptr().cast()) == 0 };
    asked && action[0] == handler && mask[0] >> (SIGSEGV - 1) & 1 == 0
}

pub fn protect(from: usize, to: usize, protection: c_int) -> io::Result<()> {
    // SAFETY: pages that were reserved for the compiler.
    let status = unsafe { mprotect(from as *mut c_void, to - from, protection) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Err: nothing is watched.
pub fn begin(from: usize, to: usize) -> io::Result<()> {
    end()?;
    if from >= to {
        return Ok(());
    }
    for word in &WRITTEN[..(to - from).div_ceil(PAGE * 64)] {
        word.store(0, Relaxed);
    }
    FROM.store(from, Relaxed);
    TO.store(to, Relaxed);
    protect(from, to, PROT_READ).inspect_err(|_| drop(end()))
}

pub fn end() -> io::Result<()> {
    let to = TO.load(Relaxed);
    if to != 0 {
        protect(FROM.load(Relaxed), to, PROT_READ_WRITE)?;
        TO.store(0, Relaxed);
    }
    Ok(())
}

/// The word and the bit of the page that an address lies in; None: it is not watched.
fn place(address: usize) -> Option<(&'static AtomicU64, u64)> {
    let (from, to) = (FROM.load(Relaxed), TO.load(Relaxed));
    let page = (from..to).contains(&address).then(|| (address - from) / PAGE)?;
    Some((&WRITTEN[page / 64], 1 << (page % 64)))
}

pub fn is_written(address: usize) -> bool {
    place(address).is_none_or(|(word, bit)| word.load(Relaxed) & bit != 0)
}

/// In a signal handler: a write to this address failed. True: it may be tried again.
pub fn take_write(address: usize) -> bool {
    let Some((word, bit)) = place(address).filter(|(word, bit)| word.load(Relaxed) & bit == 0) else { return false };
    let page = address / PAGE * PAGE;
    if protect(page, page + PAGE, PROT_READ_WRITE).is_err() {
        return false;
    }
    word.fetch_or(bit, Relaxed);
    true
}

/// Before the kernel writes there, which would be an error of the call and no fault of ours.
pub fn touch(address: *mut c_void, size: usize) {
    let (from, to) = (address as usize, address as usize + size);
    for at in (from / PAGE * PAGE..to).step_by(PAGE).map(|page| page.max(from)) {
        // SAFETY: the caller's memory, which it wants to be written; one byte of each page as it is.
        unsafe { std::ptr::write_volatile(at as *mut u8, std::ptr::read_volatile(at as *const u8)) };
    }
}

/// For tests: a handler, and how many faults it has seen.
#[cfg(test)]
pub mod testing {
    use super::*;

    pub static FAULTS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn handle(_: c_int, information: *mut c_void, _: *mut c_void) {
        // SAFETY: si_addr stands 16 bytes into the structure.
        if !take_write(unsafe { *information.cast::<usize>().add(2) }) {
            std::process::abort();
        }
        FAULTS.fetch_add(1, Relaxed);
    }

    pub fn install() {
        let mut action = [0usize; 32];
        (action[0], action[17]) = (handle as *const () as usize, 0x4 | 0x0800_0000); // SA_SIGINFO | SA_ONSTACK
        // SAFETY: the C library's structure: handler, 128 bytes of mask, flags.
        assert_eq!(unsafe { sigaction(SIGSEGV, action.as_ptr().cast(), std::ptr::null_mut()) }, 0);
        set_handler(handle as *const () as usize);
    }
}
