//! `_live`: functions of the kernel and of live modules as objects that are called, and Python functions that live code calls.

use rustpython_vm::pymodule;

#[pymodule(sub, name = "_live")]
pub(super) mod _live_functions {
    use super::super::{check, hook};
    use crate::live::{
        self,
        call::Plan,
        callback::Callback,
        types::{Language, TypeId, table},
    };
    use rustpython_vm::{
        Py, PyObject, PyObjectRef, PyPayload, PyResult, VirtualMachine, pyclass,
        builtins::{PyBaseExceptionRef, PyStrRef},
        function::FuncArgs,
        types::{Callable, Representable},
    };
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Makes a Python function callable by live code under a name, with a function's type. Its address. TypeError, OSError.
    #[pyfunction]
    fn export(name: PyStrRef, id: u32, function: PyObjectRef, vm: &VirtualMachine) -> PyResult<u64> {
        let ty = {
            let table = table();
            check(id, &table, vm)?
        };
        let callback = Callback::new(&name.to_string(), ty, vm)?;
        callback.set(Some(function));
        table().define(live::types::Symbol {
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
            hook("document", vm)?.call((zelf.name.clone(), zelf.address), vm)
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
