//! The Python module `_livenames`: `Names`, the base of the namespaces of python/live.py.
//!
//! An attribute that is a function of the kernel or of a live module is looked up once (`find_name` of the subclass, thousands of
//! instructions) and kept until anything changes what names mean (control::changes()): `polyglot.live.f(21)` costs little more than a
//! call of a built-in function. Attributes of the class and of the instance come before, so a function named "search" is found by ["search"].
//! Values of variables are never kept.

pub(crate) use _livenames::module_def;

use rustpython_vm::pymodule;

#[pymodule]
mod _livenames {
    use super::super::{control, native};
    use rustpython_vm::{
        AsObject, Py, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass,
        builtins::{PyStr, PyStrRef, PyTypeRef},
        function::FuncArgs,
        types::GetAttr,
    };
    use std::collections::HashMap;
    use std::hash::{BuildHasherDefault, Hasher};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Names kept at most: each str object is one, and only those of code are the same ones each time.
    const KEPT: usize = 4096;

    /// Objects lie 16 bytes apart: their addresses, without these bits, spread well enough.
    #[derive(Default)]
    struct AddressHasher(u64);

    impl Hasher for AddressHasher {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, _: &[u8]) {
            unreachable!("addresses only")
        }
        fn write_usize(&mut self, address: usize) {
            let spread = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 = spread ^ spread >> 32;
        }
    }

    /// What was found while control::changes() was `changes`. By the address of the name, which is kept, too, so that it stays
    /// that name's.
    #[derive(Default)]
    struct Found {
        changes: u64,
        kept: HashMap<usize, (PyStrRef, PyObjectRef), BuildHasherDefault<AddressHasher>>,
    }

    #[pyattr]
    #[pyclass(name = "Names", module = "polyglot")]
    #[derive(PyPayload)]
    pub struct Names {
        found: Mutex<Found>,
    }

    impl std::fmt::Debug for Names {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Names")
        }
    }

    #[pyclass(with(GetAttr), flags(BASETYPE, HAS_DICT))]
    impl Names {
        #[pyslot]
        fn slot_new(class: PyTypeRef, _args: FuncArgs, vm: &VirtualMachine) -> PyResult {
            Self { found: Mutex::default() }.into_ref_with_type(vm, class).map(Into::into)
        }

        /// No Python runs while the guard is held, nor is anything freed.
        fn found(&self) -> MutexGuard<'_, Found> {
            self.found.lock().unwrap_or_else(PoisonError::into_inner)
        }

        #[inline]
        fn kept(&self, name: &Py<PyStr>, changes: u64) -> Option<PyObjectRef> {
            let found = self.found();
            if found.changes != changes {
                return None;
            }
            found.kept.get(&(std::ptr::from_ref(name) as usize)).map(|(_, value)| value.clone())
        }

        /// Keeps what was found by a look-up that began when changes() was `changes`.
        fn keep(&self, name: &Py<PyStr>, value: &PyObjectRef, changes: u64) {
            let mut found = self.found();
            if found.changes > changes {
                return;
            }
            let mut old = Found::default();
            if found.changes < changes {
                old = std::mem::replace(&mut *found, Found { changes, ..Found::default() });
            }
            if found.kept.len() < KEPT {
                found.kept.insert(std::ptr::from_ref(name) as usize, (name.to_owned(), value.clone()));
            }
            drop(found);
            drop(old);
        }
    }

    impl GetAttr for Names {
        fn getattro(zelf: &Py<Self>, name: &Py<PyStr>, vm: &VirtualMachine) -> PyResult {
            let changes = control::changes();
            if let Some(value) = zelf.kept(name, changes) {
                return Ok(value);
            }
            if let Some(value) = zelf.as_object().generic_getattr_opt(name, None, vm)? {
                return Ok(value);
            }
            let value = vm.call_method(zelf.as_object(), "find_name", (name.to_owned(),))?;
            if native::is_function(&value) {
                zelf.keep(name, &value, changes);
            }
            Ok(value)
        }
    }
}
