//! The kernel's functions that the world calls directly (kernel/natives.h): where its table is, and names of addresses.
//!
//! Everything here may be called in a signal handler.

use std::ffi::{CStr, c_char};

/// auxv key of the table's address: "POLY" read as a big-endian number.
const AT_POLYGLOT_NATIVES: libc::c_ulong = 0x504f_4c59;

/// `struct polyglot_natives`, as far as it is used here.
#[repr(C)]
struct Table {
    version: u32,
    size: u32,
    clock_monotonic: usize,
    log_size: usize,
    symbol_name: extern "C" fn(u64) -> *const c_char,
    symbol_start: extern "C" fn(u64) -> u64,
    live_control: Option<LiveControl>,
    live_enter: usize,
    live_fail_on_return: Option<extern "C" fn(u32)>,
}

/// live_control(operation, argument, size) of live/control.h.
pub type LiveControl = extern "C" fn(u32, u64, u64) -> i64;

/// An entry that is `offset` bytes into the table; None: another kernel, or one without it.
fn entry<T: Copy>(offset: usize) -> Option<T> {
    let address = address()?;
    if (version_and_size(address)[1] as usize) < offset + size_of::<T>() {
        return None;
    }
    // SAFETY: the table has that many bytes, never changes and never goes away; `offset` is that of a field of type T.
    Some(unsafe { std::ptr::read((address + offset) as *const T) })
}

/// The operations of the live layer. None: the kernel has none.
pub fn live_control() -> Option<LiveControl> {
    entry::<Option<LiveControl>>(std::mem::offset_of!(Table, live_control)).flatten()
}

/// The address of `live_enter` (live/guard.h), which is jumped to with R10 = struct live_call.
pub fn live_enter() -> Option<usize> {
    entry::<usize>(std::mem::offset_of!(Table, live_enter)).filter(|&address| address != 0)
}

/// The table's address; None where the kernel is not ours.
pub fn address() -> Option<usize> {
    // SAFETY: no memory is involved.
    let address = unsafe { libc::getauxval(AT_POLYGLOT_NATIVES) } as usize;
    (address != 0).then_some(address)
}

/// The table's version and its size in bytes.
pub fn version_and_size(address: usize) -> [u32; 2] {
    // SAFETY: `address` is the one that the kernel gave; the structure begins with these fields.
    unsafe { std::ptr::read(address as *const [u32; 2]) }
}

/// The function of world or kernel that contains `code`, and the offset in it. None: unknown, or another kernel.
pub fn symbol(code: usize) -> Option<(&'static str, usize)> {
    let address = address()?;
    if (version_and_size(address)[1] as usize) < std::mem::offset_of!(Table, live_control) {
        return None;
    }
    // SAFETY: the kernel's table, which never goes away, has these fields.
    let table = unsafe { &*(address as *const Table) };
    let name = (table.symbol_name)(code as u64);
    if name.is_null() {
        return None;
    }
    // SAFETY: a string of the kernel's that ends with NUL and stays where it is.
    let name = unsafe { CStr::from_ptr(name) };
    Some((name.to_str().ok()?, code - (table.symbol_start)(code as u64) as usize))
}

/// Ends the live call that called back when the callback returns (live/guard.h); takes the fault's kind.
pub fn live_fail_on_return() -> Option<extern "C" fn(u32)> {
    entry::<Option<extern "C" fn(u32)>>(std::mem::offset_of!(Table, live_fail_on_return)).flatten()
}
