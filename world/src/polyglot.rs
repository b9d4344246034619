//! The native part of the Python module `polyglot` (python/polyglot.py, which documents it for users): what
//! only native code can know.

pub(crate) use _polyglot::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod _polyglot {
    use crate::{fault, memory, natives as table, syscall as calls};
    use rustpython_vm::{
        AsObject, PyObjectRef, PyResult, VirtualMachine,
        convert::{ToPyException, ToPyObject},
        frame::InterpreterFrame,
        function::PosArgs,
    };
    use std::sync::atomic::Ordering;

    #[pyattr]
    #[allow(non_upper_case_globals)]
    const version: &str = env!("CARGO_PKG_VERSION");

    /// The privilege level this code runs at, read from CS.
    #[pyfunction]
    fn cpl() -> u16 {
        let selector: u16;
        // SAFETY: reading CS has no effect.
        unsafe { std::arch::asm!("mov {0:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
        selector & 3
    }

    /// The kernel's log as syslog(2) gives it. OSError.
    #[pyfunction]
    fn log(vm: &VirtualMachine) -> PyResult<String> {
        const READ_ALL: i32 = 3;
        const SIZE_BUFFER: i32 = 10;
        // SAFETY: this action ignores the buffer.
        let size = unsafe { libc::klogctl(SIZE_BUFFER, std::ptr::null_mut(), 0) };
        if size < 0 {
            return Err(std::io::Error::last_os_error().to_pyexception(vm));
        }
        let mut text = vec![0u8; size as usize];
        // SAFETY: the buffer has the length that is given.
        let length = unsafe { libc::klogctl(READ_ALL, text.as_mut_ptr().cast(), size) };
        if length < 0 {
            return Err(std::io::Error::last_os_error().to_pyexception(vm));
        }
        text.truncate(length as usize);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// {thread identifier: [(function, file, its first line, the line that runs), ...]}, innermost first, at most `most` of each
    /// thread. Read while all threads are stopped, and as text: no frame of another thread becomes an object, as by sys._current_frames().
    #[pyfunction]
    fn stacks(most: usize, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let mut found = Vec::new();
        vm.state.stop_the_world.stop_the_world(&vm.state);
        for (&ident, slot) in vm.state.thread_frames.lock().iter() {
            let mut frame = slot.top_iframe.load(Ordering::Relaxed) as *const InterpreterFrame;
            let mut calls = Vec::new();
            while !frame.is_null() && calls.len() < most {
                // SAFETY: the thread is parked (or this one), and its frames stay.
                let current = unsafe { &*frame };
                let code = current.code();
                let first = code.first_line_number.map_or(0, |line| line.get());
                calls.push((code.obj_name.as_str().to_owned(), code.source_path().as_str().to_owned(), first, fault::line_of(current)));
                frame = current.previous();
            }
            found.push((ident, calls));
        }
        vm.state.stop_the_world.start_the_world(&vm.state);
        let result = vm.ctx.new_dict();
        for (ident, calls) in found {
            let calls = calls.into_iter().map(|call| call.to_pyobject(vm)).collect();
            result.set_item(vm.ctx.new_int(ident).as_object(), vm.ctx.new_list(calls).into(), vm)?;
        }
        Ok(result.into())
    }

    /// (bytes in use, limit or None) of this interpreter.
    #[pyfunction]
    fn usage() -> (usize, Option<usize>) {
        memory::usage()
    }

    /// Sets the limit in bytes (None: no limit), and returns what it was.
    #[pyfunction]
    fn limit_memory(limit: Option<usize>) -> Option<usize> {
        let (_, before) = memory::usage();
        memory::set_limit(limit);
        before
    }

    /// {address, version, size} of the kernel's table of natives; None where the kernel is not ours.
    #[pyfunction]
    fn natives(vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let Some(address) = table::address() else {
            return Ok(vm.ctx.none());
        };
        let [table_version, size] = table::version_and_size(address);
        let dict = vm.ctx.new_dict();
        dict.set_item("address", address.to_pyobject(vm), vm)?;
        dict.set_item("version", table_version.to_pyobject(vm), vm)?;
        dict.set_item("size", size.to_pyobject(vm), vm)?;
        Ok(dict.into())
    }

    /// (name, offset) of the function of world or kernel at an address, None: unknown.
    #[pyfunction]
    fn symbol(address: usize) -> Option<(&'static str, usize)> {
        table::symbol(address)
    }

    /// Any system call by name or number, its arguments checked by the table's types.
    #[pyfunction]
    fn syscall(which: PyObjectRef, arguments: PosArgs, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let result = calls::call(&which, &arguments.into_vec(), vm)?;
        Ok(if calls::is_address(&which, vm) { result.to_pyobject(vm) } else { (result as i64).to_pyobject(vm) })
    }
}
