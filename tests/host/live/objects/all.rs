//! A Rust module without std: state, slices with bounds checks, calls of other languages.
#![no_std]
#![crate_type = "lib"]

unsafe extern "C" {
    fn host_add(a: i32, b: i32) -> i32;
    static host_value: i32;
}

static mut COUNTER: i32 = 5;
static WORDS: [&str; 3] = ["zero", "one", "two"];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(no_mangle)]
pub static RUST_EXPORTED: i32 = 17;

#[unsafe(no_mangle)]
pub extern "C" fn rust_twice(x: i32) -> i32 {
    2 * x
}

#[unsafe(no_mangle)]
pub extern "C" fn check_all() -> i32 {
    unsafe {
        COUNTER += 1;
        if host_add(COUNTER, 1) != 7 {
            return 1;
        }
        COUNTER -= 1;
        if host_value != 1234 {
            return 2;
        }
    }
    if WORDS.iter().map(|word| word.len()).sum::<usize>() != 10 {
        return 3;
    }
    let pointer: extern "C" fn(i32) -> i32 = rust_twice;
    if core::hint::black_box(pointer)(RUST_EXPORTED) != 34 {
        return 4;
    }
    0
}
