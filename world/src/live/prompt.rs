//! The Python module `_live_c`: the C session (c/) between python/c_prompt.py, the type table and the kernel.

pub(crate) use _live_c::module_def;

use super::c::cell::Cell;
use super::c::parse::Meaning;
use super::c::session::{Kind, Outside, Session, bare, preprocess_by_process};
use super::c::shape::Shape;
use super::control;
use super::names;
use super::types::{Enumeration, Field, Language, Record, Symbol, Tag, Type, TypeId, TypeTable, table};
use rustc_hash::FxHashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

static SESSION: LazyLock<Mutex<Session>> = LazyLock::new(|| Session::with_room(super::SESSION_ROOM).into());

/// The one session. Never run Python while the guard is held.
fn session() -> MutexGuard<'static, Session> {
    SESSION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Macros that are known without their header, because kernel code is full of them: (name, definition).
const MACROS: &[(&str, &str)] = &[
    ("NULL", "#define NULL ((void *)0)"),
    ("bool", "#define bool _Bool"),
    ("true", "#define true 1"),
    ("false", "#define false 0"),
    ("offsetof", "#define offsetof(type, field) ((unsigned long)&((type *)0)->field)"),
    ("container_of", "#define container_of(pointer, type, field) ((type *)((char *)(pointer) - (unsigned long)&((type *)0)->field))"),
];

/// Kernel and other languages, as the type table knows them.
struct World;

impl Outside for World {
    fn meaning(&self, name: &str) -> Meaning {
        let mut table = table();
        if table.typedef(name).is_some() {
            Meaning::Type
        } else if table.lookup(name).is_some() {
            Meaning::Value
        } else {
            Meaning::Unknown
        }
    }

    fn declare(&self, names: &[String], fields: &[String], known: &dyn Fn(&str) -> bool) -> String {
        let asked: FxHashSet<&str> = names.iter().map(|name| bare(name)).collect();
        let macros: Vec<_> = MACROS.iter().filter(|(name, _)| asked.contains(name)).collect();
        let text: String = macros.iter().filter(|(name, _)| !known(name)).map(|(_, definition)| format!("{definition}\n")).collect();
        let without = |name: &str| known(name) || macros.iter().any(|(own, _)| *own == name);
        text + &table().declare_with_fields(&asked, &fields.iter().map(String::as_str).collect(), &without)
    }

    fn preprocess(&self, includes: &str) -> Result<String, String> {
        preprocess_by_process(includes)
    }
}

/// Tells the type table what a cell defines. `modules`: ids of the module of its object.
fn register(cell: &Cell, module: u64) {
    let mut table = table();
    for shape in &cell.shapes {
        declare_tag(&mut table, shape);
    }
    for shape in &cell.shapes {
        fill_tag(&mut table, shape);
    }
    for definition in &cell.definitions {
        let Some(name) = definition.names.first() else { continue };
        let is_typedef = definition.kind == Kind::Type && definition.declaration.starts_with("typedef ");
        if !is_typedef && !matches!(definition.kind, Kind::Function | Kind::Variable) {
            continue;
        }
        // The declaration of a function has the parameters' names, if it can be read as a type.
        let named = match definition.kind {
            Kind::Function => names::parse(&mut table, definition.declaration.trim_end_matches(';')),
            _ => None,
        };
        let named = named.filter(|id| matches!(table.get(*id), Type::Function { .. }));
        let Some(ty) = named.or_else(|| names::parse(&mut table, &definition.type_text)) else { continue };
        if is_typedef {
            table.define_typedef(name, ty);
            continue;
        }
        let function = definition.kind == Kind::Function;
        let file = cell.file.as_str().into();
        table.define(Symbol { name: name.as_str().into(), ty, function, local: false, language: Language::C, file, line: 0, module });
    }
}

fn split_tag(tag: &str) -> Option<(Tag, &str)> {
    let (keyword, name) = tag.split_once(' ')?;
    let tag = match keyword {
        "struct" => Tag::Struct,
        "union" => Tag::Union,
        _ => Tag::Enum,
    };
    Some((tag, name))
}

/// A new type for the tag, so that others can point to it.
fn declare_tag(table: &mut TypeTable, shape: &Shape) {
    let Some((tag, name)) = split_tag(&shape.tag) else { return };
    let id = if tag == Tag::Enum {
        let values = shape.constants.iter().map(|(name, value)| (name.as_str().into(), i128::from(*value))).collect();
        table.make_enum(Enumeration { name: (!name.is_empty()).then(|| name.into()), size: 4, signed: true, values })
    } else {
        let (size, align) = (shape.size, shape.align);
        table.make_record(Record { tag, name: Some(name.into()), size, align, complete: true, packed: align == 1 && size > 1, fields: Vec::new() })
    };
    table.define_tag(tag, name, id);
}

fn fill_tag(table: &mut TypeTable, shape: &Shape) {
    let Some((tag, name)) = split_tag(&shape.tag).filter(|(tag, _)| *tag != Tag::Enum) else { return };
    let Some(id) = table.tag(tag, name) else { return };
    let unknown = table.make(Type::Void);
    let fields = shape.fields.iter().map(|field| {
        let ty: TypeId = names::parse(table, &field.type_text).unwrap_or(unknown);
        Field { name: Some(field.name.as_str().into()), ty, offset: field.offset, bits: field.bits }
    });
    let fields: Vec<Field> = fields.collect();
    if let Some(record) = table.record_mut(id) {
        record.fields = fields;
    }
}

/// The value at an address as the prompt shows it: "(int) 42".
fn show(type_text: &str, address: u64) -> String {
    let mut table = table();
    // The compiler says () where there are no parameters; names that only we gave are not shown.
    let words = type_text.replace("()", "(void)");
    let shown = words.split(' ').filter(|word| !word.starts_with("__anonymous_")).collect::<Vec<_>>().join(" ");
    let Some(id) = names::parse(&mut table, type_text) else {
        return format!("({shown}) at {address:#x}");
    };
    if matches!(table.get(table.strip(id)), Type::Function { .. }) {
        return format!("({shown}) {{{address:#x}{}}}", super::values::place_of(address));
    }
    let mut bytes = vec![0u8; table.size_of(id).min(1 << 20) as usize];
    if control::peek(address, &mut bytes).is_err() {
        return format!("({shown}) at {address:#x}, where nothing is mapped");
    }
    format!("({shown}) {}", table.format_value(id, &bytes))
}

#[rustpython_vm::pymodule]
mod _live_c {
    use super::{PoisonError, World, control, register, session};
    use crate::live::c::cell::{self, Cell, Diagnostic, Flags};
    use crate::live::c::parse;
    use crate::live::c::session::{Definition, Kind};
    use crate::live::types::{Language, Type, table};
    use crate::live::{call, load, names, values};
    use crate::{comfort, kept_file};
    use rustpython_vm::{
        AsObject, Py, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, builtins::{PyBaseException, PyStr}, convert::ToPyObject, pyclass,
        types::{GetAttr, Representable},
    };
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, MutexGuard};

    /// Prepared and not linked yet. c_prompt.py has one cell at a time in work.
    static PREPARED: Mutex<Option<Cell>> = Mutex::new(None);

    fn prepared() -> MutexGuard<'static, Option<Cell>> {
        PREPARED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the text make sense as it is, or does more belong to it?
    #[pyfunction]
    fn is_complete(text: String) -> bool {
        parse::is_complete(&text)
    }

    fn place(found: &Diagnostic, vm: &VirtualMachine) -> PyObjectRef {
        vm.new_tuple((found.file.clone(), found.line, found.column, found.message.clone(), found.source_line.clone())).into()
    }

    fn strings(texts: &[String], vm: &VirtualMachine) -> PyObjectRef {
        vm.ctx.new_list(texts.iter().map(|text| text.clone().to_pyobject(vm)).collect()).into()
    }

    fn used(found: &Definition) -> Vec<String> {
        found.uses.iter().map(|(name, _)| name.clone()).collect()
    }

    fn describe(found: &Definition, vm: &VirtualMachine) -> PyObjectRef {
        let texts = [found.kind.name().to_owned(), found.source.clone(), found.type_text.clone(), found.declaration.clone()];
        let [kind, source, type_text, declaration] = texts;
        vm.new_tuple((strings(&found.names, vm), kind, source, type_text, declaration, strings(&used(found), vm))).into()
    }

    /// Compiles a cell; `file` is its name in messages, "": its number. A dict: "error" (file, line, column, message, source line), or "number", "object", "statements" (bytes or
    /// None), "entry", "type", "keeps", "warnings", "definitions" (names, kind, source, type, declaration, uses). It counts once
    /// commit() was called.
    #[pyfunction]
    fn prepare(text: String, no_sse: bool, file: String, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
        let result = cell::prepare(&session(), &text, &World, Flags { no_sse, file: &file });
        let answer = vm.ctx.new_dict();
        let cell = match result {
            Ok(cell) => cell,
            Err(error) => {
                answer.set_item("error", place(&error, vm), vm)?;
                return Ok(answer.into());
            }
        };
        let bytes = |object: &Option<Vec<u8>>| object.as_ref().map_or_else(|| vm.ctx.none(), |object| vm.ctx.new_bytes(object.clone()).into());
        answer.set_item("number", cell.number.to_pyobject(vm), vm)?;
        answer.set_item("object", bytes(&cell.object), vm)?;
        answer.set_item("statements", bytes(&cell.statements), vm)?;
        answer.set_item("entry", cell.entry.clone().to_pyobject(vm), vm)?;
        answer.set_item("type", cell.value_type.clone().to_pyobject(vm), vm)?;
        answer.set_item("keeps", cell.keeps.to_pyobject(vm), vm)?;
        answer.set_item("warnings", vm.ctx.new_list(cell.warnings.iter().map(|one| place(one, vm)).collect()).into(), vm)?;
        answer.set_item("definitions", vm.ctx.new_list(cell.definitions.iter().map(|one| describe(one, vm)).collect()).into(), vm)?;
        *prepared() = Some(cell);
        Ok(answer.into())
    }

    /// The cell that was prepared last is linked as a module (0: it has no object): its definitions count. ValueError: it is
    /// another one.
    #[pyfunction]
    fn commit(number: u64, module: u64, vm: &VirtualMachine) -> PyResult<()> {
        let Some(cell) = prepared().take().filter(|cell| cell.number == number) else {
            return Err(vm.new_value_error("another cell was prepared since"));
        };
        session().commit(&cell);
        register(&cell, module);
        Ok(())
    }

    /// One enter() at a time: what a cell means depends on the one before.
    static ENTERING: Mutex<()> = Mutex::new(());

    fn wait_to_enter(vm: &VirtualMachine) -> MutexGuard<'static, ()> {
        match ENTERING.try_lock() {
            Ok(guard) => guard,
            Err(_) => vm.allow_threads(|| ENTERING.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Compiles a cell, links it, and its definitions count; `keep`: they are to last. (None, a Cell), or the error as in prepare(), or as a
    /// text why it cannot be linked, and None.
    #[pyfunction]
    fn enter(text: String, file: String, keep: bool, vm: &VirtualMachine) -> PyResult<(PyObjectRef, Option<PyRef<Entered>>)> {
        need_helpers(vm)?;
        Ok(match enter_cell(&text, &file, keep, vm) {
            Ok(entered) => (vm.ctx.none(), Some(entered.into_ref(&vm.ctx))),
            Err(error) => (error, None),
        })
    }

    fn enter_cell(text: &str, file: &str, keep: bool, vm: &VirtualMachine) -> Result<Entered, PyObjectRef> {
        let _entering = wait_to_enter(vm);
        let cell = cell::prepare(&session(), text, &World, Flags { no_sse: false, file }).map_err(|error| place(&error, vm))?;
        let linked = link(&cell).map_err(|refused| refused.message.to_pyobject(vm))?;
        session().commit(&cell);
        register(&cell, linked.definitions);
        let Cell { definitions, warnings, value_type, keeps, .. } = cell;
        let kept = if keep { keep_new(&definitions, vm) } else { definitions.len() };
        Ok(Entered { definitions, kept, warnings, value_type, keeps, linked })
    }

    /// Keeps definitions whose names are new, up to the first that is not one: how many.
    fn keep_new(definitions: &[Arc<Definition>], vm: &VirtualMachine) -> usize {
        let sources = kept_file::sources(vm);
        let keep = |one: &Arc<Definition>| {
            let source = vm.ctx.new_str(one.source.as_str());
            one.names.iter().all(|name| sources.set_item(name.as_str(), source.clone().into(), vm).is_ok())
                && matches!(kept_file::record_new("c", &one.source, &one.names, &used(one)), Ok(true)) // an error comes again when kept.py tries
        };
        definitions.iter().take_while(|one| keep(one)).count()
    }

    /// What the compiler's code calls itself: _c_prompt._load_helpers(), once.
    fn need_helpers(vm: &VirtualMachine) -> PyResult<()> {
        static ARE_LOADED: AtomicBool = AtomicBool::new(false);
        if !ARE_LOADED.load(Ordering::Relaxed) {
            comfort::call_in(vm, "_c_prompt", "_load_helpers", ())?;
            ARE_LOADED.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// c(source): compiles C into the running kernel and runs its statements
    ///
    /// The value of a last expression without a semicolon: numbers as Python's, pointers, structures and arrays as views. A source
    /// that only defines something gives an object with its functions and variables as attributes; they are names of
    /// polyglot.live, too. CompileError: the source is refused. LinkError: names are missing. KernelFault: it failed.
    #[pyfunction]
    fn c(source: String, vm: &VirtualMachine) -> PyResult {
        let prompt = |name: &str, argument: PyObjectRef| comfort::call_in(vm, "_c_prompt", name, vec![argument]);
        need_helpers(vm)?;
        let entered = match enter_cell(&source, "", true, vm) {
            Ok(entered) => entered.into_ref(&vm.ctx),
            Err(error) => return prompt("_refusal", error)?.downcast::<PyBaseException>().map_or_else(Ok, Err),
        };
        if Entered::is_unfinished(&entered) {
            prompt("_finish", entered.clone().into())?;
        }
        let value = entered.run_viewed(vm, |ty, address| {
            comfort::call_in(vm, "_c_prompt", "_view", vec![ty.to_pyobject(vm), address.to_pyobject(vm)])
        })?;
        let is_defined = !entered.definitions.is_empty() && matches!(entered.value_type.as_str(), "" | "void");
        Ok(if is_defined { Defined { cell: entered }.into_ref(&vm.ctx).into() } else { value })
    }

    /// What a source defined: its functions and variables are attributes, as in polyglot.live.
    #[pyattr]
    #[pyclass(name = "Defined", module = "polyglot")]
    #[derive(Debug, PyPayload)]
    struct Defined {
        cell: PyRef<Entered>,
    }

    #[pyclass(with(GetAttr, Representable))]
    impl Defined {
        #[pymethod]
        fn __dir__(zelf: &Py<Self>, vm: &VirtualMachine) -> Vec<PyObjectRef> {
            zelf.names().map(|name| name.to_pyobject(vm)).collect()
        }
    }

    impl Defined {
        /// Those that can be attributes: "struct x" and #include lines cannot.
        fn names(&self) -> impl Iterator<Item = &String> {
            let is_plain = |name: &&String| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            self.cell.definitions.iter().flat_map(|one| &one.names).filter(is_plain)
        }
    }

    impl GetAttr for Defined {
        fn getattro(zelf: &Py<Self>, name: &Py<PyStr>, vm: &VirtualMachine) -> PyResult {
            let wanted = name.to_string_lossy();
            if zelf.names().any(|own| *own == wanted) {
                return vm.import("_livelayer", 0)?.get_attr("live", vm)?.get_item(name, vm);
            }
            match zelf.as_object().generic_getattr_opt(name, None, vm)? {
                Some(value) => Ok(value),
                None => Err(vm.new_attribute_error(format!("this source defines no '{name}'"))),
            }
        }
    }

    impl Representable for Defined {
        fn repr_str(zelf: &Py<Self>, _: &VirtualMachine) -> PyResult<String> {
            let text = |one: &Arc<Definition>| if one.declaration.is_empty() { one.source.clone() } else { one.declaration.clone() };
            Ok(zelf.cell.definitions.iter().map(text).collect::<Vec<_>>().join("\n"))
        }
    }

    /// A cell that is linked and counts: `definitions` and `warnings` as in prepare(), `type` of its value.
    #[pyattr]
    #[pyclass(name = "Cell", module = "_live_c")]
    #[derive(Debug, PyPayload)]
    struct Entered {
        definitions: Vec<Arc<Definition>>,
        /// How many of them, from the first on, need not be kept, or are.
        kept: usize,
        warnings: Vec<Diagnostic>,
        value_type: String,
        keeps: bool,
        linked: Linked,
    }

    #[pyclass]
    impl Entered {
        #[pygetset]
        fn definitions(zelf: &Py<Self>, vm: &VirtualMachine) -> Vec<PyObjectRef> {
            zelf.definitions.iter().map(|one| describe(one, vm)).collect()
        }

        /// Is there anything to show or to keep still: warnings, unkept?
        #[pygetset]
        fn is_unfinished(zelf: &Py<Self>) -> bool {
            !zelf.warnings.is_empty() || zelf.kept < zelf.definitions.len()
        }

        /// What is to be kept of it still: (names, source, uses) each.
        #[pygetset]
        fn unkept(zelf: &Py<Self>, vm: &VirtualMachine) -> Vec<PyObjectRef> {
            let entry = |one: &Arc<Definition>| vm.new_tuple((strings(&one.names, vm), one.source.clone(), strings(&used(one), vm))).into();
            zelf.definitions[zelf.kept..].iter().map(entry).collect()
        }

        #[pygetset]
        fn warnings(zelf: &Py<Self>, vm: &VirtualMachine) -> Vec<PyObjectRef> {
            zelf.warnings.iter().map(|one| place(one, vm)).collect()
        }

        #[pygetset(name = "type")]
        fn value_type(zelf: &Py<Self>) -> String {
            zelf.value_type.clone()
        }

        /// run(view) -> the value of the statements, None if they have none. What is no number is view(type, address), which is
        /// called while its memory is there. KernelFault.
        #[pymethod]
        fn run(zelf: &Py<Self>, view: PyObjectRef, vm: &VirtualMachine) -> PyResult {
            zelf.run_viewed(vm, |ty, address| view.call((ty, address), vm))
        }

        /// The same, as the prompt shows the value: "(int) 42".
        #[pymethod]
        fn show(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.run_with(vm, |address| Ok(super::show(&zelf.value_type, address).to_pyobject(vm)))
        }
    }

    impl Entered {
        /// run(): what is no number is `view` of its type and address.
        fn run_viewed(&self, vm: &VirtualMachine, view: impl Fn(String, u64) -> PyResult) -> PyResult {
            self.run_with(vm, |address| match number(&self.value_type, address, vm) {
                Some(value) => Ok(value),
                None => view(self.value_type.clone(), address),
            })
        }

        /// Runs the statements as one guarded call; `value` of their address; then they go, unless they keep data.
        fn run_with(&self, vm: &VirtualMachine, value: impl Fn(u64) -> PyResult) -> PyResult {
            let Linked { statements, address, calls, .. } = self.linked;
            if statements == 0 {
                return Ok(vm.ctx.none());
            }
            if calls {
                crate::shell::flush(vm); // it may write behind Python's buffers
            }
            let result = call::call_address(address, vm).and_then(|address| match self.value_type.as_str() {
                "" | "void" => Ok(vm.ctx.none()),
                _ => value(address),
            });
            if !self.keeps {
                let _ = load::unload(statements, false); // refused while a callback of it runs: it stays then
            }
            result
        }
    }

    /// Ids of modules, 0: there is none; `calls`: the statements use something outside of themselves.
    #[derive(Debug, Default)]
    struct Linked {
        definitions: u64,
        statements: u64,
        address: u64,
        calls: bool,
    }

    fn link(cell: &Cell) -> Result<Linked, load::Refused> {
        let mut linked = Linked::default();
        if let Some(object) = &cell.object {
            linked.definitions = load::load(object, &cell.file, Language::C, &load::Options::default())?.module;
        }
        if let Some(object) = &cell.statements {
            // Named by the statements, so that a link error of these leaves the definitions out of the session, too.
            let options = load::Options { only: cell.entry.clone(), flags: control::LOAD_PASSING, ..Default::default() };
            let loaded = load::load(object, &cell.file, Language::C, &options)?;
            (linked.statements, linked.address, linked.calls) = (loaded.module, loaded.only_address, loaded.calls);
            if linked.address == 0 {
                linked.address = control::lookup(&cell.entry).map_or(0, |found| found.address);
            }
        }
        Ok(linked)
    }

    /// The number of a type (as the compiler spells it) at an address.
    fn number(type_text: &str, address: u64, vm: &VirtualMachine) -> Option<PyObjectRef> {
        let mut table = table();
        let id = names::parse(&mut table, type_text).map(|id| table.strip(id))?;
        let mut bytes = [0u8; 16];
        let size = table.size_of(id) as usize;
        if size > bytes.len() || control::peek(address, &mut bytes[..size]).is_err() {
            return None;
        }
        match table.get(id) {
            Type::Bool => Some((bytes[0] != 0).to_pyobject(vm)),
            Type::Int { size, signed, .. } => Some(values::read_int(&bytes, *size, *signed).to_pyobject(vm)),
            Type::Float { size, .. } => Some(values::read_float(&bytes, *size).to_pyobject(vm)),
            _ => None,
        }
    }

    /// All definitions in their order, as in prepare().
    #[pyfunction]
    fn definitions(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        let all: Vec<Arc<Definition>> = session().all().cloned().collect();
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
        let is_name = |one: &&Arc<Definition>| one.kind != Kind::Include;
        let names: Vec<String> = session().all().filter(is_name).flat_map(|one| one.names.clone()).collect();
        names.into_iter().filter(|name| name.starts_with(&prefix)).map(|name| name.to_pyobject(vm)).collect()
    }

    /// The compiler's keywords.
    #[pyfunction]
    fn keywords(vm: &VirtualMachine) -> Vec<PyObjectRef> {
        crate::live::c::lex::KEYWORDS.iter().map(|word| word.to_pyobject(vm)).collect()
    }
}
