//! Python functions that live code calls: libffi closures behind gates of the kernel.
//!
//! `Callback::new(function, type)` makes an address that live code can call from threads of the world. `borrow` is for
//! arguments of one call: the closure goes back to a pool when the call is over, and a call that comes later raises.
//! An exception ends the live call that called back, and is raised by it (call.rs). Closures are never freed: a
//! C function may have kept the address.

use super::call::{Cif, keep_raised};
use super::control;
use super::convert::{Held, Parameter, Resulting};
use super::types::{Type, TypeId, table};
use libffi_sys as ffi;
use rustpython_vm::{
    PyObjectRef, PyResult, VirtualMachine,
    builtins::PyBaseExceptionRef,
    vm::thread,
};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::Mutex;

/// What a closure calls.
pub struct Callback {
    name: String,
    address: u64,
    cif: Box<Cif>,
    parameters: Vec<Resulting>,
    result: Parameter,
    is_void: bool,
    function: Mutex<Option<PyObjectRef>>,
}

/// Closures of one type that nobody uses.
static POOL: Mutex<Option<HashMap<TypeId, Vec<&'static Callback>>>> = Mutex::new(None);

/// A callback for one call.
pub struct Borrowed(&'static Callback, TypeId);

impl Borrowed {
    pub fn address(&self) -> u64 {
        self.0.address
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.0.set(None);
        lock(&POOL).get_or_insert_default().entry(self.1).or_default().push(self.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A callback of the function type for one call.
pub fn borrow(function: PyObjectRef, ty: TypeId, vm: &VirtualMachine) -> PyResult<Borrowed> {
    let waiting = lock(&POOL).get_or_insert_default().get_mut(&ty).and_then(Vec::pop);
    let callback = match waiting {
        Some(callback) => callback,
        None => Callback::new("", ty, vm)?,
    };
    callback.set(Some(function));
    Ok(Borrowed(callback, ty))
}

impl Callback {
    /// A closure of the function type, exported as `name` to live code; "": without a name to call it by.
    pub fn new(name: &str, ty: TypeId, vm: &VirtualMachine) -> PyResult<&'static Self> {
        let made = {
            let table = table();
            let Type::Function { result, parameters, .. } = table.get(table.strip(ty)).clone() else {
                return Err(vm.new_type_error("a callback needs a function's type"));
            };
            let types: Vec<TypeId> = parameters.iter().map(|(_, ty)| *ty).collect();
            Cif::new(&table, result, &types, types.len()).map(|cif| {
                let is_void = matches!(table.get(table.strip(result)), Type::Void);
                let parameters = types.iter().map(|&ty| Resulting::new(&table, ty)).collect();
                (cif, parameters, Parameter::new(&table, None, result), is_void)
            })
        };
        let (cif, parameters, result, is_void) = made.map_err(|why| vm.new_type_error(why))?;
        let mut code = std::ptr::null_mut();
        // SAFETY: libffi's allocator; null when there is no memory.
        let closure = unsafe { ffi::ffi_closure_alloc(size_of::<ffi::ffi_closure>(), &mut code) }.cast::<ffi::ffi_closure>();
        if closure.is_null() {
            return Err(vm.new_memory_error("no memory for a callback".to_owned()));
        }
        let export = if name.is_empty() { format!("__python_callback_{:x}", code as usize) } else { name.to_owned() };
        let callback = Box::leak(Box::new(Self { name: export, address: 0, cif, parameters, result, is_void, function: Mutex::new(None) }));
        let data = std::ptr::from_mut(callback);
        // SAFETY: the cif and the callback live for ever.
        let status = unsafe { ffi::ffi_prep_closure_loc(closure, &mut (*data).cif.cif, Some(called), data.cast(), code) };
        if status != ffi::ffi_status_FFI_OK {
            return Err(vm.new_system_error("libffi made no closure"));
        }
        callback.address = export_code(&callback.name, code as u64).map_err(|error| super::native::os_error(&error, &callback.name, vm))?;
        Ok(callback)
    }

    pub fn set(&self, function: Option<PyObjectRef>) {
        *lock(&self.function) = function;
    }

    pub fn address(&self) -> u64 {
        self.address
    }

    /// Calls the Python function with the arguments at `arguments` and writes its result.
    fn call(&self, arguments: *const *const c_void, result: *mut c_void, vm: &VirtualMachine) -> PyResult<()> {
        let function = lock(&self.function).clone();
        let Some(function) = function else {
            return Err(vm.new_runtime_error(format!("{}: a Python callback was called after the call that it was made for", self.name)));
        };
        let mut objects = Vec::with_capacity(self.parameters.len());
        for (index, parameter) in self.parameters.iter().enumerate() {
            // SAFETY: libffi gives one pointer for each parameter, to a value of its size.
            let value = unsafe { *arguments.add(index) }.cast::<u8>();
            objects.push(if parameter.is_word() {
                let mut word = 0u64;
                // SAFETY: as above, and a word is at least as large.
                unsafe { std::ptr::copy_nonoverlapping(value, (&raw mut word).cast(), parameter.size) };
                parameter.object_of_word(word, vm)?
            } else {
                // SAFETY: as above.
                parameter.object_of_bytes(unsafe { std::slice::from_raw_parts(value, parameter.size) }, vm)?
            });
        }
        let returned = function.call(objects, vm)?; // for Python functions faster than vectorcall (counted)
        if self.result.is_word() {
            let mut held = Held::default();
            let word = self.result.word(&self.name, &returned, &mut held, vm)?;
            // SAFETY: libffi's room for a result has at least a word.
            unsafe { result.cast::<u64>().write(word) };
            std::mem::forget(held); // the C code has the pointer now
        } else if !self.is_void {
            let mut held = Held::default();
            let words = self.result.bytes(&self.name, &returned, &mut held, vm)?;
            // SAFETY: libffi's room for a result has at least a word, and a structure's size.
            unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), result.cast::<u64>(), words.len()) };
            std::mem::forget(held); // the C code has the pointer now
        }
        Ok(())
    }
}

/// Exports code of the world by a name; the address of its gate.
pub fn export_code(name: &str, code: u64) -> std::io::Result<u64> {
    let text = CString::new(name).map_err(|_| std::io::Error::from_raw_os_error(libc::EINVAL))?;
    let export = [control::WorldExport { name: text.as_ptr() as u64, address: code, kind: control::KIND_FUNCTION, context: control::CONTEXT_WORLD }];
    let exports = control::Text { address: export.as_ptr() as u64, size: size_of_val(&export) as u64 };
    control::operate(control::WORLD_EXPORTS, &mut control::WorldExportsRequest { exports, ..Default::default() })?;
    Ok(control::lookup(name)?.address)
}

/// What closures jump to.
unsafe extern "C" fn called(_: *mut ffi::ffi_cif, result: *mut c_void, arguments: *mut *mut c_void, data: *mut c_void) {
    // SAFETY: `new` gave a callback that lives for ever.
    let callback = unsafe { &*data.cast::<Callback>() };
    // SAFETY: libffi's room for a result has at least a word.
    unsafe { result.cast::<u64>().write(0) };
    if !thread::current_vm_is_set() {
        fail();
        return;
    }
    let outcome: Result<(), PyBaseExceptionRef> = thread::with_current_vm(|vm| {
        thread::attach_for_callback(vm, || {
            let run = std::panic::AssertUnwindSafe(|| callback.call(arguments.cast(), result, vm));
            std::panic::catch_unwind(run).unwrap_or_else(|payload| Err(rustpython_vm::unwind::into_exception(payload, vm)))
        })
    });
    if let Err(exception) = outcome {
        keep_raised(exception);
        fail();
    }
}

/// The live call that called back ends when this callback returns.
fn fail() {
    if let Some(fail) = crate::natives::live_fail_on_return() {
        fail(control::FAULT_CALLBACK as u32);
    }
}
