"""Objects of ctypes as arguments of live functions: their addresses, their numbers, and whether they fit. Frozen as `_livectypes`.

ctypes is imported only when such an object is there.
"""

from _livetypes import _element, _fits, _info


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
