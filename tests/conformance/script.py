"""The language of the conformance cases, which is that of the `syscall` command (abi/bindings/bash), and its plans.

A line is one call:    [|] [LABEL:] NAME ARGUMENT...
    |           only the child of the last fork or clone makes it; after its last line the child exits with 0
    NUMBER      decimal, 0x.., 0.. (octal), with a sign; constants by name, or-ed: O_RDWR|O_CREAT; sums: $f+1
    $LABEL      a call's result; $LABEL.ARGUMENT the address of its buffer; $LABEL.ARGUMENT[i] and
                $LABEL.ARGUMENT.field (or [i].field) what the call left there
    text "t\\x00"  a string, quoted if need be; ends with NUL where the table says path or string
    NULL  &N    no pointer; a pointer that is the number N
    @  @N       zeroed memory for one or N elements of what the table says; shown after the call
    {a, f=b}    a structure, by position or field; {..}{..} several; of numbers {1,2}; of `strings` {"a","b"}
    T@N T{..}   the same for a type of your choice (where the table says any, ptr or bytes)
    #           how many bytes the last memory of this line has

    load(paths)            -> [Case]
    plan(table, cases)     -> text for the C, Zig and Rust runners (see runner.c)
    document(table, cases) -> the same as data for runner.py
    shell(case)            -> its lines for `syscall -`
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "abi"))
import generate  # noqa: E402
import layout  # noqa: E402

TOKEN = re.compile(r'\s*((?:"(?:\\.|[^"\\])*"|\{(?:"(?:\\.|[^"\\])*"|[^"{}]|\{[^{}]*\})*\}|[^\s"{}])+)')
ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, '"': 34}


class ScriptError(Exception):
    """A line that cannot be read; the text says which."""


@dataclass
class Case:
    name: str
    lines: list = field(default_factory=list)
    masks: list = field(default_factory=list)     # "LABEL.result", "LABEL.argument"
    unmasks: list = field(default_factory=list)   # "struct.field"
    process: bool = False                         # changes its process for good, or makes others


@dataclass
class Buffer:
    data: bytearray
    stores: list = field(default_factory=list)    # (offset, width, terms)


@dataclass
class Step:
    call: generate.Syscall
    label: str
    child: bool
    arguments: list                               # of each: ("value", terms) | ("buffer", index) | ("text", bytes)
    shown: list                                   # (name, buffer, pointed type)
    stored: list = field(default_factory=list)    # buffers whose stores are done before this call


def load(paths):
    cases = []
    for path in paths:
        for line in Path(path).read_text().splitlines():
            line = line.strip()
            if line.startswith("== "):
                words = line[3:].split()
                cases.append(Case(words[0]))
                for word in words[1:]:
                    if word == "process":
                        cases[-1].process = True
                    elif word.startswith("?"):
                        cases[-1].masks.append(word[1:])
                    elif word.startswith("!"):
                        cases[-1].unmasks.append(word[1:])
                    else:
                        raise ScriptError(f"{path}: {words[0]}: what is '{word}'?")
            elif line and not line.startswith("#"):
                cases[-1].lines.append(line)
    names = [case.name for case in cases]
    if doubles := {name for name in names if names.count(name) > 1}:
        raise ScriptError(f"cases of one name: {doubles}")
    return cases


def constant_values(table):
    values = {name: row["number"] for rows in ("errno", "signals") for name, row in table[rows].items()}
    for groups in (table["constants"], table["signal_constants"]):
        for group in groups.values():
            values |= group["values"]
    return values


def unquote(text):
    """A quoted or bare string's bytes."""
    if not text.startswith('"'):
        return text.encode()
    data, index, text = bytearray(), 0, text[1:-1]
    while index < len(text):
        if text[index] != "\\":
            data += text[index].encode()
        elif text[index + 1] == "x":
            data.append(int(text[index + 2:index + 4], 16))
            index += 3
        else:
            data.append(ESCAPES[text[index + 1]])
            index += 1
        index += 1
    return bytes(data)


def split_list(text):
    """'a, {b,c}, "d,e"' -> ['a', '{b,c}', '"d,e"']."""
    parts, depth, quoted, start = [], 0, False, 0
    for index, char in enumerate(text):
        if char == '"' and text[index - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (char == "{") - (char == "}")
            if char == "," and depth == 0:
                parts.append(text[start:index].strip())
                start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


class Compiler:
    """One case's lines as steps and buffers."""

    def __init__(self, table):
        self.table = table
        self.calls = {call.name: call for call in table["syscalls"]}
        self.constants = constant_values(table)
        self.types = {*table["structs"], *generate.SCALARS, "time"}
        self.buffers, self.steps, self.labels, self.places = [], [], {}, {}

    # --- numbers

    def term(self, text):
        """One term -> ("number", n) | ("result", step) | ("address", buffer) | ("load", buffer, offset, width, signed)."""
        if text.startswith("$"):
            return self.reference(text[1:])
        if text == "#":
            return ("number", self.last)
        value = 0
        for part in text.split("|"):
            if part in self.constants:
                value |= self.constants[part]
            elif re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", part):
                value |= int(part, 8 if re.match("-?0[0-7]", part) else 0)
            else:
                raise ScriptError(f"'{part}' is no number and no constant")
        return ("number", value)

    def terms(self, text):
        return [self.term(part) for part in text.split("+")]

    def reference(self, text):
        match = re.fullmatch(r"(\w+)(?:\.(\w+))?(?:\[(\d+)\])?(?:\.(\w+))?", text)
        label, argument, index, member = match.groups()
        step = self.labels[label]
        if argument is None:
            return ("result", step)
        buffer, pointed = self.places[step, argument]
        if index is None and member is None:
            return ("address", buffer)
        offset = int(index or 0) * layout.element_size(self.table, pointed)
        if member is None:
            return ("load", buffer, offset, layout.element_size(self.table, pointed), layout.is_signed(pointed))
        place = next(f for f in layout.layout(self.table, pointed).fields if f.name == member)
        return ("load", buffer, offset + place.offset, place.size, layout.is_signed(place.kind))

    # --- memory

    def add(self, data):
        self.buffers.append(Buffer(bytearray(data)))
        self.last = len(data)
        self.stored.append(len(self.buffers) - 1)
        return len(self.buffers) - 1

    def put(self, buffer, offset, width, terms):
        """A number into memory: at once if it is known, else before the call."""
        if all(kind == "number" for kind, *_ in terms):
            value = sum(value for _, value in terms) & (1 << 8 * width) - 1
            buffer.data[offset:offset + width] = value.to_bytes(width, "little")
        else:
            buffer.stores.append((offset, width, terms))

    def pointer_terms(self, text, name):
        """What a pointer field of a structure is."""
        if text == "NULL":
            return [("number", 0)]
        if text.startswith("&"):
            return self.terms(text[1:])
        if text.startswith("$"):
            return self.terms(text)
        before = self.last
        match = re.fullmatch(r"(\w*)@(\w*)", text)
        if match or re.match(r"\w*\{", text):
            pointed = (match or re.match(r"(\w*)\{", text))[1] or "bytes"
            index = self.memory(text, pointed, name)
            self.shown.append((name, index, pointed))
        else:
            index = self.add(unquote(text))
        self.inner, self.last = self.last, before
        return [("address", index)]

    def fill(self, buffer, offset, pointed, text, name):
        """One '{...}' of type `pointed` at `offset`."""
        parts = split_list(text[1:-1])
        if pointed not in self.table["structs"]:
            width = layout.element_size(self.table, pointed)
            for number, part in enumerate(parts):
                self.put(buffer, offset + number * width, width, self.terms(part))
            return
        fields = [f for f in layout.layout(self.table, pointed).fields if f.count != 0]
        position = 0
        for part in parts:
            match = re.match(r"([a-z]\w*)=", part)
            place = next(f for f in fields if f.name == match[1]) if match else fields[position]
            value = part[match.end():] if match else part
            position = fields.index(place) + 1
            at = offset + place.offset
            if place.kind == "char":
                data = unquote(value)
                buffer.data[at:at + len(data)] = data
            elif place.kind == "ptr":
                self.put(buffer, at, 8, self.pointer_terms(value, f"{name}.{place.name}"))
            elif value.startswith("{"):
                inner = place.kind if place.kind in self.table["structs"] else \
                    next(k for k, v in generate.SCALARS.items() if v == generate.FIELDS[place.kind][0])
                self.fill(buffer, at, inner, value, f"{name}.{place.name}")
            else:
                if value == "#":
                    self.last = self.inner
                self.put(buffer, at, place.size, self.terms(value))

    def memory(self, text, pointed, name=""):
        """'T@N', '@', 'T{..}{..}' -> index of the buffer."""
        match = re.fullmatch(r"(\w*)@(\w*)", text)
        if match:
            size = layout.element_size(self.table, match[1] or pointed)
            return self.add(bytes(size * (int(match[2], 0) if match[2] else 1)))
        start = text.index("{")
        pointed = text[:start] or pointed
        if pointed == "strings":
            texts = split_list(text[start + 1:-1])
            index = self.add(bytes(8 * (len(texts) + 1)))
            for number, part in enumerate(texts):
                inner = self.add(unquote(part) + b"\0")
                self.buffers[index].stores.append((8 * number, 8, [("address", inner)]))
            return index
        parts, depth = [], 0
        for position in range(start, len(text)):
            if text[position] == "{":
                depth += 1
                if depth == 1:
                    begin = position
            elif text[position] == "}":
                depth -= 1
                if depth == 0:
                    parts.append(text[begin:position + 1])
        size = layout.element_size(self.table, pointed)
        if pointed not in self.table["structs"]:
            index = self.add(bytes(size * len(split_list(parts[0][1:-1]))))
            self.fill(self.buffers[index], 0, pointed, parts[0], name)
            return index
        index = self.add(bytes(size * len(parts)))
        whole = self.last
        for number, part in enumerate(parts):
            self.fill(self.buffers[index], number * size, pointed, part, f"{name}[{number}]" if len(parts) > 1 else name)
        self.last = whole
        return index

    # --- calls

    def argument(self, argument, text):
        pointer = argument.kind not in generate.SCALARS
        typed = re.match(r"(\w*)[@{]", text)
        if typed and argument.kind not in ("path", "string") and (pointer or argument.kind == "any"):
            pointed = typed[1] or argument.pointed
            if pointed not in self.types and pointed not in generate.POINTED_EXTRA:
                raise ScriptError(f"'{text}': no such type")
            index = self.memory(text, pointed, argument.name)
            self.places[len(self.steps), argument.name] = (index, pointed)
            if argument.kind != "in":
                self.shown.append((argument.name, index, pointed))
            return ("buffer", index)
        if not pointer and not (argument.kind == "any" and text.startswith('"')):
            return ("value", self.terms(text[1:] if text.startswith("&") else text))
        if text == "NULL":
            return ("value", [("number", 0)])
        if text.startswith("&"):
            return ("value", self.terms(text[1:]))
        data = unquote(text)
        if argument.kind in ("path", "string"):
            self.last = len(data)
            return ("text", data)
        index = self.add(data)
        self.places[len(self.steps), argument.name] = (index, "bytes")
        return ("buffer", index)

    def line(self, text):
        words = TOKEN.findall(text)
        child = words[0] == "|"
        words = words[child:]
        label = words.pop(0)[:-1] if words[0].endswith(":") else ""
        name, *texts = words
        if name not in self.calls or self.calls[name].arguments is None:
            raise ScriptError(f"'{text}': the table has no call '{name}'")
        call = self.calls[name]
        if len(texts) != len(call.arguments):
            raise ScriptError(f"'{text}': {name} takes {len(call.arguments)} arguments, not {len(texts)}")
        self.last, self.inner, self.shown, self.stored = 0, 0, [], []
        try:
            arguments = [self.argument(*pair) for pair in zip(call.arguments, texts)]
        except (ScriptError, KeyError, StopIteration, IndexError, TypeError) as error:
            raise ScriptError(f"'{text}': {error!r}") from error
        if label:
            self.labels[label] = len(self.steps)
        self.steps.append(Step(call, label, child, arguments, self.shown, self.stored))


def compile_case(table, case):
    compiler = Compiler(table)
    try:
        for line in case.lines:
            compiler.line(line)
    except ScriptError as error:
        raise ScriptError(f"{case.name}: {error}") from error
    return compiler


def term_text(term):
    kind, *values = term
    if kind == "load":
        buffer, offset, width, signed = values
        return f"m{buffer}.{offset}.{width}{'s' if signed else 'u'}"
    if kind == "number":
        return str(values[0] & (1 << 64) - 1)
    return {"result": "r", "address": "b"}[kind] + str(values[0])


def expression(terms):
    return "+".join(map(term_text, terms))


def plan(table, cases):
    lines = []
    for case in cases:
        compiled = compile_case(table, case)
        lines.append(f"case {case.name}")
        for number, step in enumerate(compiled.steps):
            for index in step.stored:
                data = compiled.buffers[index].data
                lines.append(f"buffer {index} {len(data)} {data.hex() if any(data) else '-'}")
            words = []
            for kind, value in step.arguments:
                if kind == "text":
                    compiled.buffers.append(Buffer(bytearray(value + b"\0")))
                    index = len(compiled.buffers) - 1
                    lines.append(f"buffer {index} {len(value) + 1} {(value + bytes(1)).hex()}")
                    words.append(f"b{index}")
                else:
                    words.append(expression(value) if kind == "value" else f"b{value}")
            for index in step.stored:
                lines += [f"store {index} {offset} {width} {expression(terms)}"
                          for offset, width, terms in compiled.buffers[index].stores]
            words += ["0"] * (6 - len(words))
            lines.append(f"call {number} {step.call.number} {int(step.child)} {' '.join(words)}")
            lines += [f"show {number} {name} {index}" for name, index, _ in step.shown]
    return "\n".join([*lines, ""])


def document(table, cases):
    """Lists and numbers only, for JSON."""
    result = []
    for case in cases:
        compiled = compile_case(table, case)
        steps = []
        for step in compiled.steps:
            arguments = []
            for (kind, value), argument in zip(step.arguments, step.call.arguments):
                if kind == "text":
                    value = value.hex()
                elif kind == "buffer" and argument.kind == "in":
                    kind = "constant" if not compiled.buffers[value].stores else "buffer"
                arguments.append([kind, value])
            steps.append({"call": step.call.name, "child": step.child, "arguments": arguments,
                          "stored": step.stored, "shown": [[name, index] for name, index, _ in step.shown]})
        buffers = [[b.data.hex(), b.stores] for b in compiled.buffers]
        result.append({"name": case.name, "process": case.process, "steps": steps, "buffers": buffers})
    return result


def shell(case):
    return "\n".join([*case.lines, ""])
