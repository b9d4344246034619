"""Replacing an inline function of a kernel header: every kernel function that it is compiled into is built anew. Frozen as `_inlines`.

    is_inline("list_append")          does a header define it, and has the kernel no function of that name?
    replace("list_append", source, trial, idempotent)
    restore("list_append")            its owners are the kernel's own again
    in_force("list_append")           the number of the version in force; 0: the header's
    owner_of("thread_enqueue")        the inline function for whose version this kernel function was built anew; None

The owners are those in which the debug data has an inlined copy, and those that name it in their source: of a copy of which the optimiser has left
no instruction of its own the debug data says nothing. Each is compiled from its own source, behind the header with the new
definition in place of the old one (the header's guard keeps out the other text). All are compiled and linked before the first is put in
force; then all come into force as one set (LIVE_REPLACE_SET): all or none, and a fault in the trial of one brings the headers' code back in all.

Versions are noted as those of functions (versions.py), with the numbers that the owners got: in force is what all of its owners have in force.
Left out: an owner that is replaced by itself, or for another inline function, is refused; one must be restored first.
"""

import functools
import re

import _live
import _ownfile
import _replacing
import _versions
from _livetypes import _KERNEL, _declared, _symbol

_ONLY_ASKED = -22  # EINVAL: it could be replaced


@functools.lru_cache(maxsize=32)
def find(short):
    """(header, its text, Item) of an inline function of the kernel's headers; None: there is none."""
    for file in _ownfile.headers():
        text = _ownfile.source_of(file)
        if text and re.search(rf"\b{re.escape(short)}\s*\(", text) and (item := _ownfile.find(text, short)):
            return file, text, item
    return None


def is_inline(short):
    return find(short) is not None and owners_of(short) != []


@functools.lru_cache(maxsize=32)
def owners_of(short):
    """[(function, file)] of the kernel's functions that an inline function is compiled into, by file"""
    named = {(owner, file) for owner, file in _ownfile.users(short)
             if (symbol := _symbol(owner)) and symbol.origin == _KERNEL and symbol.kind == 1}
    return sorted(named | {(owner, file) for owner, file in _live.inlined_into(short) if owner}, key=lambda pair: (pair[1], pair[0]))


def replace(short, given, lang="c", trial=5.0, idempotent=False, before=None):
    """Puts a new version in force in all functions that contain the inline function; its number. ReplaceError, CompileError: nothing changed."""
    if lang != "c" or not isinstance(given, str):
        raise _replacing.ReplaceError(f"{short} is an inline function of a header: its new version must be C source, for it is compiled into other functions")
    header, text, old = find(short)
    changed = _new_header(short, given, header, text, old)
    owners = owners_of(short)
    current = in_force(short)
    mine = dict(_version(short, current).owners) if current else {}
    table = _replacing._kernel_table()
    reasons = [_why_not(owner, file, table.get(owner, ()), mine) for owner, file in owners]
    _refuse(short, owners, reasons)
    built = []
    try:
        for at, (owner, file) in enumerate(owners):
            made = _rebuild(owner, file, changed, given)
            if isinstance(made, str):
                reasons[at] = made
            else:
                built.append(made)
        _refuse(short, owners, reasons)
        _put_in_force(built, trial, idempotent)
    except BaseException:
        for one in built:
            _live.unload(one.module, True)
        raise
    table = _replacing._kernel_table()
    numbers = [(one.short, max(row[0] for row in table[one.short])) for one in built]
    number = max((version.number for version in _versions.versions(short)), default=0) + 1
    _versions.note(short, number, given, name=short, before=current if before is None else before, idempotent=idempotent, owners=numbers)
    return number


def restore(short):
    """The header's own code is in force again in all functions that contain it."""
    version = _version(short, in_force(short))
    for owner, _ in version.owners:
        _replacing._checked(_live.restore(owner))


# --- versions ------------------------------------------------------------------------------------------------

def _version(short, number):
    return next((version for version in _versions.versions(short) if version.number == number), None)


def _states(version, table):
    """What the kernel says of each owner's version: its state and faults; those that it forgot are superseded."""
    for owner, number in version.owners:
        yield next(((state, faults) for known, state, _, faults in table.get(owner, []) if known == number), ("superseded", 0))


def state_and_faults(version, table):
    """(state, faults) of a version of an inline function, from those of its owners."""
    states, faults = zip(*_states(version, table))
    for state in ("rolled back", "restored", "superseded", "trial"):
        if state in states:
            return state, sum(faults)
    return "active", sum(faults)


def in_force(short):
    table = _replacing._kernel_table()
    numbers = [version.number for version in _versions.versions(short)
               if version.owners and state_and_faults(version, table)[0] in ("trial", "active")]
    return max(numbers, default=0)


def owner_of(short):
    current = _replacing._number_in_force(_replacing._kernel_table().get(short, ()))
    if current == 0:
        return None
    for name in _versions.names():
        if any([short, current] == list(pair) for version in _versions.versions(name) for pair in version.owners):
            return name
    return None


# --- building --------------------------------------------------------------------------------------------------

def _new_header(short, given, header, text, old):
    """The header's text with the new definition in place of the old one. ReplaceError: of another type, or with a static variable."""
    own = _ownfile.find(given, short)
    if own is None:
        raise _replacing.ReplaceError(f"the source does not define {short}")
    if re.search(_replacing._STATIC_VARIABLE, given[own.body:own.end]):
        raise _replacing.ReplaceError(f"each function that {short} is compiled into would have its own of its static variable: define it as a variable first")
    before, after = _signature(text, old), _signature(given, own)
    types = _live.type_named(before), _live.type_named(after)
    same = before == after if None in types else _live.is_compatible(*types)
    if not same:
        raise _replacing.ReplaceError(f"the type of {short} would change, and its callers are compiled for the old one:\n    old  {before}\n    new  {after}")
    specifiers = re.match(_replacing._SPECIFIERS, given[own.start:own.body])
    start = own.start + (specifiers.end() if specifiers else 0)
    definition = f"{given[:own.start]}static inline {given[start:]}"
    line = text[:old.end].count("\n") + 1
    return (f'{text[:old.start]}{_replacing._others(given, text)}\n#line 1 "{_replacing.TITLE}"\n{definition}\n#line {line} "{header}"\n{text[old.end:]}')


def _signature(text, item):
    return " ".join(re.sub(_replacing._SPECIFIERS, "", text[item.start:item.body]).split())


def _why_not(owner, file, rows, mine):
    """Why a function cannot be built anew with another version of an inline function; "": nothing is known against it."""
    error, message = _live.replace(f"{file}:{owner}", 0, 0, 0, 0, 0, 0)
    if error != _ONLY_ASKED:
        return message.removeprefix(f"{owner} cannot be replaced: ")
    number = _replacing._number_in_force(rows)
    if number != 0 and owner not in mine:
        other = owner_of(owner)
        return f"it was built anew for {other}: restore that first" if other else f"it is replaced itself, by version {number}: restore it first"
    text = _ownfile.source_of(file)
    item = text and _ownfile.find(text, owner)
    if not item:
        return "it has no definition of its own in a C file"
    if re.search(_replacing._STATIC_VARIABLE, text[item.body:item.end]):
        return "it has a static variable in its body, whose value the compiler here cannot keep"
    return ""


def _refuse(short, owners, reasons):
    listed = [f"    {owner} ({file}): {reason.strip()}" for (owner, file), reason in zip(owners, reasons) if reason]
    if listed:
        raise _replacing.ReplaceError(f"{short} is compiled into {len(owners)} functions, of which these cannot be built anew:\n" + "\n".join(listed))


def _rebuild(owner, file, header, given):
    """A linked version of `owner` that is not in force, or why there is none. CompileError: a mistake in what was given."""
    whole = _ownfile.source_of(file)
    item = _ownfile.find(whole, owner)
    text = f'{_replacing._BEFORE}{header}\n#line 1 "{file}"\n' + _ownfile.in_place(whole, owner, whole[item.start:item.end], file)
    made = _live.compile_version(text, owner, file, True)
    if made[0] is None:
        if made[1] > 0:
            raise _replacing._compile_error(given, *made[1:])
        return made[2]
    name = f"{file}:{owner}"
    module, message, target = _live.load_object(made[0], f"{owner}:replacement", "c", _replacing._HIDDEN, file, owner)
    if module < 0:
        return message
    return _replacing._Built(name, owner, _declared(name) or _declared(owner), given, "c", module, target)


def _put_in_force(built, trial, idempotent):
    numbers = []
    for one in built:
        failure, stack = _replacing._failure_and_stack(one.declared)
        numbers += [one.target, one.module, failure, stack]
    error, message = _live.replace_set([one.name for one in built], numbers, int(trial * 1e9), 1 if idempotent else 0)
    if error < 0:
        raise _replacing.ReplaceError(message)
