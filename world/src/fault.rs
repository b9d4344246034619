//! What is printed when native code dies: the Python stack, then the native one.
//!
//! `install` handles the fatal signals on an alternate stack, prints to standard error and lets the
//! default action follow. The C compiler's memory is watched by faults, and a fault of its own only ends its work
//! (live/c/checkpoint.rs). The kernel knows the functions' names (natives.rs). Addresses are relative to the image;
//! `addr2line -e build/world.sym.elf ADDRESS` gives lines, and the names where the kernel is another one.
//! A Python program that calls faulthandler.enable() replaces this by RustPython's report.
//! The handler allocates nothing; it reads frames of the thread that died, which cannot run on.

use crate::live::c::checkpoint::{abandon, watch};
use crate::natives;
use rustpython_vm::{frame::InterpreterFrame, vm::thread};
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

const SIGNALS: [(c_int, &CStr); 5] = [
    (libc::SIGSEGV, c"Segmentation fault"),
    (libc::SIGBUS, c"Bus error"),
    (libc::SIGILL, c"Illegal instruction"),
    (libc::SIGFPE, c"Arithmetic fault"),
    (libc::SIGABRT, c"Aborted"),
];
const MAX_FRAMES: usize = 64;

/// Installs the handlers. After the interpreter is built: its start-up sets every signal's handler anew, without
/// flags. Rust's runtime has given the main thread and its own threads alternate stacks.
pub fn install() {
    watch::set_handler(handle as *const () as usize);
    for (signal, _) in SIGNALS {
        // SAFETY: the handler only uses async-signal-safe calls and memory that the dead thread owns.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    static BUSY: AtomicBool = AtomicBool::new(false);
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or(c"Fatal signal", |(_, name)| name);
    // SAFETY: the kernel passes both structures to a SA_SIGINFO handler.
    let (address, registers) = unsafe { ((*info).si_addr() as usize, &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs) };
    let pc = registers[libc::REG_RIP as usize] as usize;
    let sp = registers[libc::REG_RSP as usize] as usize;
    if signal == libc::SIGSEGV && watch::take_write(address) {
        return; // the write is tried again
    }
    if let Some((pc, sp)) = abandon(name, sp) {
        (registers[libc::REG_RIP as usize], registers[libc::REG_RSP as usize]) = (pc as i64, sp as i64);
        return; // the C compiler's fault is an error of what it compiles
    }
    if !BUSY.swap(true, Ordering::SeqCst) {
        let mut out = Output;
        out.text("\nworld: fatal: ").text(name.to_str().unwrap_or_default());
        if signal != libc::SIGABRT {
            out.text(" at address ").hex(address);
            if signal == libc::SIGSEGV && address.abs_diff(sp) < 64 << 10 {
                out.text(" (stack overflow)");
            }
        }
        out.text("\n");
        python_stack(&mut out);
        native_stack(&mut out, pc);
        BUSY.store(false, Ordering::SeqCst);
    }
    // A fault happens again when this returns, now with the default action; what was sent is sent again.
    // SAFETY: no memory is involved.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// The line that a frame's code is at; 0 where it has none.
pub(crate) fn line_of(frame: &InterpreterFrame) -> usize {
    let at = (frame.get_lasti() as usize).saturating_sub(1);
    frame.code().locations.get(at).map_or(0, |location| location.0.line.get())
}

fn python_stack(out: &mut Output) {
    out.text("Python stack, most recent call first:\n");
    let mut frame = thread::get_current_frame();
    let mut count = 0;
    while !frame.is_null() && count < MAX_FRAMES {
        // SAFETY: the chain of this thread's running frames; the thread is stopped in this handler.
        let current = unsafe { &*frame };
        let code = current.code();
        out.text("  File \"").text(code.source_path().as_str()).text("\", line ").decimal(line_of(current));
        out.text(", in ").text(code.obj_name.as_str()).text("\n");
        frame = current.previous();
        count += 1;
    }
    if count == 0 {
        out.text("  (none)\n");
    }
}

/// The native calls, from the unwind tables, with the names that the kernel knows. Begins where the fault happened;
/// where the unwinder does not come by there, with this handler's own frames.
fn native_stack(out: &mut Output, pc: usize) {
    out.text("Native stack, most recent call first:\n");
    let mut frames = Frames { list: [0; MAX_FRAMES], count: 0 };
    // SAFETY: `visit_frame` matches the callback's type; `frames` outlives the call.
    unsafe { _Unwind_Backtrace(visit_frame, (&raw mut frames).cast()) };
    let found = &frames.list[..frames.count];
    let first = found.iter().position(|&address| address == pc);
    if first.is_none() {
        native_frame(out, pc, 0);
    }
    for (index, &address) in found.iter().enumerate().skip(first.unwrap_or(0)) {
        // Other frames hold return addresses: the call lies before them, perhaps at the function's end.
        native_frame(out, address, usize::from(Some(index) != first));
    }
}

/// "  0x12345 name+0x10"; addresses are offsets in the image. `back`: how far before the address the call lies.
fn native_frame(out: &mut Output, address: usize, back: usize) {
    // The linker defines this symbol at the start of the image; only its address is used.
    let base = std::ptr::addr_of!(__ehdr_start) as usize;
    out.text("  ").hex(address.wrapping_sub(base));
    if let Some((name, offset)) = natives::symbol(address - back) {
        out.text(" ").text(name).text("+").hex(offset + back);
    }
    out.text("\n");
}

struct Frames {
    list: [usize; MAX_FRAMES],
    count: usize,
}

extern "C" fn visit_frame(frame: *mut UnwindContext, frames: *mut c_void) -> c_int {
    // SAFETY: `frames` is the one that native_stack passed.
    let frames = unsafe { &mut *frames.cast::<Frames>() };
    // SAFETY: the unwinder passes a valid context.
    frames.list[frames.count] = unsafe { _Unwind_GetIP(frame) };
    frames.count += 1;
    if frames.count < MAX_FRAMES { 0 } else { 5 /* _URC_END_OF_STACK */ }
}

#[repr(C)]
struct UnwindContext {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    static __ehdr_start: u8;
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int, state: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut UnwindContext) -> usize;
}

/// Unbuffered standard error.
struct Output;

impl Output {
    fn text(&mut self, text: &str) -> &mut Self {
        // By way of the stack: names may lie in the kernel's memory, which write(2) refuses.
        for part in text.as_bytes().chunks(64) {
            let mut copy = [0u8; 64];
            copy[..part.len()].copy_from_slice(part);
            // SAFETY: bytes of the copy. A write that fails has no one to be told.
            unsafe { libc::write(2, copy.as_ptr().cast(), part.len()) };
        }
        self
    }

    fn hex(&mut self, value: usize) -> &mut Self {
        self.number(value, 16, "0x")
    }

    fn decimal(&mut self, value: usize) -> &mut Self {
        self.number(value, 10, "")
    }

    fn number(&mut self, mut value: usize, base: usize, prefix: &str) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[value % base];
            value /= base;
            if value == 0 {
                break;
            }
        }
        self.text(prefix).text(std::str::from_utf8(&digits[at..]).unwrap_or("?"))
    }
}
