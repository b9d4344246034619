//! Linked by test_link.py: what rustc makes. It calls the function of C.
#![no_std]
#![crate_type = "lib"]

#[repr(C)]
pub struct RustPair {
    pub first: i32,
    pub second: i64,
}

unsafe extern "C" {
    fn gcc_add(a: i32, b: i32) -> i32;
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: the live layer's abort() ends the call.
    unsafe { abort() }
}

#[unsafe(no_mangle)]
pub static mut RUST_CALLS: u32 = 0;

#[unsafe(no_mangle)]
pub extern "C" fn rust_add_twice(a: i32, b: i32) -> i32 {
    // SAFETY: both are plain C, and one caller at a time is here.
    unsafe {
        RUST_CALLS += 1;
        gcc_add(gcc_add(a, b), b)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rust_swap(pair: RustPair) -> RustPair {
    RustPair { first: pair.second as i32, second: pair.first as i64 }
}

#[inline(never)]
fn quotient(a: i32, b: i32) -> i32 {
    a / b // rustc divides
}

#[unsafe(no_mangle)]
pub extern "C" fn rust_divide(a: i32, b: i32) -> i32 {
    quotient(a, b) + 1
}
