//! The compiler's files: the source is read, and the object written, without one.

use super::{FileState, OBJECT, Outside, SOURCE, running, switch_out, watch};
use std::ffi::{CStr, c_char, c_int, c_void};

/// Whose files do not change.
const SYSTEM_FILES: &str = "/usr/";
const SOURCE_DESCRIPTOR: c_int = 0x7fff_0001;
const OBJECT_DESCRIPTOR: c_int = 0x7fff_0002;

unsafe extern "C" {
    fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int;
    fn read(file: c_int, buffer: *mut c_void, size: usize) -> isize;
    fn close(file: c_int) -> c_int;
    fn unlink(path: *const c_char) -> c_int;
    fn fdopen(file: c_int, mode: *const c_char) -> *mut c_void;
    fn fwrite(data: *const c_void, size: usize, count: usize, stream: *mut c_void) -> usize;
    fn fputc(character: c_int, stream: *mut c_void) -> c_int;
    fn fclose(stream: *mut c_void) -> c_int;
}

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
        watch::touch(buffer, size);
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

/// Files that it has left open when it ended.
pub fn close_all() {
    for file in running().open.drain(..) {
        // SAFETY: the compiler's own, and it has ended; where it only stopped, all #include files are at their ends.
        unsafe { close(file) };
    }
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
