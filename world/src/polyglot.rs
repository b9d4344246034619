//! The Python module `polyglot`: what this system is, where it runs, what the kernel says.
//!
//! Functions that need a file or call only our kernel has raise OSError elsewhere.
//! Left out: system calls, live code (later issues).

pub(crate) use polyglot::module_def;

use rustpython_vm::pymodule;

/// auxv key of the address of `struct polyglot_natives`: "POLY" read as a big-endian number.
const AT_POLYGLOT_NATIVES: libc::c_ulong = 0x504f_4c59;

#[pymodule]
mod polyglot {
    use crate::{boot, memory as world_memory};
    use rustpython_vm::{
        PyObjectRef, PyResult, VirtualMachine,
        builtins::{PyDictRef, PyListRef},
        convert::{ToPyException, ToPyObject},
        pyclass, pystruct_sequence, pystruct_sequence_data,
        types::PyStructSequence,
    };

    #[pyattr]
    #[allow(non_upper_case_globals)]
    const version: &str = env!("CARGO_PKG_VERSION");

    #[pystruct_sequence_data]
    struct StepData {
        name: String,
        start_us: u64,
        duration_us: u64,
    }

    /// One step of the boot; times in microseconds since the loader's first instruction.
    #[pyattr]
    #[pystruct_sequence(name = "Step", module = "polyglot", data = "StepData")]
    struct PyStep;

    #[pyclass(with(PyStructSequence))]
    impl PyStep {}

    /// cpl() -> int
    ///
    /// The privilege level this code runs at, read from CS: 0 inside the kernel, 3 in a process.
    #[pyfunction]
    fn cpl() -> u16 {
        let selector: u16;
        // SAFETY: reading CS has no effect.
        unsafe { std::arch::asm!("mov {0:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
        selector & 3
    }

    /// boot() -> list of Step
    ///
    /// How the machine booted, in order. OSError where there is no /proc/boot.
    #[pyfunction]
    fn boot(vm: &VirtualMachine) -> PyResult<PyListRef> {
        let steps = boot::steps().map_err(|error| not_here(vm, "/proc/boot", &error))?;
        let steps = steps.into_iter().map(|step| {
            let data = StepData { name: step.name, start_us: step.start, duration_us: step.duration };
            PyStep::from_data(data, vm).into()
        });
        Ok(vm.ctx.new_list(steps.collect()))
    }

    /// dmesg() -> str
    ///
    /// The kernel's log. OSError if the kernel does not let us read it.
    #[pyfunction]
    fn dmesg(vm: &VirtualMachine) -> PyResult<String> {
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

    /// memory() -> dict
    ///
    /// /proc/meminfo in bytes, and of this interpreter `WorldUsed` and `WorldLimit`: beyond the limit
    /// is MemoryError (None: no limit).
    #[pyfunction]
    fn memory(vm: &VirtualMachine) -> PyResult<PyDictRef> {
        let text = std::fs::read_to_string("/proc/meminfo").map_err(|error| not_here(vm, "/proc/meminfo", &error))?;
        let dict = vm.ctx.new_dict();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let (number, unit) = match value.trim().strip_suffix("kB") {
                Some(number) => (number.trim(), 1024),
                None => (value.trim(), 1),
            };
            if let Ok(number) = number.parse::<u64>() {
                dict.set_item(name, (number * unit).to_pyobject(vm), vm)?;
            }
        }
        let (used, limit) = world_memory::usage();
        dict.set_item("WorldUsed", used.to_pyobject(vm), vm)?;
        dict.set_item("WorldLimit", limit.to_pyobject(vm), vm)?;
        Ok(dict)
    }

    /// limit_memory(limit) -> int or None
    ///
    /// Sets the number of bytes beyond which this interpreter raises MemoryError (None: no limit) and returns
    /// what it was.
    #[pyfunction]
    fn limit_memory(limit: Option<usize>) -> Option<usize> {
        let (_, before) = world_memory::usage();
        world_memory::set_limit(limit);
        before
    }

    /// A report of the kernel's as a table (python/tables.py).
    fn report(name: &str, vm: &VirtualMachine) -> PyResult {
        vm.import("_tables", 0)?.get_attr("report", vm)?.call((name.to_owned(),), vm)
    }

    /// threads() -> Table
    ///
    /// Every thread of kernel and world: state, CPU time in microseconds, switches, and where it is.
    #[pyfunction]
    fn threads(vm: &VirtualMachine) -> PyResult {
        report("threads", vm)
    }

    /// pages() -> Table
    ///
    /// What the memory's pages are used for.
    #[pyfunction]
    fn pages(vm: &VirtualMachine) -> PyResult {
        report("memory", vm)
    }

    /// slabs() -> Table
    ///
    /// The kernel's object caches.
    #[pyfunction]
    fn slabs(vm: &VirtualMachine) -> PyResult {
        report("slabs", vm)
    }

    /// locks() -> Table
    ///
    /// Locks of the kernel that are held now, and by which thread.
    #[pyfunction]
    fn locks(vm: &VirtualMachine) -> PyResult {
        report("locks", vm)
    }

    /// interrupts() -> Table
    ///
    /// Interrupt vectors and how often each was raised.
    #[pyfunction]
    fn interrupts(vm: &VirtualMachine) -> PyResult {
        report("interrupts", vm)
    }

    /// devices() -> Table
    ///
    /// The hardware that the kernel found.
    #[pyfunction]
    fn devices(vm: &VirtualMachine) -> PyResult {
        report("devices", vm)
    }

    /// natives() -> dict or None
    ///
    /// `address`, `version` and `size` of the table of kernel functions that can be called directly; None
    /// where the kernel is not ours.
    #[pyfunction]
    fn natives(vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        // SAFETY: no memory is involved.
        let address = unsafe { libc::getauxval(super::AT_POLYGLOT_NATIVES) } as usize;
        if address == 0 {
            return Ok(vm.ctx.none());
        }
        // SAFETY: the kernel gave this address; `struct polyglot_natives` begins with
        // uint32_t version, uint32_t size.
        let [table_version, size] = unsafe { std::ptr::read(address as *const [u32; 2]) };
        let dict = vm.ctx.new_dict();
        dict.set_item("address", address.to_pyobject(vm), vm)?;
        dict.set_item("version", table_version.to_pyobject(vm), vm)?;
        dict.set_item("size", size.to_pyobject(vm), vm)?;
        Ok(dict.into())
    }

    /// OSError that says which file of our kernel is missing.
    fn not_here(vm: &VirtualMachine, path: &str, error: &std::io::Error) -> rustpython_vm::builtins::PyBaseExceptionRef {
        let number = error.raw_os_error().unwrap_or(libc::EIO);
        vm.new_errno_error(number, format!("{path}: {error}; only the kernel of Polyglot OS has it")).upcast()
    }
}
