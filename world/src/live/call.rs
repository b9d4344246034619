//! Guarded calls of live and kernel functions from Python, and Python functions that live code calls.
//!
//! `Plan::new(type)` decides once how arguments and result are converted; `Plan::call` checks and converts all arguments, and
//! then enters the kernel's guard (`live_enter`): with up to six integers and pointers by plain registers, else by libffi's
//! ffi_call_go, which hands R10 on. While the call runs the thread is detached from the interpreter. A fault ends the call and
//! becomes what the hook `fault` of python/live.py makes of it; an exception of a callback is raised again here.
//! Left out: unions, bit-fields and `long double` by value.

use super::control;
use super::convert::{Held, Parameter, Resulting};
use super::types::{Type, TypeId, TypeTable};
use crate::natives;
use libffi_sys as ffi;
use rustpython_vm::{
    AsObject, PyObjectRef, PyResult, VirtualMachine,
    builtins::{PyBaseException, PyBaseExceptionRef},
};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// How calls of one function type are made.
pub struct Plan {
    pub parameters: Vec<Parameter>,
    pub result: Resulting,
    pub variadic: bool,
    /// All arguments and the result go through integer registers.
    simple: bool,
    cif: Option<Box<Cif>>,
}

/// libffi's description of a call, with what it points to.
pub struct Cif {
    pub cif: ffi::ffi_cif,
    types: Vec<*mut ffi::ffi_type>,
    _structures: Vec<Structure>,
}

// SAFETY: libffi only reads these after they are made.
unsafe impl Send for Cif {}
unsafe impl Sync for Cif {}

/// A structure for libffi and the list of its elements, which it points to.
struct Structure(Box<ffi::ffi_type>, #[allow(dead_code)] Vec<*mut ffi::ffi_type>);

fn ffi_type(kind: &ffi::ffi_type) -> *mut ffi::ffi_type {
    std::ptr::from_ref(kind).cast_mut()
}

/// libffi's type for one of ours. Err: it cannot be passed by value.
fn ffi_type_of(table: &TypeTable, id: TypeId, made: &mut Vec<Structure>) -> Result<*mut ffi::ffi_type, String> {
    let id = table.strip(id);
    // SAFETY: libffi's own constants, only read.
    unsafe {
        Ok(ffi_type(match table.get(id) {
            Type::Void => &raw const ffi::ffi_type_void,
            Type::Bool => &raw const ffi::ffi_type_uint8,
            Type::Pointer(_) | Type::Array { .. } | Type::Function { .. } => &raw const ffi::ffi_type_pointer,
            Type::Int { size, signed, .. } => int_type(*size, *signed)?,
            Type::Enum(_) => {
                let found = table.enumeration(id).expect("an enumeration");
                int_type(found.size, found.signed)?
            }
            Type::Float { size: 4, .. } => &raw const ffi::ffi_type_float,
            Type::Float { size: 8, .. } => &raw const ffi::ffi_type_double,
            Type::Float { .. } => return Err("long double cannot be passed".to_owned()),
            Type::Record(_) => return structure_type(table, id, made),
            Type::Typedef { .. } | Type::Const(_) | Type::Volatile(_) => unreachable!("stripped"),
        }
        .as_ref()
        .expect("a constant")))
    }
}

fn int_type(size: u32, signed: bool) -> Result<*const ffi::ffi_type, String> {
    Ok(match (size, signed) {
        (1, true) => &raw const ffi::ffi_type_sint8,
        (1, false) => &raw const ffi::ffi_type_uint8,
        (2, true) => &raw const ffi::ffi_type_sint16,
        (2, false) => &raw const ffi::ffi_type_uint16,
        (4, true) => &raw const ffi::ffi_type_sint32,
        (4, false) => &raw const ffi::ffi_type_uint32,
        (8, true) => &raw const ffi::ffi_type_sint64,
        (8, false) => &raw const ffi::ffi_type_uint64,
        _ => return Err(format!("integers of {size} bytes cannot be passed")),
    })
}

fn structure_type(table: &TypeTable, id: TypeId, made: &mut Vec<Structure>) -> Result<*mut ffi::ffi_type, String> {
    let record = table.record(id).expect("a record");
    let is_plain = record.tag == super::types::Tag::Struct && record.complete && record.fields.iter().all(|field| field.bits.is_none());
    if !is_plain || record.packed {
        return Err(format!("{} cannot be passed by value (a union, bit-fields, or packed)", table.spell(id)));
    }
    let mut elements = Vec::new();
    for field in &record.fields {
        let (mut ty, mut count) = (table.strip(field.ty), 1);
        while let Type::Array { of, count: times } = table.get(ty) {
            count *= times.unwrap_or(0);
            ty = table.strip(*of);
        }
        let element = ffi_type_of(table, ty, made)?;
        elements.extend(std::iter::repeat_n(element, count as usize));
    }
    elements.push(std::ptr::null_mut());
    let structure = ffi::ffi_type { size: 0, alignment: 0, type_: ffi::ffi_type_enum_STRUCT as u16, elements: elements.as_mut_ptr() };
    made.push(Structure(Box::new(structure), elements));
    Ok(std::ptr::from_mut(&mut *made.last_mut().expect("just pushed").0))
}

impl Cif {
    pub fn new(table: &TypeTable, result: TypeId, parameters: &[TypeId], fixed: usize) -> Result<Box<Self>, String> {
        let mut structures = Vec::new();
        let result = ffi_type_of(table, result, &mut structures)?;
        let types = parameters.iter().map(|&ty| ffi_type_of(table, ty, &mut structures)).collect::<Result<Vec<_>, _>>()?;
        // SAFETY: all zero is a value of ffi_cif; what it will point to lives as long as it.
        let mut made = Box::new(Self { cif: unsafe { std::mem::zeroed() }, types, _structures: structures });
        let count = made.types.len() as u32;
        let types = made.types.as_mut_ptr();
        // SAFETY: as above.
        let status = unsafe {
            if fixed < parameters.len() {
                ffi::ffi_prep_cif_var(&mut made.cif, ffi::ffi_abi_FFI_DEFAULT_ABI, fixed as u32, count, result, types)
            } else {
                ffi::ffi_prep_cif(&mut made.cif, ffi::ffi_abi_FFI_DEFAULT_ABI, count, result, types)
            }
        };
        if status == ffi::ffi_status_FFI_OK { Ok(made) } else { Err("libffi does not know how to make this call".to_owned()) }
    }
}

thread_local! {
    /// live_enter's address, once this thread has its live stack; 0 before.
    static ENTRY: Cell<usize> = const { Cell::new(0) };
    /// What a callback raised, for the call that it ended.
    static RAISED: RefCell<Option<PyBaseExceptionRef>> = const { RefCell::new(None) };
}

/// Keeps the exception of a callback for the call that it ends.
pub fn keep_raised(exception: PyBaseExceptionRef) {
    RAISED.with(|raised| *raised.borrow_mut() = Some(exception));
}

fn not_here(vm: &VirtualMachine) -> PyBaseExceptionRef {
    super::native::os_error(&std::io::Error::from_raw_os_error(libc::ENOSYS), "live", vm)
}

/// The entry of guarded calls; this thread gets its live stack.
#[inline]
fn entry(vm: &VirtualMachine) -> PyResult<usize> {
    let known = ENTRY.get();
    if known != 0 { Ok(known) } else { prepare(vm) }
}

#[cold]
fn prepare(vm: &VirtualMachine) -> PyResult<usize> {
    let enter = natives::live_enter().ok_or_else(|| not_here(vm))?;
    super::exports::register();
    control::operate(control::PREPARE, &mut [0u8; 0]).map_err(|error| super::native::os_error(&error, "the live stack", vm))?;
    ENTRY.set(enter);
    Ok(enter)
}

/// A guarded call of a function without arguments: what it leaves in RAX.
pub fn call_address(target: u64, vm: &VirtualMachine) -> PyResult<u64> {
    let enter = entry(vm)?;
    let mut call = control::Call { target, ..control::Call::default() };
    // SAFETY: `enter` is the kernel's entry, and the target takes no arguments.
    let result = vm.allow_threads(|| unsafe { enter_words(enter, &mut call, &[0; 6]) });
    if call.status == 0 { Ok(result) } else { Err(raise(&call, vm)) }
}

impl Plan {
    /// Err: such functions cannot be called from Python, and why.
    pub fn new(table: &TypeTable, function: TypeId) -> Result<Self, String> {
        let Type::Function { result, parameters, variadic } = table.get(table.strip(function)).clone() else {
            return Err("it is no function".to_owned());
        };
        let types: Vec<TypeId> = parameters.iter().map(|(_, ty)| *ty).collect();
        let parameters: Vec<Parameter> = parameters.iter().map(|(name, ty)| Parameter::new(table, name.as_deref(), *ty)).collect();
        let resulting = Resulting::new(table, result);
        let simple = !variadic && parameters.len() <= 6 && parameters.iter().all(Parameter::is_word) && resulting.is_word();
        let cif = if simple { None } else { Some(Cif::new(table, result, &types, types.len())?) };
        Ok(Self { parameters, result: resulting, variadic, simple, cif })
    }

    /// Calls the function at `target` with arguments that are checked first. `limit`: nanoseconds, 0: none.
    pub fn call(&self, name: &str, target: u64, limit: u64, arguments: &[PyObjectRef], vm: &VirtualMachine) -> PyResult {
        if arguments.len() != self.parameters.len() {
            return Err(self.wrong_count(name, arguments.len(), vm));
        }
        let enter = entry(vm)?;
        let mut call = control::Call { target, time_limit: limit, ..control::Call::default() };
        if self.simple {
            let mut words = [0u64; 6];
            let mut held = Held::default();
            for ((word, parameter), object) in words.iter_mut().zip(&self.parameters).zip(arguments) {
                *word = parameter.word(name, object, &mut held, vm)?;
            }
            // SAFETY: `enter` is the kernel's entry; what the words point to is held.
            let result = vm.allow_threads(|| unsafe { enter_words(enter, &mut call, &words) });
            drop(held);
            if call.status != 0 {
                return Err(raise(&call, vm));
            }
            return self.result.object_of_word(result, vm);
        }
        self.call_by_ffi(name, enter, call, arguments, vm)
    }

    fn call_by_ffi(&self, name: &str, enter: usize, mut call: control::Call, arguments: &[PyObjectRef], vm: &VirtualMachine) -> PyResult {
        let cif = self.cif.as_ref().expect("made for all that is not simple");
        let mut held = Held::default();
        let mut values = Vec::with_capacity(arguments.len());
        for (parameter, object) in self.parameters.iter().zip(arguments) {
            values.push(parameter.bytes(name, object, &mut held, vm)?);
        }
        let mut pointers: Vec<*mut c_void> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let mut result = vec![0u64; self.result.size.div_ceil(8).max(2)];
        call.stack_bytes = u64::from(cif.cif.bytes).next_multiple_of(8);
        let go = vm.allow_threads(|| {
            let closure = std::ptr::from_mut(&mut call).cast();
            // SAFETY: the cif describes the values; live_enter takes the call's structure in R10, where ffi_call_go puts it.
            unsafe {
                let function: unsafe extern "C" fn() = std::mem::transmute(enter);
                ffi::ffi_call_go(std::ptr::from_ref(&cif.cif).cast_mut(), Some(function), result.as_mut_ptr().cast(), pointers.as_mut_ptr(), closure);
            }
        });
        let () = go;
        drop(held);
        if call.status != 0 {
            return Err(raise(&call, vm));
        }
        let bytes: Vec<u8> = result.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.result.object_of_bytes(&bytes, vm)
    }

    fn wrong_count(&self, name: &str, given: usize, vm: &VirtualMachine) -> PyBaseExceptionRef {
        if self.variadic {
            return vm.new_type_error(format!("{name}() takes a variable number of arguments: call it through a C function"));
        }
        let names: Vec<String> = self.parameters.iter().map(|parameter| parameter.spelled.clone()).collect();
        let wanted = self.parameters.len();
        let plural = if wanted == 1 { "" } else { "s" };
        vm.new_type_error(format!("{name}() takes {wanted} argument{plural} ({}), not {given}", names.join(", ")))
    }
}

/// The call itself: integer registers, and R10 = the call.
///
/// # Safety
/// `enter` is the address of live_enter, and the words are what the target takes.
unsafe fn enter_words(enter: usize, call: &mut control::Call, words: &[u64; 6]) -> u64 {
    let result: u64;
    // SAFETY: a call by the System V ABI; memory may change.
    unsafe {
        std::arch::asm!(
            "call r11",
            inout("r11") enter => _,
            inout("r10") std::ptr::from_mut(call) => _,
            inout("rdi") words[0] => _,
            inout("rsi") words[1] => _,
            inout("rdx") words[2] => _,
            inout("rcx") words[3] => _,
            inout("r8") words[4] => _,
            inout("r9") words[5] => _,
            inout("rax") 0u64 => result,
            clobber_abi("sysv64"),
        );
    }
    result
}

/// The exception for a call that ended by a fault.
fn raise(call: &control::Call, vm: &VirtualMachine) -> PyBaseExceptionRef {
    let raised = RAISED.with(|raised| raised.borrow_mut().take());
    let fault = control::take_fault();
    if call.status == control::FAULT_CALLBACK
        && let Some(exception) = raised
    {
        return exception;
    }
    let made = fault.map_err(|error| super::native::os_error(&error, "the fault", vm)).and_then(|fault| super::native::fault_exception(&fault, vm));
    let exception = match made.map(|object| object.downcast::<PyBaseException>()) {
        Ok(Ok(exception)) => exception,
        Ok(Err(object)) => return vm.new_system_error(format!("the hook for faults made a {}", object.class().name())),
        Err(error) => return error,
    };
    if call.status != control::FAULT_INTERRUPTED {
        return exception;
    }
    // Ctrl-C: what the handler raises, with the place that was interrupted as its cause.
    let interrupt = vm.check_signals().err().unwrap_or_else(|| vm.new_exception_empty(vm.ctx.exceptions.keyboard_interrupt.to_owned()));
    interrupt.set_cause(Some(exception));
    interrupt
}
