//! Building the interpreter and running one program in it, with python3's exit statuses.

use crate::options::{Mode, Options};
use crate::{fault, kept_file, live, polyglot, process, shell};
use rustpython_vm::{
    AsObject, Interpreter, PyResult, Settings, VirtualMachine, common::rc::PyRc, compiler, py_freeze, scope::Scope,
};
use std::io::{IsTerminal, Read};

/// Where the library says it is; it is inside the binary, and no such folder exists.
const STDLIB: &str = "/usr/lib/python";

/// A Python file as a frozen module. py_freeze alone would not tell cargo that the program is made of it.
macro_rules! frozen {
    ($file:literal, $name:literal) => {{
        const _: &str = include_str!($file);
        py_freeze!(file = $file, module_name = $name)
    }};
}

/// Runs what the options say and returns the exit status.
pub fn run(options: Options) -> i32 {
    let Options { mut mode, settings } = options;
    if matches!(mode, Mode::Prompt) && !std::io::stdin().is_terminal() {
        mode = Mode::Stdin;
    }
    let interpreter = build(settings);
    fault::install();
    interpreter.run(|vm| run_mode(vm, mode)) as i32
}

/// An interpreter with the frozen standard library.
fn build(settings: Settings) -> Interpreter {
    let builder = Interpreter::builder(settings);
    let mut modules = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
    modules.retain(|module| module.name.as_str() != "_posixsubprocess"); // it forks; process.rs has another
    modules.push(polyglot::module_def(&builder.ctx));
    modules.push(live::native::module_def(&builder.ctx));
    modules.push(live::namespace::module_def(&builder.ctx));
    modules.extend(process::module_defs(&builder.ctx));
    modules.push(live::prompt::module_def(&builder.ctx));
    modules.push(kept_file::module_def(&builder.ctx));
    builder
        .add_native_modules(&modules)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .add_frozen_modules(frozen!("../python/prompt.py", "_prompt"))
        .add_frozen_modules(frozen!("../python/jobs.py", "_jobs"))
        .add_frozen_modules(frozen!("../python/shell_commands.py", "_shell"))
        .add_frozen_modules(frozen!("../python/tables.py", "_tables"))
        .add_frozen_modules(frozen!("../python/progress.py", "_progress"))
        .add_frozen_modules(frozen!("../python/processes.py", "_processes"))
        .add_frozen_modules(frozen!("../python/c_prompt.py", "_c_prompt"))
        .add_frozen_modules(frozen!("../python/trace.py", "_trace"))
        .add_frozen_modules(frozen!("../python/profile.py", "_profile"))
        .add_frozen_modules(frozen!("../python/kept.py", "_kept"))
        .add_frozen_modules(frozen!("../python/live.py", "_livelayer"))
        .add_frozen_modules(frozen!("../python/live_types.py", "_livetypes"))
        .add_frozen_modules(frozen!("../python/live_ctypes.py", "_livectypes"))
        .add_frozen_modules(frozen!("../python/live_faults.py", "_livefaults"))
        .add_frozen_modules(frozen!("../python/live_values.py", "_livevalues"))
        .add_frozen_modules(frozen!("../python/replacing.py", "_replacing"))
        .add_frozen_modules(frozen!("../python/inlines.py", "_inlines"))
        .add_frozen_modules(frozen!("../python/versions.py", "_versions"))
        .add_frozen_modules(frozen!("../python/own_file.py", "_ownfile"))
        .add_frozen_modules(frozen!("../python/polyglot.py", "polyglot"))
        .init_hook(|vm| {
            let state = PyRc::get_mut(&mut vm.state).expect("the state is not shared yet");
            state.config.paths.stdlib_dir = Some(STDLIB.to_owned());
            // Start-up makes no garbage worth looking for; run_mode turns this on again.
            state.gc.disable();
        })
        .build()
}

fn run_mode(vm: &VirtualMachine, mode: Mode) -> PyResult<()> {
    let scope = vm.new_scope_with_main()?;
    if vm.state.config.settings.import_site {
        // As python3: a broken site module is reported, not fatal.
        if let Err(error) = vm.import("site", 0) {
            vm.print_exception(&error);
        }
    }
    process::install(vm)?;
    if vm.state.config.settings.faulthandler {
        vm.run_simple_string("import faulthandler; faulthandler.enable()")?;
    }
    vm.state.gc.enable();
    match mode {
        Mode::Prompt => {
            vm.insert_sys_path(vm.new_pyobj(""))?;
            shell::run(vm, scope)
        }
        Mode::Command(source) => {
            vm.insert_sys_path(vm.new_pyobj(""))?;
            vm.run_string(scope, &source, "<string>").map(drop)
        }
        Mode::Module(name) => {
            vm.insert_sys_path(vm.new_pyobj(current_dir()))?;
            vm.run_module(&name)
        }
        Mode::Stdin => {
            vm.insert_sys_path(vm.new_pyobj(""))?;
            let mut source = String::new();
            std::io::stdin()
                .read_to_string(&mut source)
                .map_err(|error| vm.new_os_error(format!("standard input: {error}")))?;
            let code = vm
                .compile(&source, compiler::Mode::Exec, "<stdin>")
                .map_err(|error| error.into_pyexception(vm, Some(&source)))?;
            vm.run_code_obj(code, scope).map(drop)
        }
        Mode::File(path) => run_file(vm, scope, &path),
    }
}

/// Runs the Python file, or the `__main__.py` of a directory or zip file, as `__main__`.
fn run_file(vm: &VirtualMachine, scope: Scope, path: &str) -> PyResult<()> {
    if std::path::Path::new(path).is_dir() {
        vm.insert_sys_path(vm.new_pyobj(path))?;
        let runpy = vm.import("runpy", 0)?;
        let main = vm.ctx.new_str("__main__");
        return runpy.get_attr("_run_module_as_main", vm)?.call((main, false), vm).map(drop);
    }
    if let Err(error) = std::fs::metadata(path) {
        let number = error.raw_os_error().unwrap_or(libc::ENOENT);
        let name = vm.ctx.new_str(path).as_object().repr(vm)?;
        eprintln!("world: can't open file {name}: [Errno {number}] {error}");
        return Err(vm.new_system_exit(vec![vm.ctx.new_int(2).into()].into()));
    }
    if !vm.state.config.settings.safe_path {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let directory = real.parent().map(|parent| parent.to_string_lossy().into_owned());
        vm.insert_sys_path(vm.new_pyobj(directory.unwrap_or_default()))?;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    vm.run_any_file(scope, &absolute.to_string_lossy())
}

fn current_dir() -> String {
    std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}
