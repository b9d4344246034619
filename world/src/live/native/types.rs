//! `_live`: types by name and number, their fields and declarations, and values of them as bytes and text.

use rustpython_vm::pymodule;

#[pymodule(sub, name = "_live")]
pub(super) mod _live_types {
    use super::super::{check, language_name, tuple};
    use crate::live::{
        self,
        types::{Language, Tag, Type, TypeId, TypeTable, table},
        values,
    };
    use rustpython_vm::{
        PyObjectRef, PyResult, VirtualMachine,
        builtins::PyStrRef,
        convert::ToPyObject,
        function::{ArgBytesLike, OptionalArg},
    };
    use rustc_hash::FxHashSet;

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
        live::names::parse(&mut table(), &name.to_string()).map(|id| id.0)
    }

    /// Gives a function or variable the type of a declaration, "int add(int a, int b)". Its name; None: it is no declaration.
    #[pyfunction]
    fn type_declared(declaration: PyStrRef) -> Option<String> {
        let text = declaration.to_string();
        let mut table = table();
        let ty = live::names::parse(&mut table, &text)?;
        let name = live::names::declared_name(&mut table, &text)?;
        let function = matches!(table.get(table.strip(ty)), Type::Function { .. });
        table.define(live::types::Symbol {
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
        let names = live::names::define_c(&mut table(), &text.to_string(), module).map_err(|why| vm.new_value_error(why))?;
        Ok(names.into_iter().map(|name| name.to_pyobject(vm)).collect())
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
        table().declare(&names.iter().map(String::as_str).collect::<FxHashSet<&str>>(), &without.iter().map(String::as_str).collect())
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
            (live::convert::Parameter::new(&table, Some(&what.to_string()), id), table.size_of(id) as usize)
        };
        let words = parameter.bytes("assignment", &object, &mut live::convert::Held::default(), vm)?;
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
}
