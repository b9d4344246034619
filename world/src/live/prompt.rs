//! The Python module `_live_c`: the C session (c/), as python/c_prompt.py uses it.

pub(crate) use _live_c::module_def;

use super::c::session::Session;
use std::sync::{LazyLock, Mutex, MutexGuard};

static SESSION: LazyLock<Mutex<Session>> = LazyLock::new(Default::default);

/// The one session. Never run Python while the guard is held.
pub fn session() -> MutexGuard<'static, Session> {
    SESSION.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[rustpython_vm::pymodule]
mod _live_c {
    use super::session;
    use crate::live::c::cell::{self, Cell, Diagnostic, Flags};
    use crate::live::c::session::{Alone, Definition, Kind};
    use crate::live::c::stabs::Lines;
    use crate::live::c::parse;
    use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine, convert::ToPyObject};
    use std::sync::Mutex;

    /// Prepared and not linked yet: the newest one only, for each thread prepares and commits under the prompt's lock.
    static PREPARED: Mutex<Option<Cell>> = Mutex::new(None);
    /// Lines of all functions that were linked, newest last.
    static LINES: Mutex<Vec<Lines>> = Mutex::new(Vec::new());

    fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Does the text make sense as it is, or does more belong to it?
    #[pyfunction]
    fn is_complete(text: String) -> bool {
        parse::is_complete(&text)
    }

    fn place(found: &Diagnostic, vm: &VirtualMachine) -> PyObjectRef {
        vm.new_tuple((found.file.clone(), found.line, found.column, found.message.clone(), found.source_line.clone())).into()
    }

    fn describe(found: &Definition, vm: &VirtualMachine) -> PyObjectRef {
        let names: Vec<PyObjectRef> = found.names.iter().map(|name| name.to_pyobject(vm)).collect();
        let uses: Vec<PyObjectRef> = found.uses.iter().map(|(name, _)| name.to_pyobject(vm)).collect();
        vm.new_tuple((
            vm.ctx.new_list(names),
            found.kind.name().to_owned(),
            found.source.clone(),
            found.type_text.clone(),
            found.declaration.clone(),
            vm.ctx.new_list(uses),
        ))
        .into()
    }

    /// Compiles a cell. A dict: "error" (file, line, column, message, source line), or "number", "object", "statements" (bytes or
    /// None), "entry", "type", "keeps", "warnings", "definitions" (names, kind, source, type, declaration, uses). It counts once
    /// commit() was called.
    #[pyfunction]
    fn prepare(text: String, no_sse: bool, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let prepared = cell::prepare(&session(), &text, &Alone, Flags { no_sse });
        let answer = vm.ctx.new_dict();
        let mut cell = match prepared {
            Ok(cell) => cell,
            Err(error) => {
                answer.set_item("error", place(&error, vm), vm)?;
                return Ok(answer.into());
            }
        };
        let bytes = |object: Option<Vec<u8>>| object.map_or_else(|| vm.ctx.none(), |object| vm.ctx.new_bytes(object).into());
        answer.set_item("number", cell.number.to_pyobject(vm), vm)?;
        answer.set_item("object", bytes(cell.object.take()), vm)?;
        answer.set_item("statements", bytes(cell.statements.take()), vm)?;
        answer.set_item("entry", cell.entry.clone().to_pyobject(vm), vm)?;
        answer.set_item("type", cell.value_type.clone().to_pyobject(vm), vm)?;
        answer.set_item("keeps", cell.keeps.to_pyobject(vm), vm)?;
        answer.set_item("warnings", vm.ctx.new_list(cell.warnings.iter().map(|one| place(one, vm)).collect()).into(), vm)?;
        answer.set_item("definitions", vm.ctx.new_list(cell.definitions.iter().map(|one| describe(one, vm)).collect()).into(), vm)?;
        *lock(&PREPARED) = Some(cell);
        Ok(answer.into())
    }

    /// The cell that was prepared last is linked: its definitions count. ValueError: it is another one.
    #[pyfunction]
    fn commit(number: u64, vm: &VirtualMachine) -> PyResult<()> {
        let Some(cell) = lock(&PREPARED).take().filter(|cell| cell.number == number) else {
            return Err(vm.new_value_error("another cell was prepared since"));
        };
        session().commit(&cell);
        lock(&LINES).extend(cell.lines);
        Ok(())
    }

    /// All definitions in their order, as in prepare().
    #[pyfunction]
    fn definitions(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let all: Vec<Definition> = session().all().cloned().collect();
        all.iter().map(|one| describe(one, vm)).collect()
    }

    /// The definition of a name ("struct x" for tags), or None.
    #[pyfunction]
    fn find(name: String, vm: &VirtualMachine) -> Option<PyObjectRef> {
        let found = session().find(&name).cloned();
        found.map(|one| describe(&one, vm))
    }

    /// False: there is no such name.
    #[pyfunction]
    fn forget(name: String) -> bool {
        session().forget(&name)
    }

    /// Names of the session that begin so.
    #[pyfunction]
    fn names(prefix: String, vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let is_name = |one: &&Definition| one.kind != Kind::Include;
        let names: Vec<String> = session().all().filter(is_name).flat_map(|one| one.names.clone()).collect();
        names.into_iter().filter(|name| name.starts_with(&prefix)).map(|name| name.to_pyobject(vm)).collect()
    }

    /// (file, line) of an offset into a function that was typed in C, or None.
    #[pyfunction]
    fn line(function: String, offset: u32) -> Option<(String, u32)> {
        let lines = lock(&LINES);
        let found = lines.iter().rfind(|lines| lines.function == function)?;
        Some((found.file.clone(), found.line_at(offset)?))
    }
}
