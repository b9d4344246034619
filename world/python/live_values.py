"""Values of C types in Python: numbers are Python's, everything else is a view of the memory (Struct, Array, Pointer) that reads and
writes when it is used. Memory that is not there raises OSError EFAULT. Faults of live code are exceptions (KernelFault).

Frozen as `_livevalues`; live.py, which makes the namespaces of them, gives every name on. The native part is `_live`.
"""

import _live
import re
from collections import namedtuple

from _tables import Table, report, row_type

_KERNEL, _LIVE, _WORLD = 1, 2, 3  # enum live_origin
_ORIGINS = {1: "kernel", 2: "live", 3: "world"}
_CONTEXTS = {1: "any", 2: "sleepable", 3: "world"}
_EFAULT = 14
_LIVE_AREA = 0xffffffffa0000000  # up from there: arch/x86_64/layout.h

Symbol = namedtuple("Symbol", "name address target size kind origin context flags module users generation", module="polyglot")
TypeInfo = namedtuple("TypeInfo", "kind name size align inner count id complete", module="polyglot")
Frame = namedtuple("Frame", "name offset file line address", module="polyglot")
_Declared = namedtuple("_Declared", "type function local language file line module")


# --- faults ----------------------------------------------------------------------------------------------

_KINDS = {1: "read", 2: "write", 3: "execute", 4: "divide", 5: "invalid opcode", 6: "general protection", 7: "stack overflow",
          8: "floating point", 9: "breakpoint", 10: "heap", 11: "abort", 12: "exit", 13: "interrupted", 14: "time limit",
          15: "lock held", 16: "interrupts off", 17: "context", 18: "callback"}
_KIND_TEXTS = {"read": "read of address {address:#x}", "write": "write to address {address:#x}", "execute": "jump to address {address:#x}, where no code is",
               "divide": "division by zero or out of range", "invalid opcode": "invalid instruction",
               "general protection": "general protection fault (a misaligned SSE access, or an address that cannot exist)",
               "stack overflow": "the stack is used up", "floating point": "floating-point exception", "breakpoint": "breakpoint",
               "heap": "damaged heap", "abort": "abort()", "exit": "exit({address})", "interrupted": "interrupted by Ctrl-C",
               "time limit": "the time limit is over", "panic": "panic", "lock held": "it returned with a lock held",
               "interrupts off": "it kept interrupts off too long", "context": "called where it must not be", "callback": "a callback raised"}


class KernelFault(RuntimeError):
    """Live code did what the CPU or the kernel cannot let pass; the call was ended, everything else goes on.

    kind       "read", "write", "execute", "divide", "stack overflow", "interrupted", "time limit", "panic" of Zig and Rust, ...
    language   of the function: "C", "Zig", "Rust"; "" if unknown
    function   where it happened; file, line: "" and 0 if unknown. Of a panic: who caused it, not the language's code that ends it
    address    that was touched (read, write, execute), or the status of exit()
    text       what the kernel adds: which lock, which check
    backtrace  list of (name, offset, file, line, address), innermost first, up to the border to Python
    locks_released  how many kernel locks it held
    """

    __module__ = "polyglot"

    def __init__(self, kind, address=0, frames=(), text="", module=0, locks_released=0):
        self.kind, self.address, self.text, self.module, self.locks_released = kind, address, text, module, locks_released
        # What the library raises (no instruction of its own faulted) begins with the address behind the call.
        is_raised = kind in ("heap", "abort", "exit")
        self.backtrace = [frame if isinstance(frame, Frame) else _frame(frame, index > 0 or is_raised) for index, frame in enumerate(frames)]
        where, panic = _blame(self.backtrace) if kind in _ENDS_OF_PANICS else (None, None)
        if panic is not None:
            self.kind, self.text = "panic", text or panic
        else:
            known = next((frame for frame in self.backtrace if frame.name), None)
            where = next((frame for frame in self.backtrace if frame.file), known)
        self.function, self.file, self.line = (where.name, where.file, where.line) if where else ("", "", 0)
        declared = _declared(self.function) if self.function else None
        self.language = declared and declared.language or _LANGUAGES.get(self.file[self.file.rfind("."):], "")
        super().__init__(str(self))

    def __str__(self):
        what = _KIND_TEXTS.get(self.kind, self.kind).format(address=self.address)
        if self.kind in ("read", "write") and self.address < 65536:
            what += " (a null pointer)"
        if self.text:
            what += f": {self.text}"
        if self.function:
            what += f", in {self.language + ' ' if self.language else ''}function {self.function}"
        if self.file:
            what += f" ({self.file}:{self.line})"
        if self.locks_released:
            what += f"; {self.locks_released} lock{'s' if self.locks_released > 1 else ''} released"
        return what


_ENDS_OF_PANICS = ("abort", "exit", "invalid opcode", "breakpoint")
_LANGUAGES = {".c": "C", ".h": "C", ".zig": "Zig", ".rs": "Rust"}
_PANIC = re.compile(r"__rustc::rust_begin_unwind|core::panicking::|(std\.)?(debug\.(FullPanic|defaultPanic|panic)|builtin\.panic)")


def _blame(frames):
    """(frame of who caused it, what it was in words) of a panic of Rust or Zig, whose own functions lie above; (None, None): it is none."""
    last = max((at for at, frame in enumerate(frames) if _PANIC.match(frame.name)), default=None)
    if last is None:
        return None, None
    outer = [frame for frame in frames[last + 1:] if frame.file]
    library = re.compile(r"(.*/)?library/(core|alloc|std)/|/rustc/")  # unwrap() and its like are not to blame either
    own = next((frame for frame in outer if not library.match(frame.file)), frames[last])
    word = re.split(r"::|\.", frames[last].name)[-1].removeprefix("panic_const_").removeprefix("panic_")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower().replace("_", " ")
    return own, "" if words in ("panic", "fmt", "default panic", "rust begin unwind") else words


def _frame(address, is_return):
    """Name and line of an address; a return address belongs to the call before it."""
    place = address - 1 if is_return else address
    found = _live.name_at(place)
    if found is None:
        return Frame("", 0, "", 0, address)
    name, offset = found
    symbol = _symbol_at(place)
    module = symbol.module if symbol else 0
    line = _live.line(place, module, name, offset) if module else _kernel_line(place)
    return Frame(_live.demangle(name), offset + (1 if is_return else 0), *(line or ("", 0)), address)


_kernel_lines = {}


def _kernel_line(address):
    """(file, line) or None. Kept, because a search takes 0.1 s under emulation, and faults have their outer frames in common."""
    if address not in _kernel_lines:
        if len(_kernel_lines) >= 1000:
            _kernel_lines.clear()
        _kernel_lines[address] = _live.line(address, 0, "", 0)
    return _kernel_lines[address]


def _make_fault(kind, address, frames, text, module, locks):
    return KernelFault(_KINDS.get(kind, f"kind {kind}"), address, frames, text, module, locks)


Reported = namedtuple("Reported", "number seconds what fault", module="polyglot")


def faults(after=0):
    """faults(after=0) -> Table: the last 64 faults of live code that had no caller to tell: in timers, interrupt handlers, kernel
    threads, replaced functions, drivers. after: only those with a greater number

    number   since power-on, from 1
    seconds  since power-on
    what     whose fault it was, and what became of it
    fault    a KernelFault, as a call from Python would have raised it
    """
    rows = [Reported(row.number, row.ms / 1000, row.what, _reported_fault(row)) for row in report("faults") if row.number > after]
    return Table("faults", Reported._fields, rows)


def _reported_fault(row):
    frames = []
    for number, place in enumerate(str(row.where).split(" < ")):
        address, _, place = place.partition(" ")
        name, _, offset = place.rpartition("+")
        frames.append(_reported_frame(int(address, 16), name, int(offset, 16) if name else 0, row.module, number > 0))
    return _make_fault(row.kind, int(str(row.address), 16), frames, str(row.text), row.module, row.locks_released)


def _reported_frame(address, name, offset, module, is_return):
    """Its code may be gone: the name is the one of then, and the line is looked up by it."""
    if not name:
        return _frame(address, is_return)
    line = _live.line(address - is_return, module, name, offset) if address >= _LIVE_AREA else _kernel_line(address - is_return)
    return Frame(_live.demangle(name), offset + is_return, *(line or ("", 0)), address)


# --- symbols and types -----------------------------------------------------------------------------------

def _symbol(name):
    found = _live.lookup(name)
    return Symbol(*found) if found else None


def _symbol_at(address):
    try:
        found = _live.symbol_at(address)
    except OSError:
        return None
    return Symbol(*found) if found else None


def _declared(name):
    found = _live.declared(name)
    return _Declared(*found) if found else None


_infos = {}


def _info(number):
    """TypeInfo; kept, for types never change."""
    info = _infos.get(number)
    if info is None:
        info = TypeInfo(*_live.type_info(number))
        if info.complete:
            _infos[number] = info
    return info


_fields = {}


def _field(info, name):
    """(type, offset, first bit, bits) of a field; None: there is none."""
    fields = _fields.get(info.id)
    if fields is None:
        fields = {row[0]: row[1:] for row in _live.fields(info.id, True)}
        if info.complete:
            _fields[info.id] = fields
    return fields.get(name)


class Type:
    """A C type. size and align in bytes; fields: (name, Type, offset, first bit, bits); calling it with an address makes a view."""

    def __init__(self, number):
        self._number = number

    name = property(lambda self: _info(self._number).name)
    kind = property(lambda self: _info(self._number).kind)
    size = property(lambda self: _info(self._number).size)
    align = property(lambda self: _info(self._number).align)

    @property
    def fields(self):
        Field = row_type("Field", ["name", "type", "offset", "bit", "bits"])
        return [Field(name, Type(number), offset, bit, bits) for name, number, offset, bit, bits in _live.fields(self._number, False)]

    @property
    def constants(self):
        return dict(_live.constants(self._number))

    def __call__(self, address):
        return _load(self._number, _Memory(int(address)), 0)

    def __eq__(self, other):
        return isinstance(other, Type) and other._number == self._number

    def __hash__(self):
        return hash(self._number)

    def __repr__(self):
        return _live.definition(self._number)


def _type_number(what):
    """The number of a type that is given as Type, text or view."""
    if isinstance(what, Type):
        return what._number
    if isinstance(what, (Struct, Array, Pointer)):
        return what._type
    number = _live.type_named(what)
    if number is None:
        raise NameError(f"no type is known as {what!r}: try \"struct NAME\", a typedef, or these with * and [N]")
    return number


# --- memory ----------------------------------------------------------------------------------------------

class _Memory:
    """Memory of the machine from an address on."""
    __slots__ = ("address",)

    def __init__(self, address):
        self.address = address

    def read(self, offset, size):
        return _live.peek(self.address + offset, size)

    def write(self, offset, data):
        _live.poke(self.address + offset, data)

    def at(self, offset):
        return _Memory(self.address + offset)


class _Own:
    """Bytes of a value that lies nowhere: a structure that was returned."""
    __slots__ = ("data", "start")
    address = None

    def __init__(self, data, start=0):
        self.data, self.start = data, start

    def read(self, offset, size):
        return bytes(self.data[self.start + offset:self.start + offset + size])

    def write(self, offset, data):
        self.data[self.start + offset:self.start + offset + len(data)] = data

    def at(self, offset):
        return _Own(self.data, self.start + offset)


def _load(number, memory, offset):
    info = _info(number)
    if info.kind in ("struct", "union"):
        return Struct(number, memory.at(offset))
    if info.kind == "array":
        return Array(number, memory.at(offset))
    if info.kind == "pointer":
        return Pointer(number, int.from_bytes(memory.read(offset, 8), "little"))
    if info.kind == "function":
        address = memory.address + offset
        symbol = _symbol_at(address)
        return _function(symbol.name if symbol and symbol.address == address else f"{address:#x}", address, number)
    if info.kind == "void":
        raise TypeError("a void has no value: cast the pointer first")
    return _live.decode(number, memory.read(offset, info.size))


def _store(number, memory, offset, value, what):
    memory.write(offset, _pack(number, value, what))


def _pack(number, value, what):
    """The bytes of a value by a type."""
    info = _info(number)
    if isinstance(value, (Struct, Array)) and _info(value._type).id == info.id:
        return value._memory.read(0, info.size)
    if info.kind in ("struct", "union"):
        if isinstance(value, (bytes, bytearray)) and len(value) == info.size:
            return bytes(value)
        if isinstance(value, dict):
            made = Struct(number, _Own(bytearray(info.size)))
            for name, part in value.items():
                setattr(made, name, part)
            return bytes(made._memory.data)
        if _is_ctypes(value) and len(bytes(value)) == info.size:
            return bytes(value)
        raise TypeError(f"{what} takes a {info.name}, a dict of its fields or its {info.size} bytes, not {type(value).__name__}")
    if info.kind == "array":
        return _pack_array(info, value, what)
    if info.kind == "pointer":
        return _pointer_value(value, info, what).to_bytes(8, "little")
    return _live.encode(number, value, what)


def _pack_array(info, value, what):
    element = _info(info.inner)
    if isinstance(value, str):
        value = value.encode() + b"\0" * (len(value.encode()) < info.size)
    if isinstance(value, (bytes, bytearray, memoryview)) and element.size == 1:
        data = bytes(value)
    else:
        data = b"".join(_pack(info.inner, one, what) for one in value)
    if len(data) > info.size:
        raise ValueError(f"{what} has room for {info.size} bytes, not {len(data)}")
    return data


def _pointer_value(value, info, what):
    if value is None:
        return 0
    if isinstance(value, int):
        if not 0 <= value < 1 << 64:
            raise OverflowError(f"{what} takes addresses of 64 bits")
        return value
    address = _as_pointer(value, info.inner, what, "assignment")
    if address is None:
        raise TypeError(f"{what} takes a pointer, a view or None, not {type(value).__name__}")
    return address


def _as_pointer(value, inner, spelled, function):
    """Hook of calls: the address of an object for a pointer to type `inner`; None: it is not for us to say."""
    if isinstance(value, Pointer):
        _check_pointee(_info(value._type).inner, inner, spelled, function)
        return value._address
    if isinstance(value, (Struct, Array)):
        if value._memory.address is None:
            import ctypes
            own = value._memory
            if own.start:
                raise TypeError(f"{function}(): {spelled}: a part of a returned value has no address")
            return ctypes.addressof((ctypes.c_char * len(own.data)).from_buffer(own.data))
        _check_pointee(value._type if isinstance(value, Struct) else _info(value._type).inner, inner, spelled, function)
        return value._memory.address
    if isinstance(value, _live.Function):
        return value.address
    if type(value).__module__ in ("_ctypes", "ctypes") or _is_ctypes(value):
        if _info(inner).kind == "function" and callable(value):
            return None  # called as any callable is: live code cannot jump into the world
        _check_ctypes(value, inner, spelled, function)
        return _ctypes_address(value)
    return None


def _check_pointee(given, wanted, spelled, function):
    one, other = _info(given), _info(wanted)
    if "void" in (one.kind, other.kind) or one.id == other.id or one.name == other.name:
        return
    if one.kind == "array" and _info(one.inner).id == other.id:
        return
    records = [info for info in (one, other) if info.kind in ("struct", "union")]
    if not records and _fits(_value_kind(_element(given)), _element(given).size, wanted):
        return
    raise TypeError(f"{function}(): {spelled} takes a pointer to {other.name}, not to {one.name}")


def _element(number):
    """TypeInfo of a type, or of what an array of it consists of."""
    info = _info(number)
    while info.kind == "array":
        info = _info(info.inner)
    return info


def _value_kind(info):
    return {"float": "float", "struct": "record", "union": "record", "function": "function"}.get(info.kind, "int")


def _fits(kind, size, wanted):
    """May values of a kind ("int", "float", "record", "function") and size lie where a pointer to type `wanted` points? Bytes may be anything, and anything
    may be read as bytes: the same rule as for buffers (Pointee::takes of convert.rs)."""
    info = _element(wanted)
    if info.kind == "function" or kind == "function":
        return info.kind == kind
    if info.kind == "void" or info.size == 1 or (kind, size) == ("int", 1):
        return True
    return kind == _value_kind(info) and (kind == "record" or size == info.size)


def _check_ctypes(value, inner, spelled, function):
    """TypeError: what a ctypes object is, or points to, is not what the pointer points to, or shorter."""
    import ctypes
    if isinstance(value, (ctypes.c_void_p, ctypes.c_char_p, ctypes._CFuncPtr)) and _element(inner).kind != "function":
        return  # addresses of anything
    own = value._obj if type(value).__name__ == "CArgObject" else value
    given = own._type_ if isinstance(own, ctypes._Pointer) else type(own)
    size, element = ctypes.sizeof(given), given
    while issubclass(element, ctypes.Array):
        element = element._type_
    code = getattr(element, "_type_", None) if issubclass(element, ctypes._SimpleCData) else None
    kind = "record" if issubclass(element, (ctypes.Structure, ctypes.Union)) else "float" if code in ("f", "d", "g") else "int"
    if not _fits(kind, ctypes.sizeof(element), inner):
        raise TypeError(f"{function}(): {spelled} cannot point to {element.__name__} of {ctypes.sizeof(element)} bytes: pass memoryview(it).cast('B') for its bytes as they are")
    if not isinstance(own, ctypes._Pointer) and size < _info(inner).size > 1:
        raise TypeError(f"{function}(): {spelled} points to {_info(inner).size} bytes, the {given.__name__} has {size}")


def _is_ctypes(value):
    import sys
    ctypes = sys.modules.get("_ctypes")
    return ctypes is not None and any(base.__module__ == "_ctypes" for base in type(value).__mro__)


def _ctypes_address(value):
    """Pointers, functions and byref() of ctypes by what they point to, other objects by where they lie."""
    import ctypes
    if type(value).__name__ == "CArgObject":
        return ctypes.addressof(value._obj)
    if isinstance(value, (ctypes._Pointer, ctypes._CFuncPtr)):
        return ctypes.cast(value, ctypes.c_void_p).value or 0
    if isinstance(value, (ctypes.c_void_p, ctypes.c_char_p)):
        return int.from_bytes(bytes(value), "little")
    return ctypes.addressof(value)


def _as_scalar(value):
    """Hook of calls: the number in a scalar of ctypes, or the object itself."""
    if _is_ctypes(value):
        import ctypes
        if isinstance(value, ctypes._SimpleCData):
            return value.value
    return value


def _as_record(value, number, spelled, function):
    """Hook of calls: the bytes of a structure that is passed by value."""
    return _pack(number, value, f"{function}(): {spelled}")


def _make_value(number, value):
    """Hook of calls: the object for a pointer or a structure that was returned."""
    if isinstance(value, int):
        return Pointer(number, value)
    return Struct(number, _Own(bytearray(value)))


# --- views -----------------------------------------------------------------------------------------------

def _describe(view):
    """help() of a view: the variable that lies there and its type, then what can be done with it."""
    address = view._memory.address if isinstance(view, (Struct, Array)) else view._address
    place = _symbol_text(address).strip(" <>") if address else ""
    definition = _live.definition(view._type)
    head = f"{_live.spell(view._type, place)};" if place and "+" not in place else _info(view._type).name
    lines = [head + (f"  at {address:#x}" if address else "")]
    if not isinstance(view, Pointer) and definition != _info(view._type).name:
        lines += ["", definition]
    return "\n".join(lines + ["", view._usage])


class Struct:
    # A structure or union in memory. __doc__ is the variable's.
    __slots__ = ("_type", "_memory", "__weakref__")
    _usage = "Its fields are attributes: reading and writing them reads and writes memory. bytes() copies it."
    __doc__ = property(_describe)

    def __init__(self, number, memory):
        object.__setattr__(self, "_type", number)
        object.__setattr__(self, "_memory", memory)

    def _find(self, name):
        info = _info(self._type)
        found = _field(info, name)
        if found is None:
            raise AttributeError(_no_field(info, name))
        return info, *found

    def __getattr__(self, name):
        info, number, offset, first, width = self._find(name)
        if width is None:
            return _load(number, self._memory, offset)
        data = self._memory.read(offset, (first + width + 7) // 8)
        return _live.decode_bits(number, data, 0, first, width)

    def __setattr__(self, name, value):
        info, number, offset, first, width = self._find(name)
        if width is None:
            _store(number, self._memory, offset, value, f"{info.name}.{name}")
            return
        signed = not _info(number).name.startswith("unsigned") and _info(number).kind != "bool"
        low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
        if not low <= int(value) <= high:
            raise OverflowError(f"{info.name}.{name} has {width} bits: {low} to {high}")
        size = (first + width + 7) // 8
        word = int.from_bytes(self._memory.read(offset, size), "little")
        word = word & ~((1 << width) - 1 << first) | (int(value) & (1 << width) - 1) << first
        self._memory.write(offset, word.to_bytes(size, "little"))

    def __dir__(self):
        return [row[0] for row in _live.fields(self._type, True)]

    def __bytes__(self):
        return self._memory.read(0, _info(self._type).size)

    def __eq__(self, other):
        return isinstance(other, Struct) and _info(self._type).id == _info(other._type).id and bytes(self) == bytes(other)

    __hash__ = None

    def __repr__(self):
        info = _info(self._type)
        place = f" at {self._memory.address:#x}" if self._memory.address is not None else ""
        if not info.complete:
            return f"<{info.name}{place}, which is only declared>"
        data = bytes(self)
        rows = []
        for name, number, offset, first, width in _live.fields(self._type, True):
            if width is None:
                part = _info(number)
                text = _live.format(number, data[offset:offset + part.size])
                if part.kind == "pointer" and text != "NULL":
                    text = f"({part.name}) {text}"
                elif part.kind == "int" and text.isdigit() and int(text) >= 1 << 40:
                    text = hex(int(text))
                elif part.kind == "enum" and text.lstrip("-").isdigit() is False:
                    text = f"{text} ({_live.decode(number, data[offset:offset + part.size])})"
            else:
                text = str(_live.decode_bits(number, data, offset, first, width))
            rows.append((name or "", text if len(text) <= 200 else text[:197] + "..."))
        widest = max((len(name) for name, _ in rows), default=0)
        return "\n".join([f"{info.name}{place}"] + [f"    {name.ljust(widest)} = {text}" for name, text in rows])


def _no_field(info, name):
    import difflib
    names = [row[0] for row in _live.fields(info.id, True) if row[0]]
    near = difflib.get_close_matches(name, names, 3)
    return f"{info.name} has no field {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")


class Array:
    # An array in memory. __doc__ is the variable's.
    __slots__ = ("_type", "_memory")
    _usage = "Indexing, slices (lists), len(), iteration; .text of characters."
    __doc__ = property(_describe)

    def __init__(self, number, memory):
        self._type, self._memory = number, memory

    def __len__(self):
        return _info(self._type).count or 0

    def _offset(self, index):
        info = _info(self._type)
        count = info.count
        if count is not None and index < 0:
            index += count
        if index < 0 or count is not None and count != 0 and index >= count:
            raise IndexError(f"{info.name} has {count} elements")
        return info.inner, index * _info(info.inner).size

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        number, offset = self._offset(index)
        return _load(number, self._memory, offset)

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            values = list(value)
            if len(places) != len(values):
                raise ValueError(f"{len(places)} elements take {len(places)} values, not {len(values)}")
            for place, one in zip(places, values):
                self[place] = one
            return
        number, offset = self._offset(index)
        _store(number, self._memory, offset, value, f"{_info(self._type).name} element {index}")

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __bytes__(self):
        return self._memory.read(0, _info(self._type).size)

    @property
    def text(self):
        """The characters up to the NUL."""
        return bytes(self).split(b"\0")[0].decode("utf-8", "replace")

    def __eq__(self, other):
        if isinstance(other, (bytes, bytearray)):
            return bytes(self) == other
        if isinstance(other, str):
            return self.text == other
        return list(self) == list(other) if isinstance(other, (Array, list, tuple)) else NotImplemented

    __hash__ = None

    def __repr__(self):
        info = _info(self._type)
        text = _live.format(self._type, bytes(self))
        return f"{info.name} {text}" if len(text) < 500 else f"{info.name} at {self._memory.address or 0:#x}"


class Pointer:
    # A pointer. __doc__ is that of what it points to.
    __slots__ = ("_type", "_address")
    _usage = ("p.value or p[0] is what it points to, p[i] the i-th, p.field a field of the structure it points to.\n"
              "int(p) is the address, None compares equal to NULL; of characters p.text is the string. p + n is the n-th after it.")
    __doc__ = property(_describe)

    def __init__(self, number, address):
        object.__setattr__(self, "_type", number)
        object.__setattr__(self, "_address", address)

    @property
    def value(self):
        return self[0]

    @value.setter
    def value(self, value):
        self[0] = value

    @property
    def text(self):
        """The string it points to, up to its NUL (at most 64 KiB). None for NULL."""
        return None if not self._address else self.bytes().decode("utf-8", "replace")

    def bytes(self, size=None):
        """The bytes up to a NUL, or `size` of them."""
        if size is not None:
            return _live.peek(self._address, size)
        found, at = b"", self._address
        while b"\0" not in found and len(found) < 65536:
            step = min(256, 4096 - at % 4096)  # the next page may not be there
            found += _live.peek(at, step)
            at += step
        return found.split(b"\0")[0]

    def _element(self, index):
        number = _info(self._type).inner
        return number, self._address + index * max(_info(number).size, 1)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[at] for at in range(index.start or 0, index.stop, index.step or 1)]
        number, address = self._element(index)
        return _load(number, _Memory(address), 0)

    def __setitem__(self, index, value):
        number, address = self._element(index)
        _store(number, _Memory(address), 0, value, f"*({_info(self._type).name})")

    def __getattr__(self, name):
        if name.startswith("__") or _info(_info(self._type).inner).kind not in ("struct", "union"):
            raise AttributeError(f"{_info(self._type).name} has no attribute {name!r}")
        return getattr(self[0], name)

    def __setattr__(self, name, value):
        if name == "value":
            self[0] = value
        elif _info(_info(self._type).inner).kind in ("struct", "union"):
            setattr(self[0], name, value)
        else:
            raise AttributeError(f"{_info(self._type).name} has no attribute {name!r}")

    def __dir__(self):
        inner = _info(self._type).inner
        fields = [row[0] for row in _live.fields(inner, True)] if _info(inner).kind in ("struct", "union") else []
        return fields + ["value", "text", "bytes"]

    def __call__(self, *arguments):
        inner = _info(self._type).inner
        if _info(inner).kind != "function":
            raise TypeError(f"a {_info(self._type).name} cannot be called")
        return _load(inner, _Memory(self._address), 0)(*arguments)

    def __add__(self, count):
        return Pointer(self._type, self._element(count)[1])

    def __sub__(self, other):
        if isinstance(other, Pointer):
            return (self._address - other._address) // max(_info(_info(self._type).inner).size, 1)
        return self + -other

    def __int__(self):
        return self._address

    __index__ = __int__

    def __bool__(self):
        return self._address != 0

    def __eq__(self, other):
        return int(other or 0) == self._address if other is None or isinstance(other, (int, Pointer)) else NotImplemented

    def __hash__(self):
        return hash(self._address)

    def __repr__(self):
        info = _info(self._type)
        if not self._address:
            return f"({info.name}) NULL"
        text = f"({info.name}) {self._address:#x}{_symbol_text(self._address)}"
        if _info(info.inner).kind == "char":
            try:
                shown = self.bytes()
                text += f' "{shown[:80].decode("utf-8", "replace")}"' + ("..." if len(shown) > 80 else "")
            except OSError:
                pass
        return text


def _symbol_text(address):
    """" <name+offset>" of a function or variable that an address lies in."""
    symbol = _symbol_at(address)
    if symbol is None or symbol.name.startswith("L."):  # the compiler's label of a text
        return ""
    offset = address - symbol.address
    if symbol.kind != 1 and offset >= max(symbol.size, 1):
        return ""  # the variable that lies before it
    return f" <{symbol.name}+{offset:#x}>" if offset else f" <{symbol.name}>"


_functions = {}


def _function(name, address, number):
    key = name, address, number
    made = _functions.get(key)
    if made is None:
        if len(_functions) > 4096:
            _functions.clear()
        made = _functions[key] = _live.function(name, address, number)
    return made
