"""Values of C types in Python: numbers are Python's, everything else is a view of the memory (Struct, Array, Pointer) that reads and
writes when it is used. Memory that is not there raises OSError EFAULT.

Frozen as `_livevalues`; above live_types.py and live_ctypes.py, below live.py. The native part is `_live`.
"""

import _live

from _livectypes import _check_ctypes, _ctypes_address, _is_ctypes
from _livetypes import _element, _field, _fits, _info, _no_field, _symbol_at, _symbol_text, _value_kind
from _tables import row_type


# --- types -----------------------------------------------------------------------------------------------

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


_functions = {}


def _function(name, address, number):
    key = name, address, number
    made = _functions.get(key)
    if made is None:
        if len(_functions) > 4096:
            _functions.clear()
        made = _functions[key] = _live.function(name, address, number)
    return made
