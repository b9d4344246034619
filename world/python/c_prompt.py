"""C at the prompt, and from Python: polyglot.c(), %c, %%c, tools/vm exec x.c. Frozen as `_c_prompt`.

    run_cell(text)                what the C prompt does with a text: value, error or fault are shown
    run_program(path, arguments)  tools/vm exec x.c: the exit status
    complete(line, end, namespace), explain(name)  for the line editor

A text is compiled (world/src/live/c/cell.rs), its object is linked into the kernel and its definitions count and are kept (`_live_c.enter`;
`_kept.record` where they are not all new), then its statements run as one guarded call (`_live_c.Cell`). Compiling and linking is one at
a time; a running call lets others in. polyglot.c is `_live_c.c`: all of this without Python, as long as nothing is wrong or unusual.
"""

import re
import sys
import threading

import _kept
import _live
import _live_c

_loading = threading.Lock()
_has_helpers = False
_LINK_NAMES = 0b1110  # kernel, live and world: bits of enum live_origin


class CompileError(SyntaxError):
    """C source was refused. line and column (from 1; 0: unknown), message, source_line, and what SyntaxError has."""

    __module__ = "polyglot"

    def __init__(self, file, line, column, message, source_line):
        super().__init__(message, (file, line or None, column or None, source_line))
        self.file, self.line, self.column, self.message, self.source_line = file, line, column, message, source_line

    def report(self, kind="error"):
        """The lines that a compiler prints, with a caret under the place."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        lines = [f"{place}: {kind}: {self.message}"]
        if self.source_line:
            lines.append("    " + self.source_line)
        if self.source_line and self.column:
            before = self.source_line[:self.column - 1]
            lines.append("    " + "".join("\t" if one == "\t" else " " for one in before) + "^")
        return "\n".join(lines)


# --- compile, link, call ---------------------------------------------------------------------------------

def _load_helpers():
    """What the compiler's code calls itself (conversions, variable arguments): members of libtcc1.a, once."""
    global _has_helpers
    path = "/usr/lib/x86_64-linux-gnu/tcc/libtcc1.a"
    with _loading:
        if _has_helpers:
            return
        try:
            with open(path, "rb") as file:
                archive = file.read()
        except OSError as error:
            print(f"{path}: {error.strerror}: conversions of long double and va_arg are missing", file=sys.stderr)
            archive = b""
        for name, member in _members(archive):
            if name in ("libtcc1.o", "va_list.o", "alloca86_64.o"):
                module, message, _ = _live.load_object(member, f"libtcc1:{name}", "other", 0, "", "")
                if module < 0:
                    print(f"{name} of {path}: {message}", file=sys.stderr)
        _has_helpers = True


def _members(archive):
    """(name, bytes) of the files in an ar archive."""
    at = 8
    while at + 60 <= len(archive):
        name, size = archive[at:at + 16].decode().rstrip(" /"), int(archive[at + 48:at + 58])
        yield name, archive[at + 60:at + 60 + size]
        at += 60 + size + size % 2


def _enter(source, name="", keep=True):
    """Compiles and links a source; its definitions count and are kept. A _live_c.Cell, whose run() or show() runs its statements."""
    error, cell = _live_c.enter(source, name, keep)
    if error is not None:
        raise _refusal(error)
    if cell.is_unfinished:
        _finish(cell)
    return cell


def _finish(cell):
    """What entering a cell leaves to do: warnings are shown, definitions are kept that are not all new."""
    for warning in cell.warnings:
        print(CompileError(*warning).report("warning"), file=sys.stderr)
    for names, source, uses in cell.unkept:
        for name in names:
            _kept.sources[name] = source
        try:
            _kept.record("c", source, names, uses)
        except OSError as error:
            print(f"{', '.join(names)}: not kept in /live: {error}", file=sys.stderr)


def _refusal(error):
    """The exception for what _live_c.enter could not do."""
    if isinstance(error, str):
        import _livelayer
        return _livelayer.LinkError(error.rstrip())
    file, line, column, message, source_line = error
    return CompileError(file, line, column, message + _near(message), source_line)


_UNKNOWN = re.compile(r"'(\w+)' (?:undeclared|is not declared)\Z")
# Macros and names that only a header has.
_HEADERS = {"errno": "errno.h", "va_list": "stdarg.h", "va_start": "stdarg.h", "va_arg": "stdarg.h", "va_end": "stdarg.h", "assert": "assert.h",
            "stdin": "stdio.h", "EOF": "stdio.h", "FILE": "stdio.h", "INT_MAX": "limits.h", "INT_MIN": "limits.h", "UINT_MAX": "limits.h",
            "LONG_MAX": "limits.h", "LONG_MIN": "limits.h", "CHAR_BIT": "limits.h", "UINT64_MAX": "stdint.h", "INT64_MAX": "stdint.h",
            "UINT32_MAX": "stdint.h", "PRIu64": "inttypes.h", "M_PI": "math.h", "isnan": "math.h", "O_RDONLY": "fcntl.h", "SEEK_SET": "unistd.h",
            "EXIT_SUCCESS": "stdlib.h", "EXIT_FAILURE": "stdlib.h", "RAND_MAX": "stdlib.h", "static_assert": "assert.h"}


def _near(message):
    """What was perhaps meant by a name that nobody knows."""
    found = _UNKNOWN.match(message)
    if found is None:
        return ""
    name = found[1]
    header = _HEADERS.get(name) or ("errno.h" if re.fullmatch("E[A-Z0-9]{3,}", name) else "")
    if header:
        return f"; #include <{header}> may define it"
    import difflib
    try:
        names = set(_live_c.names("")) | {row[0] for row in _live.symbols(name[:2], _LINK_NAMES, 5000)}
    except OSError:
        names = set(_live_c.names(""))
    near = difflib.get_close_matches(name, [one for one in names if one.isidentifier() and one != name], 3, 0.75)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _rebuild(source, keep=False):
    """For _kept: a definition again; its own statements (an initialiser that is no constant) run."""
    _enter(source, keep=keep).show()


_kept.builders["c"] = _rebuild


# --- from Python -----------------------------------------------------------------------------------------

def _view(type, address):
    """A view of what is no number, at an address; of a copy where the memory will go."""
    import _livevalues
    number = _live.type_named(type)
    if number is None:
        raise TypeError(f"the value's type {type} is not known to Python")
    info = _livevalues._info(number)
    if info.kind in ("struct", "union"):
        return _livevalues.Struct(number, _livevalues._Own(bytearray(_live.peek(address, info.size))))
    return _livevalues._load(number, _livevalues._Memory(address), 0)


# --- the prompt ------------------------------------------------------------------------------------------

def run_cell(text, name=""):
    """Runs a text and shows its value, or what is wrong with it."""
    import _livelayer
    try:
        shown = _enter(text, name).show()
    except CompileError as error:
        print(error.report(), file=sys.stderr)
    except (_livelayer.LinkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except _livelayer.KernelFault as error:
        print(fault_report(error), file=sys.stderr)
    else:
        if shown is not None:
            print(shown)


def fault_report(error):
    """A KernelFault as the lines that a debugger would show."""
    lines = [f"{type(error).__name__}: {error}"]
    for frame in getattr(error, "backtrace", ()):
        place = f" ({frame.file}:{frame.line})" if frame.file else ""
        lines.append(f"  {frame.address:#x}  {frame.name + f'+{frame.offset:#x}' if frame.name else '?'}{place}")
    return "\n".join(lines)


def explain(name):
    """What NAME? shows: declaration, source."""
    found = _live_c.find(name) or next(filter(None, (_live_c.find(f"{tag} {name}") for tag in ("struct", "union", "enum"))), None)
    if found:
        _, kind, source, type_text, declaration, _ = found
        print(f"Kind:      {kind}\nType:      {type_text or declaration}\nSource:\n{source}")
        return
    import _livelayer
    number = _live.type_named(name) or _live.type_named(f"struct {name}")
    if number is not None:
        print(_livelayer.Type(number))
    elif _live.declared(name):
        print(_livelayer._document(name, 0))
    else:
        print(f"Object {name!r} not found.")


# --- completion ------------------------------------------------------------------------------------------

_MEMBER = re.compile(r"(\.|->)\s*(\w*)\Z")


def _postfix(text):
    """The expression at the end of a text that a field is asked of: names, fields, calls, indices, parentheses; "": none."""
    at = len(text)
    while at > 0:
        if text[at - 1] in ")]":
            depth = 0
            for at in range(at - 1, -1, -1):
                depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(text[at], 0)
                if depth == 0:
                    break
            if depth:
                return ""
            if not re.search(r"[\w)\]]\Z", text[:at]):
                break  # a parenthesis by itself
        elif found := re.search(r"[A-Za-z_]\w*\Z", text[:at]):
            at = found.start()
            behind = re.search(r"(\.|->)\Z", text[:at])
            if behind is None:
                break
            at = behind.start()
        else:
            return ""
    return text[at:]


def complete(line, end, namespace):
    """(start, candidates) for the word before column `end`: fields behind . and ->, commands, names, keywords."""
    text = line[:end]
    start = len(text) - len(re.search(r"\w*\Z", text)[0])
    try:
        if re.match(r"\s*%\w*\Z", text):
            import _prompt
            return start, sorted(name for name in _prompt.COMMANDS if name.startswith(text[start:]))
        if found := _MEMBER.search(text):
            expression = _postfix(text[:found.start()])
            return start, _fields(expression, found[2]) if expression else []
        prefix = text[start:]
        names = set(_live_c.names(prefix)) | {word for word in _live_c.keywords() if word.startswith(prefix)}
        if prefix:
            names |= {row[0] for row in _live.symbols(prefix, _LINK_NAMES, 500) if row[0].isidentifier()}
            names |= set(_live.type_names(prefix))
        names = {name.rpartition(" ")[2] for name in names}
        return start, sorted(name for name in names if name.isidentifier() and name.startswith(prefix) and not name.startswith("__cell_"))
    except Exception:
        return start, []


def _fields(expression, prefix):
    cell = _live_c.prepare(expression, False, "")
    number = _live.type_named(cell["type"].removesuffix("*").strip())
    return sorted(row[0] for row in _live.fields(number, True) if row[0] and row[0].startswith(prefix))


# --- programs --------------------------------------------------------------------------------------------

_STATUS = {"divide": 136, "abort": 134, "interrupted": 130, "invalid opcode": 132}


def run_program(path, arguments):
    """Runs a C file that was handed over: its statements, then main() if it has one. The status for the host."""
    import os
    import _livelayer
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            cell = _enter(file.read(), name, keep=False)
        status = cell.run(_view)
        main = next((type for names, kind, _, type, *_ in cell.definitions if kind == "function" and "main" in names), None)
        if main is not None:
            status = _call_main(main, [path, *arguments])
        return status & 0xff if isinstance(status, int) else 0
    except CompileError as error:
        print(error.report(), file=sys.stderr)
    except (_livelayer.LinkError, OSError) as error:
        print(f"{name}: error: {error}", file=sys.stderr)
    except _livelayer.KernelFault as error:
        if error.kind == "exit":
            return error.address & 0xff
        print(fault_report(error), file=sys.stderr)
        return _STATUS.get(error.kind, 139)
    return 1


def _call_main(type, arguments):
    if type.endswith("()"):
        return _enter("main()", keep=False).run(_view)
    texts = ", ".join('"' + "".join(f"\\{byte:03o}" for byte in argument.encode()) + '"' for argument in arguments)
    return _enter(f"static char *arguments__[] = {{{texts}, (char *)0}}; main({len(arguments)}, arguments__)", keep=False).run(_view)
