"""Where the fields of the table's structures lie, and their values as text: for bindings, tests and traces.

    layout(table, "stat")                -> Layout(size, align, [Field])
    show(table, "timespec", data)        -> "{tv_sec=1, tv_nsec=0}"
    element_size(table, "timespec")      -> 16; also of scalar types ("fd": 4), "bytes": 1

x86-64: little-endian, natural alignment. Python 3.11, no packages.
"""

from typing import NamedTuple

import generate

C_SIZES = {"int32_t": 4, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "struct user_ptr": 8}


class Field(NamedTuple):
    name: str
    kind: str          # of generate.FIELDS, or a structure's name
    offset: int
    size: int          # of one element
    count: int | None  # elements of an array; 0: flexible; None: no array


class Layout(NamedTuple):
    size: int
    align: int
    fields: list


def round_up(value, step):
    return (value + step - 1) // step * step


def place(table, fields, offset, packed):
    """Lays `fields` out from `offset`; -> (end, alignment, [Field])."""
    placed, align = [], 1
    for field in fields:
        if isinstance(field, list):
            parts = [place(table, member, 0, packed) for member in field]
            inner = max(part[1] for part in parts)
            offset = round_up(offset, inner)
            for part in parts:
                placed += [one._replace(offset=one.offset + offset) for one in part[2]]
            offset += round_up(max(part[0] for part in parts), inner)
            align = max(align, inner)
            continue
        kind, name, count, _ = generate.field_parts(field)
        if kind in generate.FIELDS:
            size = own = generate.FIELDS[kind][1]
        else:
            size, own, _ = layout(table, kind)
        own = 1 if packed else own
        count = None if count is None else int(count or 0)
        offset = round_up(offset, own)
        placed.append(Field(name, kind, offset, size, count))
        offset += size * (1 if count is None else count)
        align = max(align, own)
    return offset, align, placed


def layout(table, name):
    struct = table["structs"][name]
    end, align, fields = place(table, struct["fields"], 0, struct.get("packed", False))
    return Layout(round_up(end, align), align, fields)


def element_size(table, pointed):
    """Bytes of one element of what a pointer points to."""
    if pointed in table["structs"]:
        return layout(table, pointed).size
    if pointed in generate.SCALARS:
        return C_SIZES[generate.SCALARS[pointed]]
    return {"bytes": 1, "strings": 8, "time": 8}[pointed]


def is_signed(kind):
    return kind == "char" or kind.startswith("i") if kind in generate.FIELDS \
        else kind == "time" or generate.SCALARS.get(kind, "u").startswith("i")


def show_scalar(kind, data):
    value = int.from_bytes(data, "little", signed=is_signed(kind))
    if kind == "mode":
        return f"0{value:o}"
    return hex(value) if kind in ("ptr", "address", "flags", "flags64") else str(value)


def quote(data):
    """Bytes as a string literal of the conformance scripts and of the `syscall` command."""
    text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in data)
    return f'"{text}"'


def show_field(table, field, data):
    parts = [data[field.offset + i * field.size:field.offset + (i + 1) * field.size] for i in range(field.count or 1)]
    if field.kind == "char":
        return quote(b"".join(parts).split(b"\0")[0])
    texts = [show(table, field.kind, part) if field.kind in table["structs"] else show_scalar(field.kind, part)
             for part in parts]
    return texts[0] if field.count is None else "[" + " ".join(texts) + "]"


def show(table, pointed, data, masked=frozenset()):
    """One element as text. `masked`: "struct.field" names whose value is not shown."""
    if pointed in ("bytes", "strings"):
        return quote(data)
    if pointed not in table["structs"]:
        return show_scalar(pointed, data)
    parts = []
    for field in layout(table, pointed).fields:
        if field.count == 0:
            continue
        text = "?" if f"{pointed}.{field.name}" in masked else show_field(table, field, data)
        parts.append(f"{field.name}={text}")
    return "{" + ", ".join(parts) + "}"
