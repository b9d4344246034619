"""Symbols and types as `_live` knows them (tuples and numbers), for Python: what a name is and where, what a type consists of, what may
lie where a pointer points. Frozen as `_livetypes`; nothing here reads memory: that is live_values.py.
"""

import _live
from collections import namedtuple

_KERNEL, _LIVE, _WORLD = 1, 2, 3  # enum live_origin
_ORIGINS = {1: "kernel", 2: "live", 3: "world"}
_CONTEXTS = {1: "any", 2: "sleepable", 3: "world"}
_EFAULT = 14

Symbol = namedtuple("Symbol", "name address target size kind origin context flags module users generation", module="polyglot")
TypeInfo = namedtuple("TypeInfo", "kind name size align inner count id complete", module="polyglot")
_Declared = namedtuple("_Declared", "type function local language file line module")


# --- symbols ---------------------------------------------------------------------------------------------

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


def _symbol_text(address):
    """" <name+offset>" of a function or variable that an address lies in."""
    symbol = _symbol_at(address)
    if symbol is None or symbol.name.startswith("L."):  # the compiler's label of a text
        return ""
    offset = address - symbol.address
    if symbol.kind != 1 and offset >= max(symbol.size, 1):
        return ""  # the variable that lies before it
    return f" <{symbol.name}+{offset:#x}>" if offset else f" <{symbol.name}>"


# --- types -----------------------------------------------------------------------------------------------

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


def _no_field(info, name):
    import difflib
    names = [row[0] for row in _live.fields(info.id, True) if row[0]]
    near = difflib.get_close_matches(name, names, 3)
    return f"{info.name} has no field {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")


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
