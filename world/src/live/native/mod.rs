//! The Python module `_live`: the namespace, types, memory and calls, as python/live.py needs them.
//!
//! Symbols are tuples (name, address, target, size, kind, origin, context, flags, module, users, generation). Types are
//! numbers. `hooks` gets functions of live.py that make Python's objects: fault, value, pointer, record.
//! Here: names, memory, modules; types.rs: types and values as bytes; functions.rs: calls and exports.

mod functions;
mod types;

pub(crate) use _live::module_def;

use super::control;
use super::types::{Language, TypeId, TypeTable};
use rustpython_vm::{
    PyObject, PyObjectRef, PyResult, VirtualMachine, builtins::PyBaseExceptionRef, convert::ToPyException, pymodule,
};
use std::io;
use std::sync::{PoisonError, RwLock};

static HOOKS: RwLock<Vec<(String, PyObjectRef)>> = RwLock::new(Vec::new());

/// A function that live.py gave; it is loaded if nobody did.
pub fn hook(name: &str, vm: &VirtualMachine) -> PyResult {
    let find = || {
        let hooks = HOOKS.read().unwrap_or_else(PoisonError::into_inner);
        hooks.iter().find(|(own, _)| own == name).map(|(_, function)| function.clone())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    vm.import("_livelayer", 0)?;
    find().ok_or_else(|| vm.new_system_error(format!("python/live.py has no hook {name}")))
}

/// An OSError that says what it is about; ENOSYS: where the kernel is another one.
pub fn os_error(error: &io::Error, about: &str, vm: &VirtualMachine) -> PyBaseExceptionRef {
    let number = error.raw_os_error().unwrap_or(libc::EIO);
    let text = if number == libc::ENOSYS {
        "only the kernel of Polyglot OS has a live layer".to_owned()
    } else {
        format!("{about}: {}", io::Error::from_raw_os_error(number).to_string().split(" (os error").next().unwrap_or(""))
    };
    let made = vm.invoke_exception(vm.ctx.exceptions.os_error, vec![vm.ctx.new_int(number).into(), vm.ctx.new_str(text).into()]);
    made.unwrap_or_else(|_| io::Error::from_raw_os_error(number).to_pyexception(vm))
}

/// The exception for a fault.
pub fn fault_exception(fault: &control::Fault, vm: &VirtualMachine) -> PyResult {
    let frames: Vec<PyObjectRef> =
        fault.frames.iter().take(fault.frame_count as usize).map(|&frame| vm.ctx.new_int(frame).into()).collect();
    let frames: PyObjectRef = vm.ctx.new_list(frames).into();
    let text = control::text(&fault.text);
    hook("fault", vm)?.call((fault.kind, fault.address, frames, text, fault.module, fault.locks_released), vm)
}

/// Is it a function of the namespace?
pub fn is_function(object: &PyObject) -> bool {
    object.downcastable::<functions::_live_functions::Function>()
}

/// A tuple for Python.
fn tuple(items: Vec<PyObjectRef>, vm: &VirtualMachine) -> PyObjectRef {
    vm.ctx.new_tuple(items).into()
}

fn language_name(language: Language) -> &'static str {
    match language {
        Language::C => "C",
        Language::Zig => "Zig",
        Language::Rust => "Rust",
        Language::Python => "Python",
        Language::Assembly => "assembly",
        Language::Other => "",
    }
}

/// A type by its number from Python. ValueError: there is none.
fn check(id: u32, table: &TypeTable, vm: &VirtualMachine) -> PyResult<TypeId> {
    if table.has(TypeId(id)) { Ok(TypeId(id)) } else { Err(vm.new_value_error(format!("there is no type {id}"))) }
}

#[pymodule(with(functions::_live_functions, types::_live_types))]
mod _live {
    use super::super::control::{self, SymbolInfo, Text};
    use super::super::disassemble::{self as machine, name_of};
    use super::super::load;
    use super::super::types::{Language, table};
    use super::{HOOKS, check, language_name, os_error, tuple};
    use rustpython_vm::{
        PyObjectRef, PyResult, VirtualMachine,
        builtins::{PyDictRef, PyStrRef},
        convert::ToPyObject,
        function::{ArgBytesLike, OptionalArg},
    };
    use std::sync::PoisonError;

    /// Gives functions that make Python's objects, by name.
    #[pyfunction]
    fn hooks(functions: PyDictRef, _vm: &VirtualMachine) {
        let mut hooks = HOOKS.write().unwrap_or_else(PoisonError::into_inner);
        hooks.clear();
        for (name, function) in functions {
            if let Some(name) = name.downcast_ref::<rustpython_vm::builtins::PyStr>() {
                hooks.push((name.to_string(), function));
            }
        }
    }

    fn symbol_tuple(info: &SymbolInfo, vm: &VirtualMachine) -> PyObjectRef {
        let numbers = [
            info.address,
            info.target,
            info.size,
            u64::from(info.kind),
            u64::from(info.origin),
            u64::from(info.context),
            u64::from(info.flags),
            info.module,
            u64::from(info.users),
            u64::from(info.generation),
        ];
        let mut items: Vec<PyObjectRef> = vec![vm.ctx.new_str(info.name()).into()];
        items.extend(numbers.into_iter().map(|number| PyObjectRef::from(vm.ctx.new_int(number))));
        tuple(items, vm)
    }

    // --- the namespace ---

    /// The symbol of a name; None: there is none. OSError.
    #[pyfunction]
    fn lookup(name: PyStrRef, vm: &VirtualMachine) -> PyResult {
        found(control::lookup(&name.to_string()), &name.to_string(), vm)
    }

    /// The symbol that contains an address; None: none does. OSError.
    #[pyfunction]
    fn symbol_at(address: u64, vm: &VirtualMachine) -> PyResult {
        found(control::symbol_at(address), "address", vm)
    }

    fn found(result: std::io::Result<SymbolInfo>, about: &str, vm: &VirtualMachine) -> PyResult {
        match result {
            Ok(info) => Ok(symbol_tuple(&info, vm)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(vm.ctx.none()),
            Err(error) => Err(os_error(&error, about, vm)),
        }
    }

    /// Symbols whose names begin with a prefix, of the origins in a mask (bit 1: kernel, 2: live, 3: world). OSError.
    #[pyfunction]
    fn symbols(prefix: PyStrRef, origins: u32, limit: usize, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let found = control::list(&prefix.to_string(), origins, limit).map_err(|error| os_error(&error, "names", vm))?;
        Ok(found.iter().map(|info| symbol_tuple(info, vm)).collect())
    }

    /// (name, offset) at an address, None: unknown.
    #[pyfunction]
    fn name_at(address: u64) -> Option<(String, u64)> {
        name_of(address)
    }

    /// A name as its source has it: Rust's are mangled.
    #[pyfunction]
    fn demangle(name: PyStrRef) -> String {
        format!("{:#}", rustc_demangle::demangle(&name.to_string()))
    }

    /// (file, line) of an address of the kernel, or of `offset` in a live module's function; None: unknown.
    #[pyfunction]
    fn line(address: u64, module: u64, function: PyStrRef, offset: u64) -> Option<(String, u32)> {
        let mut table = table();
        if module == 0 { table.kernel_line(address) } else { table.live_line(module, &function.to_string(), offset) }
    }

    // --- memory ---

    /// The bytes at an address. OSError EFAULT: nothing is mapped there.
    #[pyfunction]
    fn peek(address: u64, size: usize, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let mut bytes = vec![0u8; size];
        control::peek(address, &mut bytes).map_err(|error| os_error(&error, &format!("{address:#x}"), vm))?;
        Ok(vm.ctx.new_bytes(bytes).into())
    }

    /// Writes bytes to an address. OSError EFAULT.
    #[pyfunction]
    fn poke(address: u64, bytes: ArgBytesLike, vm: &VirtualMachine) -> PyResult<()> {
        control::poke(address, &bytes.borrow_buf()).map_err(|error| os_error(&error, &format!("{address:#x}"), vm))
    }

    // --- modules ---

    fn language_of(name: &str) -> Language {
        match name {
            "c" => Language::C,
            "zig" => Language::Zig,
            "rust" => Language::Rust,
            "python" => Language::Python,
            _ => Language::Other,
        }
    }

    /// load(bytes, name, language, flags, bind_file, only, archive=b"") -> (module, message, only_address); (-errno, message, 0): refused.
    #[pyfunction]
    fn load_object(
        object: ArgBytesLike,
        name: PyStrRef,
        language: PyStrRef,
        flags: u32,
        bind_file: PyStrRef,
        only: PyStrRef,
        archive: OptionalArg<ArgBytesLike>,
    ) -> (i64, String, u64) {
        let archive = archive.into_option().map_or_else(Vec::new, |archive| archive.borrow_buf().to_vec());
        let options = load::Options { flags, bind_file: bind_file.to_string(), only: only.to_string(), archive };
        match load::load(&object.borrow_buf(), &name.to_string(), language_of(&language.to_string()), &options) {
            Ok(loaded) => (loaded.module as i64, loaded.message, loaded.only_address),
            Err(refused) => (-i64::from(refused.errno), refused.message, 0),
        }
    }

    /// (id, name, language, bytes of the object) of what is loaded.
    #[pyfunction]
    fn modules(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let row = |(id, name, language, size): (u64, String, Language, usize)| (id, name, language_name(language), size).to_pyobject(vm);
        load::modules().into_iter().map(row).collect()
    }

    /// Who uses what a module defines, a line each.
    #[pyfunction]
    fn users(module: u64) -> String {
        load::users(module)
    }

    /// "" or why not.
    #[pyfunction]
    fn unload(module: u64, force: bool) -> String {
        load::unload(module, force).err().map_or_else(String::new, |refused| refused.message)
    }

    /// replace(name, target, module, trial in ns, failure value, stack bytes, flags) -> (0 or -errno, message)
    #[pyfunction]
    #[allow(clippy::too_many_arguments)] // the kernel's structure
    fn replace(name: PyStrRef, target: u64, module: u64, trial: u64, failure: u64, stack_bytes: u32, flags: u32) -> (i64, String) {
        let name = name.to_string();
        let mut message = vec![0u8; 16 << 10];
        let mut request = control::ReplaceRequest {
            name: Text::of(name.as_bytes()),
            target,
            module,
            trial,
            failure_value: failure,
            stack_bytes,
            flags,
            message: Text::out(&mut message),
        };
        outcome(control::operate(control::REPLACE, &mut request), &message)
    }

    /// replace_set(names, [target, module, failure value, stack bytes, for each], trial in ns, flags) -> (0 or -errno, message): all or none.
    #[pyfunction]
    fn replace_set(names: Vec<PyStrRef>, numbers: Vec<u64>, trial: u64, flags: u32) -> (i64, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut message = vec![0u8; 16 << 10];
        let requests: Vec<control::ReplaceRequest> = names
            .iter()
            .zip(numbers.chunks_exact(4))
            .map(|(name, row)| control::ReplaceRequest {
                name: Text::of(name.as_bytes()),
                target: row[0],
                module: row[1],
                trial,
                failure_value: row[2],
                stack_bytes: row[3] as u32,
                flags,
                message: Text::default(),
            })
            .collect();
        let replacements = Text { address: requests.as_ptr() as u64, size: size_of_val(requests.as_slice()) as u64 };
        let mut request = control::ReplaceSetRequest { replacements, message: Text::out(&mut message) };
        outcome(control::operate(control::REPLACE_SET, &mut request), &message)
    }

    /// compile_version(source, name, file, sse) -> (object, type or None), or (None, line, message).
    #[pyfunction]
    fn compile_version(source: PyStrRef, name: PyStrRef, file: PyStrRef, sse: bool, vm: &VirtualMachine) -> PyObjectRef {
        match super::super::replace::compile_version(&source.to_string(), &name.to_string(), &file.to_string(), sse) {
            Ok((object, ty)) => tuple(vec![vm.ctx.new_bytes(object).into(), ty.map(|id| id.0).to_pyobject(vm)], vm),
            Err(failure) => tuple(vec![vm.ctx.none(), failure.line.to_pyobject(vm), failure.message.to_pyobject(vm)], vm),
        }
    }

    /// Would callers of the one type see no difference with the other?
    #[pyfunction]
    fn is_compatible(one: u32, other: u32, vm: &VirtualMachine) -> PyResult<bool> {
        let table = table();
        Ok(table.is_compatible(check(one, &table, vm)?, check(other, &table, vm)?))
    }

    /// stop(thread) -> 0 or -errno: ends the live call of a thread of ours, or a kernel thread of live code.
    #[pyfunction]
    fn stop(thread: i32) -> i64 {
        let mut request = control::StopRequest { thread, ..Default::default() };
        match control::operate(control::STOP, &mut request) {
            Ok(_) => 0,
            Err(error) => -i64::from(error.raw_os_error().unwrap_or(libc::EINVAL)),
        }
    }

    /// restore(name) -> (0 or -errno, message)
    #[pyfunction]
    fn restore(name: PyStrRef) -> (i64, String) {
        let name = name.to_string();
        let mut message = vec![0u8; 16 << 10];
        let mut request = control::RestoreRequest { name: Text::of(name.as_bytes()), message: Text::out(&mut message) };
        outcome(control::operate(control::RESTORE, &mut request), &message)
    }

    fn outcome(result: std::io::Result<u64>, message: &[u8]) -> (i64, String) {
        let text = control::text(message);
        match result {
            Ok(value) => (value as i64, text),
            Err(error) => {
                let text = if text.is_empty() { error.to_string() } else { text };
                (-i64::from(error.raw_os_error().unwrap_or(libc::EIO)), text)
            }
        }
    }

    /// (address, bytes in hex, text) of each instruction.
    #[pyfunction]
    fn disassemble(code: ArgBytesLike, address: u64, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let lines = machine::disassemble(&code.borrow_buf(), address);
        lines.into_iter().map(|line| line.to_pyobject(vm)).collect()
    }

    /// Names of functions of an object whose code uses SSE.
    #[pyfunction]
    fn sse_functions(object: ArgBytesLike, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let bytes = object.borrow_buf();
        let parsed = super::super::elf::Object::parse(&bytes).map_err(|why| vm.new_value_error(why))?;
        Ok(parsed.functions().iter().filter(|(_, code)| load::uses_sse(code)).map(|(symbol, _)| symbol.name.clone().to_pyobject(vm)).collect())
    }
}
