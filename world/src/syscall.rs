//! `polyglot.syscall`: any call of the syscall table from Python, its arguments checked by the table's types.
//!
//! `call()` turns each Python argument into the word that goes into the register, holding what it points to until the
//! call is back. What a pointer takes: None (no pointer), an int (an address, not checked), or an object with memory
//! that is at least as long as the table says the kernel reads or writes. Left out: vfork and rt_sigreturn, which would
//! return on a stack that is gone.

use polyglot_syscall::{Argument, CALLS, Call, Count, Errno, Kind, SIGNALS, Set};
use rustpython_vm::{
    AsObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::{PyBaseExceptionRef, PyInt, PyList, PyStr, PyTuple},
    convert::ToPyException,
    protocol::{BufferFlags, PyBuffer},
};

/// What an argument became, and what must live until the call is back.
struct Word {
    value: u64,
    /// The memory's length in bytes, if it is known.
    length: Option<usize>,
    _held: Held,
}

enum Held {
    Nothing,
    Buffer { _buffer: PyBuffer },
    Bytes { _bytes: Vec<u8> },
    Vector { _words: Vec<u64>, _members: Vec<Word> },
}

impl Word {
    fn number(value: u64) -> Self {
        Self { value, length: None, _held: Held::Nothing }
    }

    /// A copy with a NUL behind it.
    fn bytes(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.push(0);
        Self { value: bytes.as_ptr() as u64, length: Some(length), _held: Held::Bytes { _bytes: bytes } }
    }

    fn vector(words: Vec<u64>, members: Vec<Self>) -> Self {
        let length = Some(words.len() * 8);
        Self { value: words.as_ptr() as u64, length, _held: Held::Vector { _words: words, _members: members } }
    }
}

/// Finds a call by name or number.
fn find(which: &PyObjectRef, vm: &VirtualMachine) -> PyResult<&'static Call> {
    if let Some(name) = which.downcast_ref::<PyStr>() {
        let name = name.to_string();
        let found = CALLS.iter().find(|call| call.name == name);
        return found.ok_or_else(|| vm.new_value_error(format!("no system call is named '{name}'")));
    }
    let number: i64 = which.try_index(vm)?.try_to_primitive(vm)?;
    CALLS
        .iter()
        .find(|call| call.number == number)
        .ok_or_else(|| vm.new_value_error(format!("no system call has the number {number}")))
}

/// syscall(name or number, *arguments) -> int
pub fn call(which: &PyObjectRef, arguments: &[PyObjectRef], vm: &VirtualMachine) -> PyResult<u64> {
    let call = find(which, vm)?;
    let Some(types) = call.arguments.filter(|_| !matches!(call.name, "vfork" | "rt_sigreturn")) else {
        return Err(vm.new_value_error(format!("{} cannot be called from Python", call.name)));
    };
    if types.len() != arguments.len() {
        let names: Vec<&str> = types.iter().map(|one| one.name).collect();
        let (name, wanted, given) = (call.name, types.len(), arguments.len());
        return Err(vm.new_type_error(format!("{name} takes {wanted} arguments ({}), not {given}", names.join(", "))));
    }
    let mut words = Vec::with_capacity(6);
    for (one, object) in types.iter().zip(arguments) {
        words.push(convert(call, one, object, vm)?);
    }
    check_lengths(call, types, &words, vm)?;
    let mut registers = [0; 6];
    for (register, word) in registers.iter_mut().zip(&words) {
        *register = word.value;
    }
    // SAFETY: memory of Python objects is as long as the table says and kept by `words`; the buffers' exports keep
    // it where it is. An int given as an address is the caller's own, as in ctypes.
    let result = vm.allow_threads(|| unsafe { polyglot_syscall::call(call.number, &registers) });
    drop(words);
    result.map(|value| value as u64).map_err(|error| exception(error, vm))
}

/// Results that are numbers; an address may lie in the upper half.
pub fn is_address(which: &PyObjectRef, vm: &VirtualMachine) -> bool {
    find(which, vm).is_ok_and(|call| call.result == Kind::Address)
}

fn exception(error: Errno, vm: &VirtualMachine) -> PyBaseExceptionRef {
    if error.0 == libc::EINTR
        && let Err(raised) = vm.check_signals()
    {
        return raised;
    }
    std::io::Error::from_raw_os_error(error.0).to_pyexception(vm)
}

fn convert(call: &Call, one: &Argument, object: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Word> {
    let is_pointer = matches!(one.kind, Kind::Path | Kind::String | Kind::Ptr | Kind::In | Kind::Out | Kind::Inout);
    if !is_pointer && !(one.kind == Kind::Any && (vm.is_none(object) || !object.downcastable::<PyInt>())) {
        return number(call, one, object, vm).map(Word::number);
    }
    if vm.is_none(object) {
        return Ok(Word::number(0));
    }
    if object.downcastable::<PyInt>() {
        return integer(call, one, object, 64, vm).map(Word::number);
    }
    let writes = matches!(one.kind, Kind::Out | Kind::Inout);
    if let Some(text) = object.downcast_ref::<PyStr>().filter(|_| !writes) {
        return Ok(Word::bytes(text.to_string().into_bytes()));
    }
    if matches!(one.kind, Kind::Path | Kind::String) {
        let buffer = PyBuffer::from_object(vm, object, BufferFlags::SIMPLE).map_err(|_| wrong(call, one, "str or bytes", object, vm))?;
        let bytes = buffer.contiguous_or_collect(<[u8]>::to_vec);
        return Ok(Word::bytes(bytes));
    }
    if let Some(members) = sequence(object) {
        return vector(call, one, &members, vm);
    }
    memory(call, one, object, writes, vm)
}

/// A bytes-like object.
fn memory(call: &Call, one: &Argument, object: &PyObjectRef, writes: bool, vm: &VirtualMachine) -> PyResult<Word> {
    let flags = if writes { BufferFlags::WRITABLE } else { BufferFlags::SIMPLE };
    let wanted = if writes { "a writable buffer such as a bytearray" } else { "bytes or a buffer" };
    let buffer = PyBuffer::from_object(vm, object, flags).map_err(|_| wrong(call, one, wanted, object, vm))?;
    let Some((value, length)) = buffer.as_contiguous().map(|bytes| (bytes.as_ptr() as u64, bytes.len())) else {
        return Err(wrong(call, one, "contiguous memory", object, vm));
    };
    Ok(Word { value, length: Some(length), _held: Held::Buffer { _buffer: buffer } })
}

fn sequence(object: &PyObjectRef) -> Option<Vec<PyObjectRef>> {
    let list = object.downcast_ref::<PyList>().map(|list| list.borrow_vec().to_vec());
    list.or_else(|| object.downcast_ref::<PyTuple>().map(|tuple| tuple.as_slice().to_vec()))
}

/// A list: of strings for `strings` (a NULL ends it), of buffers for `iovec`.
fn vector(call: &Call, one: &Argument, objects: &[PyObjectRef], vm: &VirtualMachine) -> PyResult<Word> {
    let is_strings = one.pointed == "strings";
    if !is_strings && one.pointed != "iovec" {
        return Err(vm.new_type_error(format!("{}: {} takes no list", call.name, one.name)));
    }
    let (mut words, mut members) = (Vec::new(), Vec::new());
    for object in objects {
        if is_strings {
            let text = Argument { name: one.name, kind: Kind::String, pointed: "", element: 0, count: Count::One, in_bytes: false, set: None };
            let member = convert(call, &text, object, vm)?;
            words.push(member.value);
            members.push(member);
        } else {
            let member = memory(call, one, object, call.name.contains("read"), vm)?;
            words.extend([member.value, member.length.unwrap_or(0) as u64]);
            members.push(member);
        }
    }
    if is_strings {
        words.push(0);
    }
    Ok(Word::vector(words, members))
}

/// A number: an int, a constant by name where the table knows which, an object with a descriptor.
fn number(call: &Call, one: &Argument, object: &PyObjectRef, vm: &VirtualMachine) -> PyResult<u64> {
    let bits = match one.kind {
        Kind::Size | Kind::Ulong | Kind::Flags64 | Kind::Address | Kind::Any | Kind::Long | Kind::Offset => 64,
        _ => 32,
    };
    let has_names = one.set.is_some() || matches!(one.kind, Kind::Signal | Kind::Dirfd);
    if let Some(text) = object.downcast_ref::<PyStr>().filter(|_| has_names) {
        let text = text.to_string();
        return named(one, &text)
            .ok_or_else(|| vm.new_type_error(format!("{}: {}: '{text}' is no constant of it", call.name, one.name)));
    }
    if object.downcastable::<PyInt>() {
        return integer(call, one, object, bits, vm);
    }
    if matches!(one.kind, Kind::Fd | Kind::Dirfd)
        && let Ok(method) = object.get_attr("fileno", vm)
    {
        return integer(call, one, &method.call((), vm)?, bits, vm);
    }
    Err(wrong(call, one, "int", object, vm))
}

fn integer(call: &Call, one: &Argument, object: &PyObjectRef, bits: u32, vm: &VirtualMachine) -> PyResult<u64> {
    let value = object.try_index(vm)?.try_to_primitive::<i128>(vm).ok();
    let range = -(1i128 << (bits - 1))..1i128 << bits;
    match value.filter(|value| range.contains(value)) {
        Some(value) => Ok(value as u64),
        None => Err(vm.new_overflow_error(format!("{}: {} has {bits} bits", call.name, one.name))),
    }
}

/// "O_RDWR|O_CREAT" of an argument's set; signals and AT_FDCWD by name.
fn named(one: &Argument, text: &str) -> Option<u64> {
    let find = |part: &str| match one.kind {
        Kind::Signal => SIGNALS.iter().find(|(name, _)| *name == part).map(|(_, value)| *value as u64),
        Kind::Dirfd if part == "AT_FDCWD" => Some(libc::AT_FDCWD as u64),
        _ => constants(one.set?).find(|(name, _)| *name == part).map(|(_, value)| value as u64),
    };
    text.split('|').map(|part| find(part.trim())).try_fold(0, |sum, part| Some(sum | part?))
}

fn constants(set: &Set) -> impl Iterator<Item = (&'static str, i64)> {
    set.constants.iter().copied()
}

/// Every memory whose length is known is as long as the call will use.
fn check_lengths(call: &Call, types: &[Argument], words: &[Word], vm: &VirtualMachine) -> PyResult<()> {
    for (one, word) in types.iter().zip(words) {
        let Some(length) = word.length else { continue };
        if matches!(one.kind, Kind::Path | Kind::String) || one.pointed == "strings" || one.pointed.is_empty() {
            continue;
        }
        let count = match one.count {
            Count::One if one.pointed == "bytes" => continue,
            Count::One => 1,
            Count::Number(number) => number,
            Count::Argument(index) => signed(&types[index], words[index].value),
            Count::Pointed(index) => pointed(&words[index]),
        };
        let needed = count.saturating_mul(if one.in_bytes { 1 } else { one.element });
        if needed > length {
            let (name, argument) = (call.name, one.name);
            return Err(vm.new_value_error(format!("{name}: {argument} has {length} bytes, the call uses {needed}")));
        }
    }
    Ok(())
}

/// A count; the kernel refuses negative ones.
fn signed(one: &Argument, value: u64) -> usize {
    let value = if one.kind == Kind::Int { i64::from(value as i32) } else { value as i64 };
    usize::try_from(value).unwrap_or(if one.kind == Kind::Int { 0 } else { usize::MAX })
}

/// The int that an argument points to.
fn pointed(word: &Word) -> usize {
    if word.value == 0 || word.length.is_none_or(|length| length < 4) {
        return 0;
    }
    // SAFETY: memory of a Python object of at least four bytes, held by the word.
    let value = unsafe { std::ptr::read_unaligned(word.value as *const i32) };
    usize::try_from(value).unwrap_or(0)
}

fn wrong(call: &Call, one: &Argument, wanted: &str, object: &PyObjectRef, vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_type_error(format!("{}: {} must be {wanted}, not {}", call.name, one.name, object.class().name()))
}
