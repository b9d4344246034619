//! Python objects as arguments of C functions, and results as Python objects.
//!
//! Everything is checked before the call: ranges (OverflowError), kinds (TypeError), lengths and items of buffers (TypeError). A bytearray,
//! memoryview or array is passed where it lies; so are bytes where the function promises `const`, else it gets a copy, for bytes never change.
//! str is a copy in UTF-8 with its NUL, and so are bytes for `char *`. Objects of python/live.py and of ctypes are asked by the hook `pointer`.

use super::callback;
use super::native::hook;
use super::types::{Type, TypeId, TypeTable};
use super::values;
use rustpython_vm::{
    AsObject, PyObjectRef, PyResult, TryFromObject, VirtualMachine,
    builtins::{PyBaseExceptionRef, PyBytes, PyFloat, PyInt, PyStr},
    convert::ToPyObject,
    protocol::{BufferFlags, PyBuffer},
};

/// What must live until the call is back. Most calls have nothing.
#[derive(Default)]
pub struct Held(Option<Box<Things>>);

#[derive(Default)]
struct Things {
    buffers: Vec<PyBuffer>,
    copies: Vec<Vec<u8>>,
    objects: Vec<PyObjectRef>,
    callbacks: Vec<callback::Borrowed>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Void,
    Bool,
    Int { size: u32, signed: bool },
    Float(u32),
    Pointer { to: TypeId, size: u64, is_const: bool, is_char: bool, pointee: Pointee },
    Record,
}

/// What a pointer points to, as far as the items of a buffer must fit it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pointee {
    Void,
    Function,
    /// Integers, enumerations, pointers: their size.
    Int(u64),
    Float(u64),
    Record,
}

impl Pointee {
    fn new(table: &TypeTable, ty: TypeId) -> Self {
        let id = table.strip(ty);
        match table.get(id) {
            Type::Void => Self::Void,
            Type::Function { .. } => Self::Function,
            Type::Float { size, .. } => Self::Float(u64::from(*size)),
            Type::Array { of, .. } => Self::new(table, *of),
            Type::Record(_) => Self::Record,
            _ => Self::Int(table.size_of(id)),
        }
    }

    /// Are the items of a buffer (a format of the struct module) such values, or plain bytes, which may be anything? Bytes may be read from anything, too.
    fn takes(self, format: &str, size: usize) -> bool {
        let format = format.trim_start_matches(['@', '=', '<']);
        let is_bytes = size == 1 && matches!(format, "B" | "b" | "c");
        match self {
            Self::Function => false,
            Self::Void | Self::Int(1) => true,
            Self::Int(wanted) => is_bytes || (wanted == size as u64 && matches!(format, "h" | "H" | "i" | "I" | "u" | "w" | "l" | "L" | "q" | "Q" | "n" | "N" | "P")),
            Self::Float(wanted) => is_bytes || (wanted == size as u64 && matches!(format, "f" | "d" | "g")),
            Self::Record => is_bytes || format.len() > 1,
        }
    }
}

/// How an argument is converted.
pub struct Parameter {
    kind: Kind,
    ty: TypeId,
    size: usize,
    /// "int count", for messages.
    pub spelled: String,
}

/// How a result is converted.
pub struct Resulting {
    kind: Kind,
    ty: TypeId,
    pub size: usize,
}

fn kind_of(table: &TypeTable, ty: TypeId) -> Kind {
    let id = table.strip(ty);
    match table.get(id) {
        Type::Void => Kind::Void,
        Type::Bool => Kind::Bool,
        Type::Int { size, signed, .. } => Kind::Int { size: *size, signed: *signed },
        Type::Enum(_) => {
            let found = table.enumeration(id).expect("an enumeration");
            Kind::Int { size: found.size, signed: found.signed }
        }
        Type::Float { size, .. } => Kind::Float(*size),
        Type::Pointer(to) | Type::Array { of: to, .. } => {
            let mut qualified = *to;
            while let Type::Typedef { of, .. } = table.get(qualified) {
                qualified = *of;
            }
            let inner = table.strip(*to);
            Kind::Pointer {
                to: *to,
                size: table.size_of(*to),
                is_const: matches!(table.get(qualified), Type::Const(_)),
                is_char: matches!(table.get(inner), Type::Int { name, size: 1, .. } if name.contains("char")),
                pointee: Pointee::new(table, inner),
            }
        }
        Type::Function { .. } => Kind::Pointer { to: id, size: 0, is_const: false, is_char: false, pointee: Pointee::Function },
        Type::Record(_) => Kind::Record,
        Type::Typedef { .. } | Type::Const(_) | Type::Volatile(_) => unreachable!("stripped"),
    }
}

impl Parameter {
    pub fn new(table: &TypeTable, name: Option<&str>, ty: TypeId) -> Self {
        let kind = kind_of(table, ty);
        let size = if matches!(kind, Kind::Pointer { .. }) { 8 } else { table.size_of(ty) as usize };
        Self { kind, ty, size, spelled: table.spell_declaration(ty, name.unwrap_or("")) }
    }

    /// Does it go through one integer register?
    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Bool | Kind::Pointer { .. } | Kind::Int { size: 1..=8, .. })
    }

    /// The word for a register. `name`: of the function, for messages.
    #[inline]
    pub fn word(&self, name: &str, object: &PyObjectRef, held: &mut Held, vm: &VirtualMachine) -> PyResult<u64> {
        match self.kind {
            Kind::Int { size, signed } => match object.downcast_ref_if_exact::<PyInt>(vm) {
                Some(int) => self.int(name, int, size, signed, vm),
                None => {
                    let plain = plain(object, vm)?;
                    let index = plain.try_index(vm).map_err(|_| self.wrong(name, "an int", object, vm))?;
                    self.int(name, &index, size, signed, vm)
                }
            },
            Kind::Bool => {
                let index = plain(object, vm)?.try_index(vm).map_err(|_| self.wrong(name, "a bool", object, vm))?;
                Ok(i64::try_from(index.as_bigint()).map_or(1, |value| u64::from(value != 0)))
            }
            Kind::Pointer { .. } => self.pointer(name, object, held, vm),
            Kind::Void | Kind::Float(_) | Kind::Record => unreachable!("not passed in a word"),
        }
    }

    #[inline]
    fn int(&self, name: &str, int: &PyInt, size: u32, signed: bool, vm: &VirtualMachine) -> PyResult<u64> {
        let bits = size * 8;
        if let Ok(value) = i64::try_from(int.as_bigint()) {
            let fits = if signed { bits >= 64 || (value >> (bits - 1)) == value >> 63 } else { value >= 0 && (bits >= 64 || value >> bits == 0) };
            if fits {
                return Ok(value as u64);
            }
        } else if !signed
            && bits == 64
            && let Ok(value) = u64::try_from(int.as_bigint())
        {
            return Ok(value);
        }
        let (low, high) = if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
        Err(vm.new_overflow_error(format!("{name}(): {} takes {low} to {high}, not {}", self.spelled, int.as_bigint())))
    }

    fn pointer(&self, name: &str, object: &PyObjectRef, held: &mut Held, vm: &VirtualMachine) -> PyResult<u64> {
        let Kind::Pointer { to, size, is_const, is_char, pointee } = self.kind else { unreachable!("a pointer") };
        if vm.is_none(object) {
            return Ok(0);
        }
        if let Some(int) = object.downcast_ref_if_exact::<PyInt>(vm) {
            return u64::try_from(int.as_bigint())
                .map_err(|_| vm.new_overflow_error(format!("{name}(): {} takes addresses of 64 bits", self.spelled)));
        }
        if let Some(text) = object.downcast_ref::<PyStr>() {
            if !(is_char || pointee == Pointee::Void) {
                return Err(self.wrong(name, "a buffer or an object of that type", object, vm));
            }
            let text = text.to_string();
            if text.contains('\0') {
                return Err(vm.new_value_error(format!("{name}(): {}: a str with a NUL would be cut: pass bytes", self.spelled)));
            }
            return Ok(held.copy(text.as_bytes()));
        }
        if let Some(bytes) = object.downcast_ref::<PyBytes>()
            && pointee != Pointee::Function
        {
            self.long_enough(name, bytes.as_bytes().len(), size, vm)?;
            if is_char || !is_const {
                return Ok(held.copy(bytes.as_bytes()));
            }
        }
        if pointee == Pointee::Function && object.is_callable() && !super::native::is_function(object) {
            let known = hook("pointer", vm)?.call((object.clone(), to.0, self.spelled.clone(), name), vm)?;
            if vm.is_none(&known) {
                let borrowed = callback::borrow(object.clone(), to, vm)?;
                let address = borrowed.address();
                held.things().callbacks.push(borrowed);
                return Ok(address);
            }
            held.things().objects.push(object.clone());
            return u64::try_from_object(vm, known);
        }
        // Objects of ours and of ctypes know best what they are.
        let known = hook("pointer", vm)?.call((object.clone(), to.0, self.spelled.clone(), name), vm)?;
        if !vm.is_none(&known) {
            held.things().objects.push(object.clone());
            return u64::try_from_object(vm, known);
        }
        if pointee == Pointee::Function {
            return Err(self.wrong(name, "a function", object, vm));
        }
        let buffer = self.buffer(name, object, is_const, vm)?;
        if !pointee.takes(&buffer.desc.format, buffer.desc.itemsize) {
            let (format, bytes, class) = (&buffer.desc.format, buffer.desc.itemsize, object.class().name().to_string());
            return Err(vm.new_type_error(format!(
                "{name}(): {} cannot point to the items of this {class}, which are '{format}' of {bytes} bytes: memoryview(it).cast('B') passes its bytes as they are",
                self.spelled
            )));
        }
        let found = buffer.as_contiguous().map(|bytes| (bytes.as_ptr() as u64, bytes.len()));
        let Some((address, length)) = found else { return Err(self.wrong(name, "contiguous memory", object, vm)) };
        self.long_enough(name, length, size, vm)?;
        held.things().buffers.push(buffer);
        Ok(address)
    }

    /// The object's memory with what its items are; writable where the function does not promise `const`.
    fn buffer(&self, name: &str, object: &PyObjectRef, is_const: bool, vm: &VirtualMachine) -> PyResult<PyBuffer> {
        if is_const {
            return PyBuffer::from_object(vm, object, BufferFlags::RECORDS_RO).map_err(|_| self.wrong(name, "a buffer", object, vm));
        }
        PyBuffer::from_object(vm, object, BufferFlags::RECORDS).map_err(|_| match PyBuffer::from_object(vm, object, BufferFlags::RECORDS_RO) {
            Ok(_) => vm.new_type_error(format!(
                "{name}(): {} may be written, and this {} is read-only: pass a bytearray, or bytes(it), of which the function gets a copy",
                self.spelled,
                object.class().name()
            )),
            Err(_) => self.wrong(name, "a writable buffer", object, vm),
        })
    }

    fn long_enough(&self, name: &str, length: usize, size: u64, vm: &VirtualMachine) -> PyResult<()> {
        if (length as u64) < size && size > 1 {
            return Err(vm.new_type_error(format!("{name}(): {} points to {size} bytes, the buffer has {length}", self.spelled)));
        }
        Ok(())
    }

    /// The value as its bytes, for libffi; at least a word.
    pub fn bytes(&self, name: &str, object: &PyObjectRef, held: &mut Held, vm: &VirtualMachine) -> PyResult<Vec<u64>> {
        match self.kind {
            Kind::Float(size) => {
                let value = self.float(name, object, vm)?;
                Ok(vec![if size == 4 { u64::from((value as f32).to_bits()) } else { value.to_bits() }])
            }
            Kind::Record => {
                let bytes = hook("record", vm)?.call((object.clone(), self.ty.0, self.spelled.clone(), name), vm)?;
                let bytes: Vec<u8> = rustpython_vm::function::ArgBytesLike::try_from_object(vm, bytes)?.borrow_buf().to_vec();
                let mut words = vec![0u64; self.size.div_ceil(8).max(1)];
                for (word, part) in words.iter_mut().zip(bytes.chunks(8)) {
                    let mut raw = [0u8; 8];
                    raw[..part.len()].copy_from_slice(part);
                    *word = u64::from_le_bytes(raw);
                }
                Ok(words)
            }
            Kind::Void => Err(vm.new_type_error(format!("{name}(): {} has no value", self.spelled))),
            _ => Ok(vec![self.word(name, object, held, vm)?]),
        }
    }

    fn float(&self, name: &str, object: &PyObjectRef, vm: &VirtualMachine) -> PyResult<f64> {
        if let Some(float) = object.downcast_ref::<PyFloat>() {
            return Ok(float.to_f64());
        }
        let object = plain(object, vm)?;
        match object.try_float(vm) {
            Ok(float) if object.downcast_ref::<PyStr>().is_none() => Ok(float.to_f64()),
            Err(error) if error.fast_isinstance(vm.ctx.exceptions.overflow_error) => Err(error),
            _ => Err(self.wrong(name, "a float", &object, vm)),
        }
    }

    fn wrong(&self, name: &str, wanted: &str, object: &PyObjectRef, vm: &VirtualMachine) -> PyBaseExceptionRef {
        vm.new_type_error(format!("{name}(): {} must be {wanted}, not {}", self.spelled, object.class().name()))
    }
}

/// The number in a scalar of ctypes; other objects as they are.
fn plain(object: &PyObjectRef, vm: &VirtualMachine) -> PyResult<PyObjectRef> {
    if object.downcast_ref::<PyInt>().is_some() || object.downcast_ref::<PyFloat>().is_some() {
        return Ok(object.clone());
    }
    hook("scalar", vm)?.call((object.clone(),), vm)
}

impl Held {
    fn things(&mut self) -> &mut Things {
        self.0.get_or_insert_default()
    }

    /// A copy with a NUL behind it.
    fn copy(&mut self, bytes: &[u8]) -> u64 {
        let mut copy = Vec::with_capacity(bytes.len() + 1);
        copy.extend_from_slice(bytes);
        copy.push(0);
        let address = copy.as_ptr() as u64; // stays when the vector of vectors grows
        self.things().copies.push(copy);
        address
    }
}

impl Resulting {
    pub fn new(table: &TypeTable, ty: TypeId) -> Self {
        let kind = kind_of(table, ty);
        Self { kind, ty, size: if matches!(kind, Kind::Pointer { .. }) { 8 } else { table.size_of(ty) as usize } }
    }

    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Void | Kind::Bool | Kind::Pointer { .. } | Kind::Int { size: 1..=8, .. })
    }

    #[inline]
    pub fn object_of_word(&self, word: u64, vm: &VirtualMachine) -> PyResult {
        Ok(match self.kind {
            Kind::Void => vm.ctx.none(),
            Kind::Bool => vm.ctx.new_bool(word & 0xff != 0).into(),
            Kind::Int { size, signed } => {
                let unused = 64 - size * 8;
                if signed {
                    vm.ctx.new_int((word << unused) as i64 >> unused).into()
                } else {
                    vm.ctx.new_int((word << unused) >> unused).into()
                }
            }
            Kind::Pointer { .. } => return hook("value", vm)?.call((self.ty.0, word), vm),
            Kind::Float(_) | Kind::Record => unreachable!("not returned in a word"),
        })
    }

    /// The object for the bytes of a value.
    pub fn object_of_bytes(&self, bytes: &[u8], vm: &VirtualMachine) -> PyResult {
        match self.kind {
            Kind::Float(size) => Ok(values::read_float(bytes, size).to_pyobject(vm)),
            Kind::Record => hook("value", vm)?.call((self.ty.0, vm.ctx.new_bytes(bytes[..self.size].to_vec())), vm),
            Kind::Int { size: 16, signed } => Ok(vm.ctx.new_int(values::read_int(bytes, 16, signed)).into()),
            _ => {
                let mut word = [0u8; 8];
                let size = bytes.len().min(8);
                word[..size].copy_from_slice(&bytes[..size]);
                self.object_of_word(u64::from_le_bytes(word), vm)
            }
        }
    }
}
