"""The live layer from Python: `polyglot.live`, `polyglot.kernel`, link, export (see the functions' own texts).

Frozen as `_livelayer`; the native part is `_live` (world/src/live/native/), values of C types are in live_values.py, faults in live_faults.py. Users reach
it by the module polyglot.
"""

import _kept
import _live
import errno
import os
from _kept import sources
from _livenames import Names
from _livectypes import _as_scalar
from _livefaults import KernelFault, _make_fault, faults
from _livetypes import Symbol, _CONTEXTS, _KERNEL, _LIVE, _ORIGINS, _WORLD, _declared, _field, _info, _no_field, _symbol
from _livevalues import Array, Pointer, Struct, Type, _Memory, _as_pointer, _as_record, _function, _load, _make_value, _store, _type_number
from _tables import Table, row_type


_REPLACED = 8  # LIVE_FLAG_PATCHED of live/live.h


class LinkError(ImportError):
    """An object was not linked into the running kernel; the message lists everything that is missing."""

    __module__ = "polyglot"


# --- the namespaces --------------------------------------------------------------------------------------

class Namespace(Names):
    """polyglot.live: names of code that was typed or linked; polyglot.kernel: the kernel's names, and what live code added.

    NAME               a function (call it: arguments are checked, faults raise KernelFault) or a variable's value
    NAME = value       writes a variable
    CONSTANT           polyglot.kernel only: a constant of an enumeration of C
    ["file.c:NAME"]    a static of a kernel file
    NAME in it, list(it)  is there such a name?  all names
    search(text)       symbols that contain a text;  modules()  what is loaded;  unload(module)
    disassemble(name)  its machine code;  source(name)  its source, or where it is;  size(name), users(name)
    type(name), struct(tag, address), cast(type, address), list(head, type, link)  types and memory
    """

    def __init__(self, title, origins):
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_origins", origins)

    def _has(self, symbol):
        return self._origins >> symbol.origin & 1 or symbol.origin == _WORLD and symbol.name in exported

    def _find(self, name):
        symbol = _symbol(name)
        if symbol is None or not self._has(symbol):
            if symbol:
                where = f" (polyglot.{_ORIGINS[symbol.origin]} has it)"
            elif self is not kernel and kernel._constant(name) is not None:
                where = f" (polyglot.kernel.{name} is a constant of an enumeration)"
            else:
                where = _near(name, self._origins)
            raise AttributeError(f"polyglot.{self._title} has no {name!r}{where}")
        return symbol

    def _constant(self, name):
        """The value of an enumeration's constant, or None. polyglot.live and modules have none: a function that is gone must not become
        something else silently."""
        return _live.constant(name) if self._origins >> _KERNEL & 1 else None

    def find_name(self, name):
        """What is no attribute: Names calls this, and keeps functions until names change."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name):
        try:
            symbol = self._find(name)
        except AttributeError:
            constant = self._constant(name)
            if constant is None:
                raise
            return constant
        declared = _declared(name)
        if declared is None:
            what = "function" if symbol.kind == 1 else "variable"
            why = symbol.origin == _KERNEL and _live.kernel_error() or "its object has no debug data"
            raise TypeError(f"the type of the {what} {name} is not known ({why}): "
                            f"polyglot.{self._title}.typed(\"int {name}(int)\") gives it one")
        if symbol.kind == 1:
            return _function(name, symbol.address, declared.type)
        return _load(declared.type, _Memory(symbol.address), 0)

    def __contains__(self, name):
        symbol = _symbol(name)
        return symbol is not None and bool(self._has(symbol)) or self._constant(name) is not None

    def __iter__(self):
        """The names of its functions and variables, sorted."""
        symbols = (Symbol(*found) for found in _live.symbols("", self._origins | 1 << _WORLD, 100000))
        return iter(sorted({symbol.name for symbol in symbols if self._has(symbol)}))

    def __setattr__(self, name, value):
        self[name] = value

    def __setitem__(self, name, value):
        symbol = self._find(name)
        declared = _declared(name)
        if symbol.kind == 1:
            raise TypeError(f"{name} is a function: polyglot.replace({name!r}, source) replaces it")
        if declared is None:
            raise TypeError(f"the type of {name} is not known")
        _store(declared.type, _Memory(symbol.address), 0, value, name)

    def __dir__(self):
        names = [row[0] for row in _live.symbols("", self._origins, 100000) if row[0].isidentifier()]
        return sorted({*names, *exported}) + [name for name in Namespace.__dict__ if not name.startswith("_")]

    def __call__(self):
        return self.search("")

    def __repr__(self):
        try:
            found = self.search("")
        except OSError as error:
            return f"<polyglot.{self._title}: {error.strerror}>"
        return str(found) if len(found) <= 200 else f"<polyglot.{self._title}: {len(found)} names; .search(text) finds some>"

    def search(self, text=""):
        """search(text) -> Table of the symbols whose names contain it: name, kind, type, size, module, users, address"""
        Row = row_type("Symbol", ["name", "kind", "size", "origin", "module", "users", "address", "type"])
        names = {number: name for number, name, *_ in _live.modules()}
        rows = []
        for found in _live.symbols("", self._origins | 1 << _WORLD, 100000):
            symbol = Symbol(*found)
            if self._has(symbol) and text.lower() in symbol.name.lower():
                declared = _declared(symbol.name) if self._origins == 1 << _LIVE or text else None
                rows.append(Row(symbol.name, "function" if symbol.kind == 1 else "variable", symbol.size, "Python" if symbol.name in exported else _ORIGINS.get(symbol.origin, "?"),
                                names.get(symbol.module, str(symbol.module) if symbol.module else ""), symbol.users, f"{symbol.address:#x}",
                                _live.spell(declared.type, symbol.name) if declared else ""))
        return Table(self._title, Row._fields, rows)

    def modules(self):
        """modules() -> Table of what is loaded: id, name, language, bytes of the object"""
        Row = row_type("Module", ["id", "name", "language", "bytes"])
        return Table("modules", Row._fields, [Row(*row) for row in _live.modules()])

    def size(self, name):
        """size(name) -> int: bytes of a function's code or of a variable"""
        return self._find(getattr(name, "__name__", name)).size

    def users(self, name):
        """users(name) -> list of str: the modules that use a live function or variable"""
        symbol = self._find(getattr(name, "__name__", name))
        rows = [line.partition(" is used by ") for line in _live.users(symbol.module).splitlines()] if symbol.module else []
        return [user for used, _, user in rows if used == symbol.name]

    def unload(self, module, force=False):
        """unload(module, force=False): unloads a module (its object, id or name); LinkError says who uses it"""
        number = module.id if isinstance(module, Module) else module
        if isinstance(module, str):
            found = [row[0] for row in _live.modules() if row[1] == module]
            if not found:
                raise KeyError(f"no module is named {module!r}: polyglot.live.modules() lists them")
            number = found[-1]
        why = _live.unload(number, force)
        if why:
            raise LinkError(why.rstrip())

    def typed(self, declaration):
        """typed("int name(int a)"): gives a function or variable without debug data a type"""
        name = _live.type_declared(declaration)
        if name is None:
            raise ValueError(f"this is no declaration with known types: {declaration}")
        return self[name]

    def disassemble(self, name):
        """disassemble(name or function) -> text: the machine code of a function as it is now, in Intel syntax"""
        symbol = self._find(getattr(name, "__name__", name))
        code = _live.peek(symbol.target or symbol.address, symbol.size or 256)
        lines = [f"{symbol.name}: {symbol.size} bytes at {symbol.target:#x}"]
        lines += [f"  {address:#x}  {data:<20}  {text}" for address, data, text in _live.disassemble(code, symbol.target)]
        return _Text("\n".join(lines))

    def source(self, name):
        """source(name) -> text: the source of a definition, or where it is"""
        name = getattr(name, "__name__", name)
        if name in sources:
            return _Text(sources[name])
        if self is kernel and _symbol(name) is None:
            import _replacing
            if text := _replacing.inline_source(name):
                return _Text(text)
        symbol = self._find(name)
        declared, (file, line) = _declared(name), _place(name, symbol)
        if not file:
            raise OSError(2, f"the source of {name} is not known")
        import _ownfile
        if symbol.origin == _KERNEL and symbol.flags & _REPLACED:
            import _replacing
            return _Text(_replacing.source_in_force(name))
        text = _ownfile.source_of(file) if symbol.origin == _KERNEL else _text_beside(symbol, file, line)
        if text is not None:
            return _Text(_definition_at(text.splitlines(), line))
        place = "the kernel's source" if symbol.origin == _KERNEL else "the source it was compiled from"
        return _Text(f"{_live.spell(declared.type, name) if declared else name}; in {file}:{line} of {place}")

    # --- types and memory ---

    def type(self, name):
        """type("struct thread") -> Type"""
        return Type(_type_number(name))

    def cast(self, type, address):
        """cast("struct thread *", address) -> Pointer (or a view, where the type is no pointer)"""
        number = _type_number(type)
        address = address if isinstance(address, int) else _address_of(address)
        if _info(number).kind == "pointer":
            return Pointer(number, address)
        return _load(number, _Memory(address), 0)

    def struct(self, tag, address):
        """struct("page", address) -> Struct: the structure that lies at an address or is pointed to"""
        return self.cast(tag if tag.startswith(("struct ", "union ")) else f"struct {tag}", address)

    def address_of(self, name):
        """address_of(name or view) -> int"""
        return self._find(name).address if isinstance(name, str) else _address_of(name)

    def list(self, head, type, link):
        """list(head, "struct thread", "all_link"): the structures on a list of the kernel (lib/list.h), one after the other

        head: the list's head by name, view, pointer or address. The list may change meanwhile: nothing holds its lock.
        RuntimeError: from an entry that has gone to another list, the way never came back to the head.
        """
        number = _type_number(type)
        info = _info(number)
        found = _field(info, link)
        if found is None:
            raise AttributeError(_no_field(info, link))
        start = self.address_of(head) if isinstance(head, str) else _address_of(head)
        at = int.from_bytes(_live.peek(start, 8), "little")
        known, steps, limit = at, 0, 1  # an entry of before, taken anew after 1, 2, 4, 8... steps: in a ring it comes again
        while at not in (start, 0):
            yield _load(number, _Memory(at - found[1]), 0)
            at = int.from_bytes(_live.peek(at, 8), "little")
            if at == known and at != start:
                raise RuntimeError("the list does not lead back to its head: an entry has gone to another one meanwhile")
            steps += 1
            if steps == limit:
                known, steps, limit = at, 0, 2 * limit


def _address_of(value):
    if isinstance(value, int):
        return value
    if isinstance(value, Pointer):
        return value._address
    if isinstance(value, (Struct, Array)) and value._memory.address is not None:
        return value._memory.address
    if isinstance(value, _live.Function):
        return value.address
    raise TypeError(f"a {type(value).__name__} has no address")


def _near(name, origins):
    import difflib
    try:
        names = [row[0] for row in _live.symbols(name[:1], origins, 100000)]
    except OSError:
        return ""
    near = difflib.get_close_matches(name, names, 3)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _definition_at(lines, first):
    """The lines of the definition that begins near a line, with the comment above it."""
    start = first - 1
    while start > 0 and lines[start].startswith("{"):
        start -= 1  # tcc's lines begin here
    while start > 0 and lines[start - 1].startswith((" *", "/*", "*/", "//", "#[")):
        start -= 1
    end = next((at for at in range(first - 1, len(lines)) if lines[at].startswith(("}", "};")) or lines[at].endswith(";") and at == first - 1), first)
    return "\n".join(lines[start:end + 1])


def _place(name, symbol):
    """(file, line) of a definition as debug data has it, or as the lines of its code say; ("", 0): unknown."""
    declared = _declared(name)
    if declared and declared.file:
        return declared.file, declared.line
    known = symbol and symbol.origin == _LIVE and symbol.kind == 1 and _live.line(symbol.target, symbol.module, name, 0)
    return known or ("", 0)


def _text_beside(symbol, file, line):
    """The text of a live module's source, if it lies beside the object (or where its debug data says) and has the name near that line; None."""
    module = next((row[1] for row in _live.modules() if row[0] == symbol.module), "")
    for folder in (os.path.dirname(module), ""):
        try:
            with open(os.path.join(folder, file), encoding="utf-8") as source:
                text = source.read()
        except (OSError, UnicodeDecodeError):
            continue
        if any(symbol.name in one for one in text.splitlines()[max(line - 3, 0):line + 1]):
            return text
    return None


exported = {}
"""Python functions that export() gave to live code: name -> function."""


def _document(name, address):
    """help() of a function: declaration, place, size, users."""
    declared = _declared(name)
    lines = [_live.spell(declared.type, name) + ";" if declared else name]
    try:
        symbol = _symbol(name)
    except OSError:
        symbol = None
    if symbol:
        lines.append(f"{_ORIGINS.get(symbol.origin, '?')} {'function' if symbol.kind == 1 else 'variable'} at {symbol.address:#x}, {symbol.size} bytes, "
                     f"may be called from: {_CONTEXTS.get(symbol.context, '?')}")
        if symbol.origin == _LIVE:
            lines.append(f"generation {symbol.generation}, used by {symbol.users} module{'' if symbol.users == 1 else 's'}")
        if symbol.flags & _REPLACED:
            lines.append("replaced at the moment: polyglot.history() tells by what")
        if symbol.flags & 16:
            lines.append("switched off: it faulted where the kernel called it; define it anew")
    if name in exported:
        lines += ["exported by Python", exported[name].__doc__ or ""]
    file, line = _place(name, symbol)
    language = declared.language if declared else ""
    if file or language:
        lines.append(", ".join(filter(None, [language, f"{file}:{line}" if line else file])))
    if name in sources:
        lines += ["", sources[name].strip()]
    return "\n".join(lines)


class _Text(str):
    """A str that prints as its lines."""

    def __repr__(self):
        return str(self)


class _Help:
    """help("name") explains a live or kernel name that means nothing to Python; everything else is Python's help()."""

    def __init__(self, own):
        self._own = own

    def __call__(self, *arguments):
        if len(arguments) == 1 and isinstance(arguments[0], str) and not self._is_pythons(arguments[0]):
            try:
                known = _symbol(arguments[0])
            except OSError:
                known = None
            if known:
                print(_document(arguments[0], known.address))
                return
        self._own(*arguments)

    @staticmethod
    def _is_pythons(name):
        import builtins
        import keyword
        import sys
        return hasattr(builtins, name) or name in sys.modules or keyword.iskeyword(name) or not name.strip()

    def __repr__(self):
        return repr(self._own)


def _wrap_help():
    import builtins
    own = getattr(builtins, "help", None)
    if own is not None and not isinstance(own, _Help):
        builtins.help = _Help(own)


_wrap_help()
_live.hooks({"fault": _make_fault, "value": _make_value, "pointer": _as_pointer, "record": _as_record, "scalar": _as_scalar, "document": _document})
live = Namespace("live", 1 << _LIVE)
kernel = Namespace("kernel", 1 << _KERNEL | 1 << _LIVE | 1 << _WORLD)


# --- linking ---------------------------------------------------------------------------------------------

class Module(Namespace):
    """A module that link() loaded: its names are attributes."""

    def __init__(self, number, name, defined):
        super().__init__("live", 1 << _LIVE)
        object.__setattr__(self, "id", number)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "defined", defined)

    def __dir__(self):
        return [name for name in self.defined if name.isidentifier()]

    def __repr__(self):
        shown, more = self.defined[:12], len(self.defined) - 12
        return f"<live module {self.id} {self.name}: {', '.join(shown)}{f' and {more} more' if more > 0 else ''}>"

    def unload(self, force=False):
        """unload(force=False): LinkError says who uses it"""
        live.unload(self.id, force)


def link(path, all=False, name=None, archive=None):
    """link(path, all=False, archive=None) -> Module: links an object (.o) or archive (.a) of any compiler into the running kernel

    Functions and variables that it defines are names of polyglot.live from then on, for every language; what it does not
    define must be there, or in archive: a library, or a list of them, whose members are taken as they are needed (Rust's libcore-*.rlib
    and libcompiler_builtins-*.rlib).
    all: every member of an archive that is linked, and not only the first and those that define something that is missing.
    path and archive may also be the files' contents as bytes. LinkError lists all that is missing, with the nearest names; then
    nothing has changed. Code must be built with -mcmodel=kernel or as PIC.
    """
    data, own_name = _contents(path)
    library = _join_archives(archive) if archive is not None else b""
    name = name or own_name
    number, message, _ = _live.load_object(data, name, "", 1 if all else 0, "", "", library)
    if number < 0:
        if "__ubsan_handle_" in message:
            message = f"{message.rstrip()}\nnames of the undefined-behaviour sanitizer: build with -fno-sanitize=undefined"
        raise LinkError(message.rstrip())
    defined = [line.split()[0] for line in message.splitlines() if line.strip() and not line.startswith("... and ")]
    return Module(number, name, defined)


def _join_archives(paths):
    """One archive of the members of all: an archive is a line and members, and a table of long names counts from where it stands."""
    one = isinstance(paths, (str, bytes, bytearray, memoryview, os.PathLike))
    joined = b""
    for data, name in map(_contents, [paths] if one else paths):
        if not data.startswith(b"!<arch>\n"):
            raise LinkError(f"{name} is no archive")
        joined += data[8 if joined else 0:] + b"\n" * (len(data) & 1)
    return joined


def _contents(path):
    """The bytes of a file that is given by its path or as bytes, and its name."""
    if isinstance(path, (bytes, bytearray, memoryview)):
        return bytes(path), "bytes"
    path = os.fspath(path)
    with open(path, "rb") as file:
        return file.read(), path


# --- stopping ----------------------------------------------------------------------------------------------

def stop(thread):
    """stop(thread): ends live code that runs in another thread

    thread: the number of a kernel thread that live code started (polyglot.threads() lists them), which ends; or a threading.Thread
    whose call of a live function shall end, there with KeyboardInterrupt. A function of the kernel that it is in returns
    first: TimeoutError, if a kernel thread has not ended after two seconds; it does when that returns.
    """
    number = getattr(thread, "native_id", None) or getattr(thread, "id", None) or thread
    error = -_live.stop(int(number))
    if error == errno.ESRCH:
        raise ProcessLookupError(error, f"thread {number} runs no live code")
    if error == errno.EBUSY:
        raise TimeoutError(f"thread {number} waits in a function of the kernel; it ends when that returns")
    if error:
        raise OSError(error, os.strerror(error))


# --- exports -----------------------------------------------------------------------------------------------

def export(signature):
    """export("int name(int a)")(function): makes a Python function callable by live code, from threads of Python

    An exception in it ends the live call that called it and comes out there. Redefinition replaces it. It is never freed.
    Its source is kept in /live as other definitions are, if it is one of the prompt's and says all of itself.
        >>> @polyglot.export("int twice(int n)")
        ... def twice(n): return 2 * n
    """
    name = _live.type_declared(signature)
    if name is None:
        raise ValueError(f"this is no declaration of a function with known types: {signature}")
    number = _declared(name).type

    def decorate(function):
        _live.export(name, number, function)
        exported[name] = function
        if _rebuilt is None:
            _keep_export(name, signature, function)
        else:
            sources[name] = _rebuilt
        return function
    return decorate


_rebuilt = None  # the kept definition that is being built again


def _keep_export(name, signature, function):
    import sys
    try:
        sources[name] = _source_of_export(signature, function)
        _kept.record("python", sources[name], [name])
    except (ValueError, OSError) as error:
        print(f"{name}: not kept in /live: {error}", file=sys.stderr)


def _source_of_export(signature, function):
    """Python that defines the function and exports it. ValueError: its source alone would not do."""
    import ast
    import inspect
    import textwrap
    if getattr(function, "__module__", None) != "__main__" or not inspect.isfunction(function):
        raise ValueError("it is no function that was typed")
    if function.__closure__:
        raise ValueError("it uses variables of the function around it")
    try:
        text = textwrap.dedent(inspect.getsource(function))
        nodes = list(ast.walk(ast.parse(text)))
    except (OSError, SyntaxError):
        raise ValueError("its source is not known") from None
    if function.__name__ == "<lambda>":
        found = [ast.get_source_segment(text, node) for node in nodes if isinstance(node, ast.Lambda)]
        if len(found) != 1:
            raise ValueError("there are several lambdas in its line")
        return f"import polyglot\n\npolyglot.export({signature!r})({found[0]})\n"
    node = next((node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == function.__name__), None)
    if node is None:
        raise ValueError("its source is not known")
    lines = text.split("\n")[:node.end_lineno]
    for decorator in reversed(node.decorator_list):
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("export"):
            del lines[decorator.lineno - 1:decorator.end_lineno]
    return "\n".join(["import polyglot", "", *lines, "", f"polyglot.export({signature!r})({node.name})", ""])


def _rebuild(source, keep=False):
    """For _kept: a Python function again, in the prompt's namespace."""
    global _rebuilt
    import __main__
    import linecache
    code = compile(source, "<kept>", "exec")
    linecache._register_code(code, source, "<kept>")
    _rebuilt = None if keep else source
    try:
        exec(code, __main__.__dict__)
    finally:
        _rebuilt = None


_kept.builders["python"] = _rebuild
