//! Processes for Python: `_posixsubprocess` (below subprocess), `_process` (below the prompt's ! and %bash), and what
//! `os` cannot do here.
//!
//! The interpreter's own `_posixsubprocess` forks, and so do os.fork() and os.spawn*(): the world cannot be copied, so
//! all of them go through child.rs, or are refused with an error that says what to use instead. exec would replace
//! process 1. It is the same hosted on Linux, where the tests compare it with what Linux does.

use crate::child;
use rustpython_vm::{
    AsObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::PyBaseExceptionRef,
    convert::ToPyException,
    function::FuncArgs,
};

/// The modules of this file; the first one takes the place of the interpreter's.
pub fn module_defs(vm: &rustpython_vm::Context) -> [&'static rustpython_vm::builtins::PyModuleDef; 2] {
    [_posixsubprocess::module_def(vm), _process::module_def(vm)]
}

/// Changes `posix` and `os`: what forks is refused or done without. After `site`, which has imported `os` anyway.
pub fn install(vm: &VirtualMachine) -> PyResult<()> {
    let own = vm.import("_process", 0)?;
    let os = vm.import("os", 0)?;
    let posix = vm.import("posix", 0)?;
    for name in ["fork", "forkpty", "execv", "execve"] {
        let function = own.get_attr(name, vm)?;
        posix.set_attr(name, function.clone(), vm)?;
        os.set_attr(name, function, vm)?;
    }
    os.set_attr("_spawnvef", own.get_attr("spawnvef", vm)?, vm)
}

/// What Python is told about a child that did not become its program.
fn os_error(vm: &VirtualMachine, errno: i32, filename: Option<PyObjectRef>) -> PyBaseExceptionRef {
    let error = std::io::Error::from_raw_os_error(errno).to_pyexception(vm);
    if let Some(filename) = filename {
        let _ = error.as_object().set_attr("filename", filename, vm);
    }
    error
}

/// OSError(errno, text).
fn refusal(vm: &VirtualMachine, errno: i32, text: &str) -> PyBaseExceptionRef {
    let arguments = vec![vm.ctx.new_int(errno).into(), vm.ctx.new_str(text).into()];
    vm.invoke_exception(vm.ctx.exceptions.os_error, arguments).unwrap_or_else(|error| error)
}

#[rustpython_vm::pymodule]
mod _posixsubprocess {
    use super::{AsObject, child};
    use rustpython_vm::{
        FromArgs, PyObjectRef, PyResult, TryFromObject, VirtualMachine, builtins::PyListRef, function::ArgSequence,
        ospath::OsPath,
    };
    use std::{ffi::CString, os::fd::RawFd};

    /// A path or argument as exec takes it. ValueError: it contains NUL.
    pub(super) struct Text(pub CString);

    impl TryFromObject for Text {
        fn try_from_object(vm: &VirtualMachine, object: PyObjectRef) -> PyResult<Self> {
            OsPath::try_from_object(vm, object)?.into_cstring(vm).map(Self)
        }
    }

    pub(super) fn texts(list: ArgSequence<Text>) -> Vec<CString> {
        list.into_vec().into_iter().map(|text| text.0).collect()
    }

    /// The arguments of CPython's function of this name, which subprocess.py passes by position.
    #[derive(FromArgs)]
    struct ForkExecArguments {
        #[pyarg(positional)]
        arguments: ArgSequence<Text>,
        #[pyarg(positional)]
        executables: ArgSequence<Text>,
        #[pyarg(positional)]
        close_fds: bool,
        #[pyarg(positional)]
        pass_fds: ArgSequence<RawFd>,
        #[pyarg(positional)]
        directory: Option<Text>,
        #[pyarg(positional)]
        environment: Option<ArgSequence<Text>>,
        #[pyarg(positional)]
        input_read: RawFd,
        #[pyarg(positional)]
        input_write: RawFd,
        #[pyarg(positional)]
        output_read: RawFd,
        #[pyarg(positional)]
        output_write: RawFd,
        #[pyarg(positional)]
        error_read: RawFd,
        #[pyarg(positional)]
        error_write: RawFd,
        #[pyarg(positional)]
        report_read: RawFd,
        #[pyarg(positional)]
        report_write: RawFd,
        #[pyarg(positional)]
        restore_signals: bool,
        #[pyarg(positional)]
        new_session: bool,
        #[pyarg(positional)]
        group: libc::pid_t,
        #[pyarg(positional)]
        gid: Option<i64>,
        #[pyarg(positional)]
        groups: Option<PyListRef>,
        #[pyarg(positional)]
        uid: Option<i64>,
        #[pyarg(positional)]
        umask: i32,
        #[pyarg(positional)]
        preexec_fn: Option<PyObjectRef>,
    }

    /// Starts a program; the pid. What goes wrong in the child is written to `report_write` in the form that
    /// subprocess.py reads: "OSError:<errno in hexadecimal digits>:<what was not reached>".
    #[pyfunction]
    fn fork_exec(arguments: ForkExecArguments, vm: &VirtualMachine) -> PyResult<libc::pid_t> {
        let report = arguments.report_write;
        let plan = plan(arguments, vm)?;
        let failure = match vm.allow_threads(|| child::spawn(&plan)) {
            Ok(pid) => return Ok(pid),
            Err(failure) => failure,
        };
        let place = match failure.stage {
            child::Stage::Clone => return Err(super::os_error(vm, failure.errno, None)),
            child::Stage::Setup => "noexec",
            child::Stage::Directory => "noexec:chdir",
            child::Stage::Exec => "",
        };
        let text = format!("OSError:{:x}:{place}", failure.errno);
        // SAFETY: the bytes of the string. The pipe is empty, and its reader waits for this.
        unsafe { libc::write(report, text.as_ptr().cast(), text.len()) };
        Ok(failure.pid)
    }

    fn plan(a: ForkExecArguments, vm: &VirtualMachine) -> PyResult<child::Plan> {
        if a.preexec_fn.is_some_and(|function| !vm.is_none(&function)) {
            return Err(vm.new_runtime_error(
                "preexec_fn is not possible in ring 0: until exec the child runs in the memory of this interpreter. \
                 Use cwd, umask, user, group, extra_groups, start_new_session or process_group, or let a shell do it: \
                 ['sh', '-c', 'ulimit -n 64; exec \"$@\"', 'sh', program, ...]"
                    .to_owned(),
            ));
        }
        let mut plan = child::Plan::new(texts(a.executables), texts(a.arguments));
        plan.environment = a.environment.map(|list| child::Strings::new(texts(list)));
        // The report is written by this process: the child needs no end of its pipe.
        plan.close = [a.input_write, a.output_read, a.error_read, a.report_read].into_iter().filter(|&fd| fd >= 0).collect();
        plan.keep = a.pass_fds.iter().copied().filter(|&fd| fd != a.report_write).collect();
        plan.keep.sort_unstable();
        plan.close_others = a.close_fds;
        plan.standard = [a.input_read, a.output_write, a.error_write];
        plan.directory = a.directory.map(|path| path.0);
        plan.umask = libc::mode_t::try_from(a.umask).ok();
        plan.restore_signals = a.restore_signals;
        plan.new_session = a.new_session;
        plan.group = (a.group >= 0).then_some(a.group);
        plan.gid = a.gid.map(|id| identity(id, vm)).transpose()?;
        plan.uid = a.uid.map(|id| identity(id, vm)).transpose()?;
        if let Some(list) = a.groups {
            let numbers: Vec<i64> = list.as_object().to_owned().try_into_value::<ArgSequence<i64>>(vm)?.into_vec();
            plan.groups = Some(numbers.into_iter().map(|id| identity(id, vm)).collect::<PyResult<_>>()?);
        }
        Ok(plan)
    }

    /// A user or group id; -1 is the "unchanged" of the system calls.
    fn identity(number: i64, vm: &VirtualMachine) -> PyResult<u32> {
        if number == -1 {
            return Ok(u32::MAX);
        }
        u32::try_from(number).map_err(|_| vm.new_overflow_error(format!("{number} is no user or group id")))
    }
}

#[rustpython_vm::pymodule]
mod _process {
    use super::_posixsubprocess::{Text, texts};
    use super::{FuncArgs, child, refusal};
    use rustpython_vm::{
        FromArgs, PyObjectRef, PyResult, VirtualMachine, convert::ToPyException, function::ArgSequence,
    };
    use std::os::fd::RawFd;

    #[derive(FromArgs)]
    struct SpawnArguments {
        #[pyarg(positional)]
        executables: ArgSequence<Text>,
        #[pyarg(positional)]
        arguments: ArgSequence<Text>,
        #[pyarg(named, default)]
        environment: Option<ArgSequence<Text>>,
        /// The process group; 0: its own, None: that of this process.
        #[pyarg(named, default)]
        group: Option<libc::pid_t>,
        /// The terminal's descriptor whose foreground group it becomes.
        #[pyarg(named, default)]
        terminal: Option<RawFd>,
        /// False: a program that cannot be run is a child that ends with status 127, as in a shell.
        #[pyarg(named, default = true)]
        raises: bool,
        #[pyarg(named, default = true)]
        close_fds: bool,
        #[pyarg(named, default = true)]
        restore_signals: bool,
    }

    /// Starts a program with the standard streams of this process; its pid. OSError.
    #[pyfunction]
    fn spawn(a: SpawnArguments, vm: &VirtualMachine) -> PyResult<libc::pid_t> {
        let mut plan = child::Plan::new(texts(a.executables), texts(a.arguments));
        plan.environment = a.environment.map(|list| child::Strings::new(texts(list)));
        plan.group = a.group;
        plan.terminal = a.terminal;
        plan.close_others = a.close_fds;
        plan.restore_signals = a.restore_signals;
        match vm.allow_threads(|| child::spawn(&plan)) {
            Ok(pid) => Ok(pid),
            Err(failure) if failure.pid != 0 && !a.raises => Ok(failure.pid),
            Err(failure) => {
                if failure.pid != 0 {
                    let _ = child::wait(failure.pid); // its status says nothing more
                }
                Err(super::os_error(vm, failure.errno, None))
            }
        }
    }

    /// tcsetpgrp(3) that also works from the background.
    #[pyfunction]
    fn set_foreground(terminal: RawFd, group: libc::pid_t, vm: &VirtualMachine) -> PyResult<()> {
        child::set_foreground(terminal, group).map_err(|error| error.to_pyexception(vm))
    }

    #[pyfunction]
    fn fork(vm: &VirtualMachine) -> PyResult<()> {
        Err(refusal(
            vm,
            libc::ENOSYS,
            "this Python runs in ring 0 and cannot be copied: use subprocess, os.posix_spawn() or os.system() for \
             programs, threading for Python code",
        ))
    }

    #[pyfunction]
    fn forkpty(vm: &VirtualMachine) -> PyResult<()> {
        Err(refusal(vm, libc::ENOSYS, "this Python runs in ring 0 and cannot be copied: use subprocess for programs"))
    }

    #[pyfunction]
    fn execv(_arguments: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        Err(no_exec(vm))
    }

    #[pyfunction]
    fn execve(_arguments: FuncArgs, vm: &VirtualMachine) -> PyResult<()> {
        Err(no_exec(vm))
    }

    fn no_exec(vm: &VirtualMachine) -> rustpython_vm::builtins::PyBaseExceptionRef {
        refusal(
            vm,
            libc::EPERM,
            "exec would replace process 1, the system's own Python: use subprocess.run(), os.spawnv() or os.posix_spawn()",
        )
    }

    /// os._spawnvef, below os.spawn*(): python/processes.py has it.
    #[pyfunction]
    fn spawnvef(arguments: FuncArgs, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        vm.import("_processes", 0)?.get_attr("spawnvef", vm)?.call_with_args(arguments, vm)
    }
}
