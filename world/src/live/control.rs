//! The kernel's live operations: live/control.h, live/guard.h and live/live.h mirrored, and calls of them.
//!
//! `operate(OPERATION, &mut request)`; where the kernel is not ours every one fails with ENOSYS. `enter()` is the address of
//! the guarded call's entry.

#![allow(dead_code)] // a mirror of the whole interface

use crate::natives;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

pub const LOAD: u32 = 1;
pub const UNLOAD: u32 = 2;
pub const LOOKUP: u32 = 3;
pub const LIST: u32 = 4;
pub const PREPARE: u32 = 5;
pub const TAKE_FAULT: u32 = 6;
pub const PEEK: u32 = 7;
pub const WORLD_EXPORTS: u32 = 8;
pub const REPLACE: u32 = 9;
pub const RESTORE: u32 = 10;
pub const REPLACE_SET: u32 = 13;
pub const ADDRESS: u32 = 11;
pub const STOP: u32 = 12;

/// Memory of ours for the kernel.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Text {
    pub address: u64,
    pub size: u64,
}

impl Text {
    /// Bytes that the kernel reads during the call.
    pub fn of(bytes: &[u8]) -> Self {
        Self { address: bytes.as_ptr() as u64, size: bytes.len() as u64 }
    }

    /// Bytes that the kernel writes during the call.
    pub fn out(bytes: &mut [u8]) -> Self {
        Self { address: bytes.as_mut_ptr() as u64, size: bytes.len() as u64 }
    }
}

pub const LOAD_ARCHIVE_ALL: u32 = 1;
pub const LOAD_QUIET_INIT: u32 = 2;
pub const LOAD_FORCE: u32 = 4;
pub const LOAD_HIDDEN: u32 = 8;
pub const LOAD_PASSING: u32 = 16;
pub const UNLOAD_ASK: u32 = 2;

#[repr(C)]
#[derive(Default)]
pub struct LoadRequest {
    pub object: Text,
    pub name: Text,
    pub sse: Text,
    pub bind_file: Text,
    pub only: Text,
    pub message: Text,
    pub flags: u32,
    pub language: u32,
    pub module: u64,
    pub only_address: u64,
    pub archive: Text,
}

pub const LANGUAGE_OTHER: u32 = 0;
pub const LANGUAGE_C: u32 = 1;
pub const LANGUAGE_ZIG: u32 = 2;
pub const LANGUAGE_RUST: u32 = 3;
pub const LANGUAGE_PYTHON: u32 = 4;

#[repr(C)]
#[derive(Default)]
pub struct UnloadRequest {
    pub module: u64,
    pub force: u32,
    pub reserved: u32,
    pub message: Text,
}

pub const NAME_SIZE: usize = 256;
pub const KIND_FUNCTION: u32 = 1;
pub const KIND_OBJECT: u32 = 2;
pub const ORIGIN_KERNEL: u32 = 1;
pub const ORIGIN_LIVE: u32 = 2;
pub const ORIGIN_WORLD: u32 = 3;
pub const CONTEXT_ANY: u32 = 1;
pub const CONTEXT_SLEEPABLE: u32 = 2;
pub const CONTEXT_WORLD: u32 = 3;

#[repr(C)]
#[derive(Clone)]
pub struct SymbolInfo {
    pub name: [u8; NAME_SIZE],
    pub address: u64,
    pub target: u64,
    pub size: u64,
    pub kind: u32,
    pub origin: u32,
    pub context: u32,
    pub flags: u32,
    pub module: u64,
    pub users: u32,
    pub generation: u32,
}

impl Default for SymbolInfo {
    fn default() -> Self {
        // SAFETY: all zero is a value of every field.
        unsafe { std::mem::zeroed() }
    }
}

impl SymbolInfo {
    pub fn name(&self) -> String {
        text(&self.name)
    }
}

#[repr(C)]
#[derive(Default)]
pub struct LookupRequest {
    pub name: Text,
    pub info: SymbolInfo,
}

#[repr(C)]
#[derive(Default)]
pub struct ListRequest {
    pub prefix: Text,
    pub origins: u32,
    pub reserved: u32,
    pub cursor: u64,
    pub buffer: Text,
    pub count: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct PeekRequest {
    pub address: u64,
    pub buffer: Text,
    pub write: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct WorldExport {
    pub name: u64,
    pub address: u64,
    pub kind: u32,
    pub context: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct WorldExportsRequest {
    pub exports: Text,
    pub remove: u32,
    pub reserved: u32,
}

pub const REPLACE_IDEMPOTENT: u32 = 1;
pub const REPLACE_FORCE: u32 = 2;

#[repr(C)]
#[derive(Default)]
pub struct ReplaceRequest {
    pub name: Text,
    pub target: u64,
    pub module: u64,
    pub trial: u64,
    pub failure_value: u64,
    pub stack_bytes: u32,
    pub flags: u32,
    pub message: Text,
}

#[repr(C)]
#[derive(Default)]
pub struct ReplaceSetRequest {
    /// An array of ReplaceRequest, without messages.
    pub replacements: Text,
    pub message: Text,
}

#[repr(C)]
#[derive(Default)]
pub struct RestoreRequest {
    pub name: Text,
    pub message: Text,
}

#[repr(C)]
#[derive(Default)]
pub struct StopRequest {
    pub thread: i32,
    pub reserved: u32,
}

pub const FAULT_FRAMES: usize = 24;
pub const FAULT_TEXT: usize = 160;
pub const FAULT_INTERRUPTED: u64 = 13;
pub const FAULT_CALLBACK: u64 = 18;

#[repr(C)]
#[derive(Clone)]
pub struct Fault {
    pub kind: u32,
    pub frame_count: u32,
    pub address: u64,
    pub frames: [u64; FAULT_FRAMES],
    pub locks_released: u64,
    pub module: u64,
    pub thread: i32,
    pub cpu: u32,
    pub text: [u8; FAULT_TEXT],
}

/// What `live_enter` is given in R10.
#[repr(C)]
#[derive(Default)]
pub struct Call {
    pub target: u64,
    pub stack_bytes: u64,
    pub time_limit: u64,
    pub status: u64,
}

const _: () = {
    assert!(size_of::<LoadRequest>() == 136);
    assert!(size_of::<UnloadRequest>() == 32);
    assert!(size_of::<SymbolInfo>() == 312);
    assert!(size_of::<LookupRequest>() == 328);
    assert!(size_of::<ListRequest>() == 56);
    assert!(size_of::<PeekRequest>() == 32);
    assert!(size_of::<WorldExport>() == 24);
    assert!(size_of::<WorldExportsRequest>() == 24);
    assert!(size_of::<ReplaceRequest>() == 72);
    assert!(size_of::<RestoreRequest>() == 32);
    assert!(size_of::<Fault>() == 392);
    assert!(size_of::<Call>() == 32);
};

/// What the kernel says in one operation at most (CONTROL_MESSAGE_SIZE).
const MESSAGE_SIZE: usize = 16 << 10;

/// Room for what the kernel says, empty unless it does. One per thread: to clear it each time would cost more than an operation.
pub fn with_message<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    thread_local!(static MESSAGE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) });
    let mut room = MESSAGE.with(std::cell::RefCell::take);
    room.resize(MESSAGE_SIZE, 0);
    room[0] = 0;
    let result = work(&mut room);
    MESSAGE.with(|own| own.replace(room));
    result
}

/// A text of the kernel up to its NUL.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or(&[])).into_owned()
}

static CHANGES: AtomicU64 = AtomicU64::new(0);

/// How often what a name means may have changed, its type included: what was found under one count holds as long as it stays.
pub fn changes() -> u64 {
    CHANGES.load(Ordering::Acquire)
}

/// Something a name means has just changed.
pub fn note_change() {
    CHANGES.fetch_add(1, Ordering::AcqRel);
}

/// One operation; `request` is its structure. The kernel's result >= 0, or the error.
pub fn operate<T>(operation: u32, request: &mut T) -> io::Result<u64> {
    let Some(control) = natives::live_control() else {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    };
    let result = control(operation, std::ptr::from_mut(request) as u64, size_of::<T>() as u64);
    if matches!(operation, LOAD | UNLOAD | WORLD_EXPORTS | REPLACE | REPLACE_SET | RESTORE) {
        note_change();
    }
    if result < 0 { Err(io::Error::from_raw_os_error(-result as i32)) } else { Ok(result as u64) }
}

/// What a name means in the namespace.
pub fn lookup(name: &str) -> io::Result<SymbolInfo> {
    let mut request = LookupRequest { name: Text::of(name.as_bytes()), ..LookupRequest::default() };
    operate(LOOKUP, &mut request)?;
    Ok(request.info)
}

/// The symbol that contains an address.
pub fn symbol_at(address: u64) -> io::Result<SymbolInfo> {
    let mut request = LookupRequest::default();
    request.info.address = address;
    operate(ADDRESS, &mut request)?;
    Ok(request.info)
}

/// Symbols whose names begin with `prefix`, of the origins whose bits (1 << ORIGIN_...) are set.
pub fn list(prefix: &str, origins: u32, limit: usize) -> io::Result<Vec<SymbolInfo>> {
    let mut found = Vec::new();
    let mut batch = vec![SymbolInfo::default(); 64];
    let mut cursor = 0;
    while cursor != u64::MAX && found.len() < limit {
        let buffer = Text { address: batch.as_mut_ptr() as u64, size: (batch.len() * size_of::<SymbolInfo>()) as u64 };
        let mut request = ListRequest { prefix: Text::of(prefix.as_bytes()), origins, cursor, buffer, ..ListRequest::default() };
        operate(LIST, &mut request)?;
        found.extend_from_slice(&batch[..request.count as usize]);
        if request.cursor == cursor {
            break;
        }
        cursor = request.cursor;
    }
    Ok(found)
}

/// Reads memory of kernel, live modules or world. EFAULT: nothing is mapped there.
pub fn peek(address: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut request = PeekRequest { address, buffer: Text::out(buffer), ..PeekRequest::default() };
    operate(PEEK, &mut request).map(drop)
}

/// Writes memory. EFAULT: nothing is mapped there, or it is read-only.
pub fn poke(address: u64, buffer: &[u8]) -> io::Result<()> {
    let mut request = PeekRequest { address, buffer: Text::of(buffer), write: 1, ..PeekRequest::default() };
    operate(PEEK, &mut request).map(drop)
}

/// The last fault of this thread.
pub fn take_fault() -> io::Result<Fault> {
    // SAFETY: all zero is a value of every field.
    let mut fault: Fault = unsafe { std::mem::zeroed() };
    operate(TAKE_FAULT, &mut fault)?;
    Ok(fault)
}
