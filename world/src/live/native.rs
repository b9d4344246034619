//! The Python module `_live`: the namespace, types, memory and calls, as python/live.py needs them.
//!
//! Symbols are tuples (name, address, target, size, kind, origin, context, flags, module, users, generation). Types are
//! numbers. `hooks` gets functions of live.py that make Python's objects: fault, value, pointer, record.

pub(crate) use _live::module_def;

use super::control;
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
    object.downcastable::<_live::Function>()
}

#[pymodule]
mod _live {
    use super::super::call::Plan;
    use super::super::callback::Callback;
    use super::super::control::{self, SymbolInfo, Text};
    use super::super::disassemble::{self as machine, name_of};
    use super::super::load;
    use super::super::types::{Language, Tag, Type, TypeId, TypeTable, table};
    use super::super::values;
    use super::{HOOKS, os_error};
    use rustpython_vm::{
        Py, PyObject, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass,
        builtins::{PyBaseExceptionRef, PyDictRef, PyStrRef},
        convert::ToPyObject,
        function::{ArgBytesLike, FuncArgs, OptionalArg},
        types::{Callable, Representable},
    };
    use std::collections::HashSet;
    use std::sync::PoisonError;
    use std::sync::atomic::{AtomicU64, Ordering};

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

    fn tuple(items: Vec<PyObjectRef>, vm: &VirtualMachine) -> PyObjectRef {
        vm.ctx.new_tuple(items).into()
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

    // --- types ---

    /// Adds debug data of an object under a module's number; 0 is the kernel's. The number of names. ValueError.
    #[pyfunction]
    fn add_dwarf(module: u64, object: ArgBytesLike, vm: &VirtualMachine) -> PyResult<usize> {
        let bytes = object.borrow_buf();
        let mut table = table();
        let added = if module == 0 { table.set_kernel(&bytes) } else { table.add_dwarf(module, &bytes) };
        added.map_err(|why| vm.new_value_error(why))
    }

    /// What is wrong with the kernel's debug data; "": nothing.
    #[pyfunction]
    fn kernel_error() -> String {
        let mut table = table();
        table.need_kernel();
        table.pool.kernel_error.clone().unwrap_or_default()
    }

    /// (type, is function, is local, language, file, line, module) of a name; None: its type is not known.
    #[pyfunction]
    fn declared(name: PyStrRef, vm: &VirtualMachine) -> Option<PyObjectRef> {
        let symbol = table().lookup(&name.to_string())?;
        Some(tuple(
            vec![
                symbol.ty.0.to_pyobject(vm),
                symbol.function.to_pyobject(vm),
                symbol.local.to_pyobject(vm),
                language_name(symbol.language).to_pyobject(vm),
                symbol.file.to_string().to_pyobject(vm),
                symbol.line.to_pyobject(vm),
                symbol.module.to_pyobject(vm),
            ],
            vm,
        ))
    }

    /// The type of a C type name such as "struct thread *", "uint64_t", "unsigned char [16]"; None: unknown.
    #[pyfunction]
    fn type_named(name: PyStrRef) -> Option<u32> {
        super::super::names::parse(&mut table(), &name.to_string()).map(|id| id.0)
    }

    /// Gives a function or variable the type of a declaration, "int add(int a, int b)". Its name; None: it is no declaration.
    #[pyfunction]
    fn type_declared(declaration: PyStrRef) -> Option<String> {
        let text = declaration.to_string();
        let mut table = table();
        let ty = super::super::names::parse(&mut table, &text)?;
        let name = super::super::names::declared_name(&mut table, &text)?;
        let function = matches!(table.get(table.strip(ty)), Type::Function { .. });
        table.define(super::super::types::Symbol {
            name: name.as_str().into(),
            ty,
            function,
            local: false,
            language: Language::Other,
            file: "".into(),
            line: 0,
            module: 0,
        });
        Some(name)
    }

    /// Defines what C text declares (structures, typedefs, functions, variables) as a module's; the names of functions and
    /// variables. ValueError: it was not understood; what stands before is defined.
    #[pyfunction]
    fn define_c(text: PyStrRef, module: u64, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let names = super::super::names::define_c(&mut table(), &text.to_string(), module).map_err(|why| vm.new_value_error(why))?;
        Ok(names.into_iter().map(|name| name.to_pyobject(vm)).collect())
    }

    fn check(id: u32, table: &TypeTable, vm: &VirtualMachine) -> PyResult<TypeId> {
        if table.has(TypeId(id)) { Ok(TypeId(id)) } else { Err(vm.new_value_error(format!("there is no type {id}"))) }
    }

    /// (kind, spelled, size, alignment, inner type, count) without typedefs and qualifiers. kind: void, bool, int,
    /// char, float, pointer, array, struct, union, enum, function. Inner: what a pointer points to, elements, results.
    #[pyfunction]
    fn type_info(id: u32, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let table = table();
        let given = check(id, &table, vm)?;
        let id = table.strip(given);
        let (kind, inner, count) = match table.get(id) {
            Type::Void => ("void", None, None),
            Type::Bool => ("bool", None, None),
            Type::Int { name, size: 1, .. } if name.contains("char") => ("char", None, None),
            Type::Int { .. } => ("int", None, None),
            Type::Float { .. } => ("float", None, None),
            Type::Pointer(to) => ("pointer", Some(*to), None),
            Type::Array { of, count } => ("array", Some(*of), *count),
            Type::Record(_) => (table.record(id).map_or("struct", |record| record.tag.keyword()), None, None),
            Type::Enum(_) => ("enum", None, None),
            Type::Function { result, .. } => ("function", Some(*result), None),
            Type::Typedef { .. } | Type::Const(_) | Type::Volatile(_) => unreachable!("stripped"),
        };
        let complete = table.record(id).is_none_or(|record| record.complete);
        Ok(tuple(
            vec![
                kind.to_pyobject(vm),
                table.spell(given).to_pyobject(vm),
                table.size_of(id).to_pyobject(vm),
                table.align_of(id).to_pyobject(vm),
                inner.map(|id| id.0).to_pyobject(vm),
                count.to_pyobject(vm),
                id.0.to_pyobject(vm),
                complete.to_pyobject(vm),
            ],
            vm,
        ))
    }

    /// (name, type, offset, first bit, bits) of a structure's fields; with `deep` those of nameless members in their place.
    #[pyfunction]
    fn fields(id: u32, deep: bool, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let table = table();
        let id = check(id, &table, vm)?;
        let mut found = Vec::new();
        collect_fields(&table, id, 0, deep, &mut found);
        let none = || vm.ctx.none();
        Ok(found
            .into_iter()
            .map(|(name, ty, offset, bits)| {
                let (first, width) = bits.map_or_else(|| (none(), none()), |(a, b)| (a.to_pyobject(vm), b.to_pyobject(vm)));
                tuple(vec![name.to_pyobject(vm), ty.0.to_pyobject(vm), offset.to_pyobject(vm), first, width], vm)
            })
            .collect())
    }

    type FieldRow = (Option<String>, TypeId, u64, Option<(u32, u32)>);

    fn collect_fields(table: &TypeTable, id: TypeId, base: u64, deep: bool, found: &mut Vec<FieldRow>) {
        let Some(record) = table.record(table.strip(id)) else { return };
        for field in &record.fields {
            match &field.name {
                None if deep => collect_fields(table, field.ty, base + field.offset, deep, found),
                name => found.push((name.as_deref().map(str::to_owned), field.ty, base + field.offset, field.bits)),
            }
        }
    }

    /// (name, value) of an enumeration's constants.
    #[pyfunction]
    fn constants(id: u32, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let table = table();
        let id = check(id, &table, vm)?;
        let values = table.enumeration(table.strip(id)).map(|found| found.values.clone()).unwrap_or_default();
        Ok(values.iter().map(|(name, value)| tuple(vec![name.to_string().to_pyobject(vm), value.to_pyobject(vm)], vm)).collect())
    }

    /// The value of an enumeration's constant; None: there is no such name.
    #[pyfunction]
    fn constant(name: PyStrRef, vm: &VirtualMachine) -> Option<PyObjectRef> {
        table().constant(&name.to_string()).map(|(value, _)| value.to_pyobject(vm))
    }

    /// (name, type) of a function type's parameters.
    #[pyfunction]
    fn parameters(id: u32, vm: &VirtualMachine) -> PyResult<Vec<PyObjectRef>> {
        let table = table();
        let id = check(id, &table, vm)?;
        let Type::Function { parameters, .. } = table.get(table.strip(id)) else { return Ok(Vec::new()) };
        Ok(parameters
            .iter()
            .map(|(name, ty)| tuple(vec![name.as_deref().unwrap_or("").to_pyobject(vm), ty.0.to_pyobject(vm)], vm))
            .collect())
    }

    /// A declaration: spell(type, "name").
    #[pyfunction]
    fn spell(id: u32, name: OptionalArg<PyStrRef>, vm: &VirtualMachine) -> PyResult<String> {
        let table = table();
        let id = check(id, &table, vm)?;
        Ok(table.spell_declaration(id, &name.map_or_else(String::new, |name| name.to_string())))
    }

    /// A structure's or enumeration's definition.
    #[pyfunction]
    fn definition(id: u32, vm: &VirtualMachine) -> PyResult<String> {
        let table = table();
        let id = check(id, &table, vm)?;
        Ok(table.spell_body(table.strip(id), ""))
    }

    /// C declarations for a list of identifiers, without those of another list.
    #[pyfunction]
    fn declare(names: Vec<PyStrRef>, without: Vec<PyStrRef>) -> String {
        let (names, without): (Vec<String>, Vec<String>) =
            (names.iter().map(|name| name.to_string()).collect(), without.iter().map(|name| name.to_string()).collect());
        table().declare(&names.iter().map(String::as_str).collect::<HashSet<&str>>(), &without.iter().map(String::as_str).collect())
    }

    /// Names of types that begin with a prefix, and of symbols with a known type.
    #[pyfunction]
    fn type_names(prefix: PyStrRef, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let names = table().type_names(&prefix.to_string());
        names.into_iter().map(|name| name.to_pyobject(vm)).collect()
    }

    /// The value of these bytes as text.
    #[pyfunction]
    fn format(id: u32, bytes: ArgBytesLike, vm: &VirtualMachine) -> PyResult<String> {
        let table = table();
        let id = check(id, &table, vm)?;
        Ok(table.format_value(id, &bytes.borrow_buf()))
    }

    /// The number of these bytes by a scalar type (bool, int, float; a pointer is its address); None: it is no scalar.
    #[pyfunction]
    fn decode(id: u32, bytes: ArgBytesLike, vm: &VirtualMachine) -> PyResult {
        let table = table();
        let id = table.strip(check(id, &table, vm)?);
        let bytes = bytes.borrow_buf();
        if (bytes.len() as u64) < table.size_of(id) {
            return Err(vm.new_value_error("too few bytes"));
        }
        Ok(match table.get(id) {
            Type::Bool => (bytes[0] != 0).to_pyobject(vm),
            Type::Int { size, signed, .. } => values::read_int(&bytes, *size, *signed).to_pyobject(vm),
            Type::Enum(_) => {
                let found = table.enumeration(id).expect("an enumeration");
                values::read_int(&bytes, found.size, found.signed).to_pyobject(vm)
            }
            Type::Float { size, .. } => values::read_float(&bytes, *size).to_pyobject(vm),
            Type::Pointer(_) => values::read_int(&bytes, 8, false).to_pyobject(vm),
            _ => vm.ctx.none(),
        })
    }

    /// The bytes of a scalar; OverflowError, TypeError. `what`: for messages.
    #[pyfunction]
    fn encode(id: u32, object: PyObjectRef, what: PyStrRef, vm: &VirtualMachine) -> PyResult {
        let (parameter, size) = {
            let table = table();
            let id = check(id, &table, vm)?;
            (super::super::convert::Parameter::new(&table, Some(&what.to_string()), id), table.size_of(id) as usize)
        };
        let words = parameter.bytes("assignment", &object, &mut super::super::convert::Held::default(), vm)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Ok(vm.ctx.new_bytes(bytes[..size.min(bytes.len())].to_vec()).into())
    }

    /// A bit-field's value.
    #[pyfunction]
    fn decode_bits(id: u32, bytes: ArgBytesLike, offset: u64, first: u32, width: u32, vm: &VirtualMachine) -> PyResult {
        let table = table();
        let id = check(id, &table, vm)?;
        Ok(table.read_bits(id, offset, (first, width), &bytes.borrow_buf()).to_pyobject(vm))
    }

    /// Functions into which a function was inlined: (caller, file).
    #[pyfunction]
    fn inlined_into(name: PyStrRef, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let found = table().inlined_into(&name.to_string());
        found.into_iter().map(|row| row.to_pyobject(vm)).collect()
    }

    /// Is the tag known? For tests: the record's alignment and packedness.
    #[pyfunction]
    fn tag(keyword: PyStrRef, name: PyStrRef) -> Option<u32> {
        let tag = match keyword.to_string().as_str() {
            "struct" => Tag::Struct,
            "union" => Tag::Union,
            _ => Tag::Enum,
        };
        table().tag(tag, &name.to_string()).map(|id| id.0)
    }

    // --- calls ---

    /// Makes a Python function callable by live code under a name, with a function's type. Its address. TypeError, OSError.
    #[pyfunction]
    fn export(name: PyStrRef, id: u32, function: PyObjectRef, vm: &VirtualMachine) -> PyResult<u64> {
        let ty = {
            let table = table();
            check(id, &table, vm)?
        };
        let callback = Callback::new(&name.to_string(), ty, vm)?;
        callback.set(Some(function));
        table().define(super::super::types::Symbol {
            name: name.to_string().as_str().into(),
            ty,
            function: true,
            local: false,
            language: Language::Python,
            file: "".into(),
            line: 0,
            module: 0,
        });
        Ok(callback.address())
    }

    /// A function of the kernel or of a live module; calling it is guarded.
    #[pyattr]
    #[pyclass(name = "Function", module = "polyglot")]
    #[derive(PyPayload)]
    pub struct Function {
        name: String,
        address: u64,
        ty: TypeId,
        plan: Plan,
        /// Nanoseconds a call may take; 0: any.
        limit: AtomicU64,
    }

    impl std::fmt::Debug for Function {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Function({})", self.name)
        }
    }

    /// function(name, address, type) -> Function. TypeError: such a function cannot be called from Python.
    #[pyfunction]
    fn function(name: PyStrRef, address: u64, id: u32, vm: &VirtualMachine) -> PyResult<Function> {
        let name = name.to_string();
        let made = {
            let table = table();
            let id = check(id, &table, vm)?;
            Plan::new(&table, id).map(|plan| (plan, id))
        };
        let (plan, ty) = made.map_err(|why| vm.new_type_error(format!("{name}: {why}")))?;
        Function::class(&vm.ctx).slots().vectorcall.store(Some(vectorcall));
        Ok(Function { name, address, ty, plan, limit: AtomicU64::new(0) })
    }

    /// A call by position, without the structures that keywords need.
    fn vectorcall(
        zelf: &PyObject,
        mut arguments: Vec<PyObjectRef>,
        count: usize,
        keywords: Option<&[PyObjectRef]>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let zelf = zelf.downcast_ref::<Function>().expect("the slot of this type alone");
        if keywords.is_some_and(|names| !names.is_empty()) {
            return Err(zelf.no_keywords(vm));
        }
        arguments.truncate(count);
        zelf.plan.call(&zelf.name, zelf.address, zelf.limit.load(Ordering::Relaxed), &arguments, vm)
    }

    impl Function {
        fn no_keywords(&self, vm: &VirtualMachine) -> PyBaseExceptionRef {
            vm.new_type_error(format!("{}() takes no keyword arguments", self.name))
        }
    }

    #[pyclass(with(Callable, Representable))]
    impl Function {
        #[pygetset]
        fn __name__(zelf: &Py<Self>) -> String {
            zelf.name.clone()
        }

        #[pygetset]
        fn address(zelf: &Py<Self>) -> u64 {
            zelf.address
        }

        #[pygetset(name = "_type_")]
        fn type_number(zelf: &Py<Self>) -> u32 {
            zelf.ty.0
        }

        /// Seconds that a call may take; None: any.
        #[pygetset]
        fn time_limit(zelf: &Py<Self>) -> Option<f64> {
            let limit = zelf.limit.load(Ordering::Relaxed);
            (limit != 0).then_some(limit as f64 / 1e9)
        }

        #[pygetset(setter)]
        fn set_time_limit(zelf: &Py<Self>, seconds: Option<f64>, vm: &VirtualMachine) -> PyResult<()> {
            let seconds = seconds.unwrap_or(0.0);
            if !(0.0..1e9).contains(&seconds) {
                return Err(vm.new_value_error("a time limit is a number of seconds, or None"));
            }
            zelf.limit.store((seconds * 1e9) as u64, Ordering::Relaxed);
            Ok(())
        }

        #[pygetset]
        fn __doc__(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            super::hook("document", vm)?.call((zelf.name.clone(), zelf.address), vm)
        }

        #[pygetset]
        fn __text_signature__(zelf: &Py<Self>) -> String {
            table().spell_declaration(zelf.ty, &zelf.name)
        }
    }

    impl Callable for Function {
        type Args = FuncArgs;

        fn call(zelf: &Py<Self>, arguments: FuncArgs, vm: &VirtualMachine) -> PyResult {
            if !arguments.kwargs.is_empty() {
                return Err(zelf.no_keywords(vm));
            }
            let limit = zelf.limit.load(Ordering::Relaxed);
            zelf.plan.call(&zelf.name, zelf.address, limit, &arguments.args, vm)
        }
    }

    impl Representable for Function {
        fn repr_str(zelf: &Py<Self>, _vm: &VirtualMachine) -> PyResult<String> {
            Ok(format!("<function {} at {:#x}>", table().spell_declaration(zelf.ty, &zelf.name), zelf.address))
        }
    }
}
