"""Replacing functions: `polyglot.replace`, `restore`, `history`. Frozen as `_replacing`.

    replace("vfs_open", source)     a kernel function: compiled in its place in its own file (own_file.py), linked hidden, put in force
    replace("list_append", source)  an inline function of a header: in all kernel functions that contain it (inlines.py)
    replace("mine", source)         a live function: a redefinition, as at the C prompt, after its type was compared
    restore("vfs_open")             the version before; restore(name, version=1): that one, 0: the kernel's own
    history("vfs_open")             its versions: of kernel functions from versions.py and the kernel, of live ones from /live (kept.py)

A version of before is built again from its source and is a new version in force; so numbers only grow, as the kernel counts.
"""

import re
import sys

import _inlines
import _kept
import _live
import _ownfile
import _versions
from _livetypes import _EFAULT, _LIVE, _WORLD, _declared, _info, _symbol
from _tables import Table, row_type

_HIDDEN, _FORCE = 8, 4  # LIVE_LOAD_... of live/control.h
_BEFORE = "#define POLYGLOT_KERNEL 1\n#include <lib/tcc_builtins.h>\n"
_SPECIFIERS = r"\A(?:(?:LOCAL|static|inline|extern|KEEP|NORETURN|MUST_CHECK)\b\s*|[A-Z_]{3,}\([^()]*\)\s*)+"
TITLE = "replacement.c"  # in what is compiled the given source has this name
_STATIC_VARIABLE = r"\bstatic\b(?!\s+const\b[^;=*]*[;=])"  # not one that nobody changes
Row = row_type("Version", ["name", "version", "state", "time", "calls", "faults", "source"])


class ReplaceError(RuntimeError):
    """A function was not replaced; the message says why."""

    __module__ = "polyglot"


def replace(name, source_or_object, lang="c", trial=5.0, idempotent=False, force=False):
    """replace(name, source, lang="c", trial=5.0, idempotent=False, force=False): another definition of a function, for all callers at once

    name    a kernel function ("vfs_open", "file.c:name"), an inline function of a kernel header, or a live function
    source  C that defines it again with the same type. Of a kernel function: it sees all that the function's own file sees, macros
            and statics too, without an #include. For an inline function all kernel functions that contain it are built anew
            from their own source: all or none. Or an object (bytes) of any compiler, built without SSE.
    trial   seconds in which a fault of the new version brings the old one back by itself; the faulting call returns -EFAULT,
            or NULL, or is run again in the old version if idempotent
    force   a changed type of a live function; who was compiled for the old one is listed
    ReplaceError says why not, CompileError what is wrong in the source. See restore(name), history(name).
    """
    symbol = _symbol(name)
    short = name.rsplit(":", 1)[-1]
    declared = _declared(name)
    if symbol is None and _inlines.is_inline(short):
        _inlines.replace(short, source_or_object, lang, trial, idempotent)
        return
    if symbol is None:
        _refuse_inlined(name, short)
        from _livelayer import _near, kernel
        raise ReplaceError(f"there is no function {name}{_near(name, kernel._origins)}")
    if symbol.kind != 1:
        raise ReplaceError(f"{name} is a variable: polyglot.kernel.{name} = value writes it")
    if symbol.origin == _WORLD:
        raise ReplaceError(f"{name} belongs to the world's libraries, which cannot be replaced")
    if symbol.origin == _LIVE:
        return _replace_live(name, symbol, declared, source_or_object, lang, force)
    _refuse_inlined(name, short)
    _refuse_rebuilt(short)
    _put(_build(name, short, declared, source_or_object, lang), trial, idempotent)


def restore(name, version=None, trial=5.0, force=False):
    """restore(name, version=None): the version before the one in force is in force again; a number of history(name): that one

    0 is the kernel's own. What is not there any more is built again from its source and becomes a new version. ReplaceError.
    """
    if _has_kept_versions(name):
        return _restore_live(name, version, force)
    short = name.rsplit(":", 1)[-1]
    _refuse_rebuilt(short)
    found = {kept.number: kept for kept in _versions.versions(short)}
    current = _in_force(short)
    if version is None:
        if current == 0:
            raise ReplaceError(f"{name} is not replaced: the kernel's own version is in force")
        version = found[current].before if current in found else 0
    if version == current:
        raise ReplaceError(f"version {version} of {name} is in force")
    if version == 0:
        is_inline = current in found and found[current].owners
        return _inlines.restore(short) if is_inline else _checked(_live.restore(name))
    if version not in found:
        raise ReplaceError(f"{name} has no version {version}: history({name!r}) lists them")
    old = found[version]
    if old.owners:
        _inlines.replace(short, old.source, trial=trial, idempotent=old.idempotent, before=old.before)
        return
    _put(_build(old.name, short, _declared(old.name), old.source, old.language), trial, old.idempotent, before=old.before)


def history(name=None):
    """history(name) -> Table of the versions of a function, without a name of all that were replaced

    version   0 is the kernel's own; restore(name, version) brings one back
    state     trial and active: in force; superseded, restored (another one was asked for), rolled back (it faulted), original
    calls, faults   of kernel functions, counted while the kernel remembers the version (the last 16)
    """
    rows = []
    if name is None:
        for known in _versions.names():
            rows += _kernel_rows(known)
        return Table("history", Row._fields, rows)
    if _has_kept_versions(name):
        rows = _live_rows(name)
    else:
        rows = _kernel_rows(name.rsplit(":", 1)[-1])
    return Table("history", Row._fields, rows)


# --- kernel functions --------------------------------------------------------------------------------------

class _Built:
    """A version that is linked and not in force yet."""

    def __init__(self, name, short, declared, source, language, module, target):
        self.name, self.short, self.declared, self.source, self.language = name, short, declared, source, language
        self.module, self.target = module, target


def _build(name, short, declared, given, lang):
    """Compiles and links a version, hidden."""
    from _livelayer import LinkError
    file = name.rsplit(":", 1)[0] if ":" in name else (declared.file if declared else "")
    if isinstance(given, (bytes, bytearray, memoryview)):
        data, number = bytes(given), None
    else:
        data, number = _compile(given, lang, short, file, lambda number: _check_type(name, short, declared, number))
    _check_type(name, short, declared, number)
    module, message, target = _live.load_object(data, f"{short}:replacement", lang, _HIDDEN, file, short)
    if module < 0:
        raise LinkError(message)
    return _Built(name, short, declared, given, lang, module, target)


def _compile(source, lang, short, file, check):
    """(object, type or None) of a kernel function's new source. check(type) comes before the compiler, which knows the old one, too."""
    if lang != "c":
        raise ReplaceError(f"there is no compiler for {lang} inside yet: give its object as bytes")
    text, number, own = source, None, _ownfile.find(source, short)
    if own is not None:
        number = _live.type_named(re.sub(_SPECIFIERS, "", source[own.start:own.body]).strip())
        check(number)
    has_includes = re.search(r"^\s*#\s*include", source, re.M)
    whole = None if has_includes else _ownfile.source_of(file)
    if whole is not None:
        old = _ownfile.find(whole, short)
        if old is not None:  # else a macro makes it there: it sees what the debug data knows
            _refuse_statics(short, whole[old.body:old.end], source[own.body:own.end] if own else "")
            version = f'{_others(source, whole)}\n#line 1 "{TITLE}"\n{source}'
            text = _BEFORE + _ownfile.in_place(whole, short, version, TITLE)
    made = _live.compile_version(text, short, file, True)
    if made[0] is None:
        raise _compile_error(source, *made[1:])
    return made[0], made[1] if number is None and text is source else number


def _others(source, whole):
    """Declarations of functions and variables that a version names and its file does not know: live ones, other files'."""
    found = []
    for word in sorted(set(re.findall(r"[A-Za-z_]\w*", source)) - _ownfile.words_seen(_BEFORE + whole) - {"int", "long", "char"}):
        declared = _declared(word)
        if declared is not None and _ownfile.find(source, word) is None:
            text = _live.spell(declared.type, word)
            found += [f"{tag};" for tag in sorted(set(re.findall(r"\b(?:struct|union) \w+", text)))] + [f"extern {text};"]
    return "\n".join(found)


def _refuse_statics(short, old, new):
    """A variable of the function's own would begin anew: tcc gives it no name by which the linker could find the old one."""
    if re.search(_STATIC_VARIABLE, old) and re.search(_STATIC_VARIABLE, new):
        raise ReplaceError(f"{short} has a static variable in its body, whose value only an object of clang can keep: give it as bytes")


def _put(built, trial, idempotent=False, before=None, note=True):
    """Puts a version in force and notes it; its number."""
    failure, stack = _failure_and_stack(built.declared)
    current = _in_force(built.short) if before is None else before
    error, message = _live.replace(built.name, built.target, built.module, int(trial * 1e9), failure, stack, 1 if idempotent else 0)
    if error < 0:
        _live.unload(built.module, True)
        raise ReplaceError(message)
    number = int(re.search(r"version (\d+)", message)[1])
    if note:
        _versions.note(built.short, number, built.source, name=built.name, language=built.language, before=current, idempotent=idempotent)
    return number


def _checked(result):
    error, message = result
    if error < 0:
        raise ReplaceError(message)


def _kernel_table():
    """{function: [(version, state, calls, faults)]} as the kernel knows them."""
    table = {}
    try:
        with open("/proc/polyglot/replacements") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        lines = []
    for line in lines:
        name, version, _, _, state, calls, faults = line.split("\t")
        table.setdefault(name, []).append((int(version), state, int(calls), int(faults)))
    return table


def _in_force(short):
    """The number of the version in force."""
    return _number_in_force(_kernel_table().get(short, ())) or _inlines.in_force(short)


def _number_in_force(rows):
    """The same, by a function's rows of _kernel_table(); 0: the kernel's own."""
    return max((version for version, state, _, _ in rows if state in ("trial", "active")), default=0)


def _kernel_rows(short):
    found = {kept.number: kept for kept in _versions.versions(short)}
    table = _kernel_table()
    known = {version: rest for version, *rest in table.get(short, [])}
    for kept in found.values():
        if kept.owners:
            state, faults = _inlines.state_and_faults(kept, table)
            known.update({0: ("original", "", ""), kept.number: (state, "", faults)})
    rows = []
    for number in sorted(found.keys() | known.keys()):
        kept = found.get(number)
        state, calls, faults = known.get(number, ("superseded", "", ""))
        rows.append(Row(short, number, state, kept.when() if kept else "", calls, faults, kept.summary() if kept else ""))
    return rows


def source_in_force(name):
    """The source of the version of a kernel function that is in force."""
    short = name.rsplit(":", 1)[-1]
    number = _in_force(short)
    kept = next((kept for kept in _versions.versions(short) if kept.number == number), None)
    if kept is None and _inlines.owner_of(short):  # built anew from its own source
        whole = _ownfile.source_of(_declared(short).file)
        item = _ownfile.find(whole, short)
        return whole[item.start:item.end]
    if kept is None:
        raise OSError(2, f"the source of version {number} of {name} is not known")
    return kept.source if isinstance(kept.source, str) else kept.summary()


def in_force():
    """(name, source) of the kernel functions that are replaced; objects have no source, and are reported."""
    found = []
    for short in _versions.names():
        kept = _versions.versions(short)
        number = _in_force(short)
        current = next((one for one in kept if number and one.number == number), None)
        if current is not None and isinstance(current.source, str):
            found.append((current.name, current.source))
        elif current is not None:
            print(f"live: {short} is replaced by an object, which is not saved", file=sys.stderr)
    return found


_kept.builders["replacement"] = replace


# --- functions that are compiled into others ----------------------------------------------------------------

def _refuse_inlined(name, short):
    owners = ", ".join(f"{owner} ({file})" for owner, file in _live.inlined_into(short) if owner)
    if owners:
        raise ReplaceError(f"{name} is compiled into other functions, which would keep the old code: {owners}. Replace these; "
                           f"polyglot.kernel.source() shows their source")


def _refuse_rebuilt(short):
    inline = _inlines.owner_of(short)
    if inline is not None:
        raise ReplaceError(f"{short} was built anew for {inline}, which is compiled into it: restore({inline!r}) first")


def inline_source(short):
    """The source of an inline function of the kernel's headers that is in force; None: there is none."""
    if _inlines.in_force(short):
        return source_in_force(short)
    found = _inlines.find(short)
    return found and found[1][found[2].start:found[2].end]


# --- live functions -----------------------------------------------------------------------------------------

def _replace_live(name, symbol, declared, given, lang, force):
    from _livelayer import LinkError
    users = _users(name, symbol)
    if isinstance(given, (bytes, bytearray, memoryview)):
        module, message, _ = _live.load_object(bytes(given), f"{name}:{symbol.generation + 1}", lang, _FORCE if force else 0, "", "")
        if module < 0:
            raise LinkError(message)
        return
    if lang != "c":
        raise ReplaceError(f"there is no compiler for {lang} here: define {name} again at the {lang} prompt, or give its object as bytes")
    own = _ownfile.find(given, name)
    if own is None:
        raise ReplaceError(f"the source does not define {name}")
    number = _live.type_named(re.sub(_SPECIFIERS, "", given[own.start:own.body]).strip())
    changed = _check_type(name, name, declared, number, force, users)
    import _c_prompt
    _c_prompt._enter(given).show()
    if changed and users:
        print(f"live: {name} has another type now; compiled for the old one: {users}", file=sys.stderr)


def _users(name, symbol):
    """Who uses a live function: kept definitions by name, and how many modules."""
    names = sorted(user for definition in _kept.records() if name in definition.uses for user in definition.names)
    if symbol.users and len(names) < symbol.users:
        names.append(f"{symbol.users - len(names)} module{'s' if symbol.users - len(names) != 1 else ''} that no kept definition names")
    return ", ".join(names)


def _has_kept_versions(name):
    """A live function, or a Python function that was exported: /live has what it was before."""
    symbol = _symbol(name)
    return symbol is not None and (symbol.origin == _LIVE or symbol.origin == _WORLD and _kept.history(name) != [])


def _live_rows(name):
    versions = _kept.history(name)
    return [Row(name, at + 1, "active" if at == len(versions) - 1 else "superseded", "", "", "", " ".join(definition.source.split())[:80])
            for at, definition in enumerate(versions)]


def _restore_live(name, version, force):
    versions = _kept.history(name)
    before = []  # what restore() goes back through: a version that came again ends what came after it
    for number, definition in enumerate(versions, 1):
        same = next((at for at, (_, other) in enumerate(before) if other.source.strip() == definition.source.strip()), None)
        before = before[:same] if same is not None else before
        before.append((number, definition))
    if version is None:
        if len(before) < 2:
            raise ReplaceError(f"{name} has no version before this one")
        version = before[-2][0]
    if not 1 <= version <= len(versions):
        raise ReplaceError(f"{name} has no version {version}: history({name!r}) lists them")
    definition = versions[version - 1]
    if definition.language == "c":
        return _replace_live(name, _symbol(name), _declared(name), definition.source, "c", force)
    _kept.builder_of(definition.language)(definition.source)
    _kept.record(definition.language, definition.source, definition.names, definition.uses)


# --- types ---------------------------------------------------------------------------------------------------

def _compile_error(source, line, message):
    """CompileError of the C prompt, with the line it is about."""
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    from _c_prompt import CompileError
    return CompileError("<replacement>", line, 0, message, text)


def _check_type(name, short, declared, number, force=False, users=""):
    """True: the type changes, which `force` allowed."""
    if number is None or declared is None or _live.is_compatible(declared.type, number):
        return False
    if not force:
        listed = f"\n    users: {users}" if users else ""
        raise ReplaceError(f"the type of {name} would change, and its callers are compiled for the old one:\n"
                           f"    old  {_live.spell(declared.type, short)}\n    new  {_live.spell(number, short)}{listed}")
    return True


def _failure_and_stack(declared):
    """(what a faulting call returns, bytes of arguments on the stack) by the function's type."""
    if declared is None:
        return (1 << 64) - _EFAULT, 0
    result = _info(_info(declared.type).inner)
    failure = (1 << 64) - _EFAULT if result.kind in ("int", "enum") and result.size >= 4 else 0
    words, stack = 0, 0
    for _, number in _live.parameters(declared.type):
        info = _info(number)
        size = (info.size + 7) // 8 if info.kind in ("struct", "union") else 1
        if size > 2 or words + size > 6:
            stack += size * 8
        else:
            words += size
    if ", ...)" in _live.spell(declared.type, ""):
        stack += 128  # as many more as anyone gives
    return failure, stack
