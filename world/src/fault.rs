//! What is printed when native code dies: the Python stack, then native addresses.
//!
//! `install` handles the fatal signals on an alternate stack, prints to standard error and lets the
//! default action follow. Addresses are relative to the image: `addr2line -e world.sym.elf ADDRESS` names them.
//! A Python program that calls faulthandler.enable() replaces this by RustPython's report.
//! The handler allocates nothing; it reads frames of the thread that died, which cannot run on.

use rustpython_vm::vm::thread;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

const SIGNALS: [(c_int, &str); 5] = [
    (libc::SIGSEGV, "Segmentation fault"),
    (libc::SIGBUS, "Bus error"),
    (libc::SIGILL, "Illegal instruction"),
    (libc::SIGFPE, "Arithmetic fault"),
    (libc::SIGABRT, "Aborted"),
];
const MAX_FRAMES: usize = 64;

/// Installs the handlers. After the interpreter is built: its start-up sets every signal's handler anew, without
/// flags. Rust's runtime has given the main thread and its own threads alternate stacks.
pub fn install() {
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
    if !BUSY.swap(true, Ordering::SeqCst) {
        let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or("Fatal signal", |(_, name)| name);
        // SAFETY: the kernel passes both structures to a SA_SIGINFO handler.
        let (address, registers) = unsafe { ((*info).si_addr() as usize, &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs) };
        let pc = registers[libc::REG_RIP as usize] as usize;
        let sp = registers[libc::REG_RSP as usize] as usize;
        let mut out = Output;
        out.text("\nworld: fatal: ").text(name);
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

fn python_stack(out: &mut Output) {
    out.text("Python stack, most recent call first:\n");
    let mut frame = thread::get_current_frame();
    let mut count = 0;
    while !frame.is_null() && count < MAX_FRAMES {
        // SAFETY: the chain of this thread's running frames; the thread is stopped in this handler.
        let current = unsafe { &*frame };
        let code = current.code();
        let at = (current.get_lasti() as usize).saturating_sub(1);
        let line = code.locations.get(at).map_or(0, |location| location.0.line.get());
        out.text("  File \"").text(code.source_path().as_str()).text("\", line ").decimal(line);
        out.text(", in ").text(code.obj_name.as_str()).text("\n");
        frame = current.previous();
        count += 1;
    }
    if count == 0 {
        out.text("  (none)\n");
    }
}

/// Addresses of the native calls, from the unwind tables.
fn native_stack(out: &mut Output, pc: usize) {
    struct State<'a> {
        out: &'a mut Output,
        count: usize,
        base: usize,
    }
    extern "C" fn visit(frame: *mut UnwindContext, state: *mut c_void) -> c_int {
        // SAFETY: `state` is the one that native_stack passed.
        let state = unsafe { &mut *state.cast::<State>() };
        // SAFETY: the unwinder passes a valid context.
        let address = unsafe { _Unwind_GetIP(frame) };
        state.out.text(" ").hex(address.wrapping_sub(state.base));
        state.count += 1;
        if state.count < MAX_FRAMES { 0 } else { 5 /* _URC_END_OF_STACK */ }
    }
    // The linker defines this symbol at the start of the image; only its address is used.
    let base = std::ptr::addr_of!(__ehdr_start) as usize;
    out.text("Native stack, addresses in world.sym.elf: at ").hex(pc.wrapping_sub(base)).text(", from");
    let mut state = State { out, count: 0, base };
    // SAFETY: `visit` matches the callback's type; the state outlives the call.
    unsafe { _Unwind_Backtrace(visit, (&raw mut state).cast()) };
    state.out.text("\n");
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
        // SAFETY: the bytes of the string. A write that fails has no one to be told.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
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
