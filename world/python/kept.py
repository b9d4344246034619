"""Definitions that last: what was defined at the prompts is kept as source and built again. Frozen as `_kept`.

    builders["c"] = function(source, keep=False)   a language says how its source becomes part of the kernel; errors are
                                         exceptions. keep: record what it defines, since nobody has yet (a plain source)
    record("c", source, ["square"], ["twice"])   after a definition worked: names that it defines, names that it uses
    rebuild()                            after a restart of the world: everything again
    forget("square")                     it is not kept any longer
    save(file), load(file or folder)     a set of definitions as one readable text, to and from

Each definition is one file of DIRECTORY, written whole or not at all: its first line tells language, order, names and uses,
the source follows. A definition of the same names takes the place of the one before, which moves to `history`. Where a
definition needs a later one it is tried again after that; what never builds is skipped and reported, and stays.
"""

import json
import os
import sys

from _kept_file import added, changed, head, know, know_more, languages, read, record_new, sources, write_definition, write_whole

DIRECTORY = "/live"
SUFFIXES = {"c": ".c", "zig": ".zig", "rust": ".rs", "python": ".py", "bash": ".sh"}
COMMENTS = {"c": "//", "zig": "//", "rust": "//", "python": "#", "bash": "#", "replacement": "//"}
MARK = "polyglot definition:"
_MARKS = {language: f"{comment} {MARK} " for language, comment in COMMENTS.items()}
SAVED = "# Polyglot OS definitions, 1: each begins with a line '#= {...}', its lines follow with one blank before them"

languages(list(SUFFIXES), list(SUFFIXES.values()), [_MARKS[language] for language in SUFFIXES])
builders = {}
# `sources`: of what was typed, by name: the prompts, export() and replace() put them there, polyglot.live and help() show them
_HOMES = {"c": "_c_prompt", "python": "_livelayer", "replacement": "_replacing"}  # modules that add theirs when they are loaded


class Definition:
    """One kept definition: language, source, names (defined), uses, order; path of its file, None: it has none."""

    def __init__(self, language, source, names, uses, order, path=None):
        self.language, self.source, self.order, self.path = language, source, order, path
        self.names = sorted(names)
        self.uses = sorted(set(uses) - set(names)) if uses else []

    def header(self):
        return head(self.language, self.order, self.names, self.uses)

    def title(self):
        return ", ".join(self.names) or "(nothing)"

    def __repr__(self):
        return f"<{self.language} definition of {self.title()}>"


# --- the folder ------------------------------------------------------------------------------------------

def records():
    """records() -> list of Definition, in the order in which they were made; damaged files are left out, and reported"""
    found = []
    for path in _files(DIRECTORY):
        try:
            definition = _read(path)
        except (OSError, ValueError) as error:
            _say(f"{path} cannot be read: {error}")
            continue
        if definition is not None:
            found.append(definition)
    return sorted(found, key=lambda definition: definition.order)


def record(language, source, names, uses=()):
    """record(language, source, names, uses=()): keeps a definition. OSError: it could not be written"""
    if language not in SUFFIXES:
        raise ValueError(f"language is one of {', '.join(sorted(SUFFIXES))}, not {language!r}")
    if record_new(language, source, list(names), list(uses)):
        return
    names = sorted(names)
    uses = sorted(set(uses) - set(names))
    _index.catch_up()
    order = _index.highest + 1
    older = _index.covered(names)
    for other in older:
        if other[1] == names and other[0] == language:
            order = other[3]
            if other[2] == uses and _has_source(other[4], source):
                return
            break
    # Whatever comes between: the old or the new one is there.
    for other in older:  # every name of them has a newer definition
        _archive(other[4])
        _index.remove(other)
    path, stamp = write_definition(DIRECTORY, SUFFIXES[language], _MARKS[language], language, order, names, uses, source)
    if older:
        for other in older:
            if other[4] != path:
                _remove(other[4])
        stamp = changed(DIRECTORY)
    _index.add((language, names, uses, order, path))
    _index.stamp = stamp
    _index.tell(names)


def _has_source(path, source):
    """Is that what the file has? It may have been edited."""
    try:
        return _own_source(read(path)).rstrip() == source.rstrip()
    except (OSError, ValueError, AttributeError):
        return False


class _Index:
    """What record() must know of the folder: its definitions by name, and the highest order; each is (language, names, uses, order,
    path), which costs less to make than a Definition. Read again when others have changed the folder; a thousand definitions
    cost no more than one. record_new() knows the names as well, and keeps what is all new without this."""

    def __init__(self):
        self.stamp, self.highest, self.by_name, self.nameless = None, 0, {}, []

    def catch_up(self):
        """Takes what record_new() has kept, or reads the folder if others have changed it."""
        stamp, entries = added()
        for entry in entries:
            self.add(entry)
        if entries and self.stamp is not None:
            self.stamp = stamp
        if self.stamp is None or self.stamp != changed(DIRECTORY):
            self.read()

    def read(self):
        stamp = changed(DIRECTORY)  # of a file's coming, going, or other name
        self.__init__()
        for one in records():
            self.add((one.language, one.names, one.uses, one.order, one.path))
        self.stamp = stamp
        self.tell_all()

    def tell(self, names):
        """record_new() knows what is here, of which `names` are new to it."""
        if self.nameless or not know_more(self.stamp, self.highest, list(names)):
            self.tell_all()

    def tell_all(self):
        """Where there are definitions without names it knows nothing."""
        know(DIRECTORY, self.stamp, self.highest, None if self.nameless else list(self.by_name))

    def forget(self):
        """The folder is changed: it is read before the next record()."""
        self.stamp = None
        know(DIRECTORY, 0, 0, None)

    def add(self, entry):
        if entry[3] > self.highest:
            self.highest = entry[3]
        if not entry[1]:
            self.nameless.append(entry)
        for name in entry[1]:
            if name in self.by_name:
                self.by_name[name].append(entry)
            else:
                self.by_name[name] = [entry]

    def remove(self, entry):
        for place in [self.by_name.get(name, []) for name in entry[1]] or [self.nameless]:
            place.remove(entry)

    def covered(self, names):
        """Definitions whose names are all among these."""
        found = self.nameless[:]
        for name in names:
            if name in self.by_name:
                found += [one for one in self.by_name[name] if one not in found and (len(one[1]) == 1 or set(one[1]) <= set(names))]
        return found


_index = _Index()


def forget(name):
    """forget(name) -> Definition: `name` is not kept any longer, nor what was defined together with it

    What is loaded stays until the next start. KeyError: no definition of that name is kept.
    """
    kept = records()
    found = [definition for definition in kept if name in definition.names]
    if not found:
        raise KeyError(f"no definition of {name} is kept; kept are: {_listed(kept)}")
    for definition in found:
        _retire(definition)
    _index.forget()
    users = [other for other in kept if set(other.uses) & set(found[-1].names) and other not in found]
    if users:
        _say(f"still kept, and using it: {_listed(users)}")
    return found[-1]


def history(name):
    """history(name) -> list of Definition: the versions of `name` that were kept, the oldest first"""
    old = [_read(path) for path in _files(os.path.join(DIRECTORY, "history"))]
    return [definition for definition in old + records() if definition is not None and name in definition.names]


# --- building again --------------------------------------------------------------------------------------

def rebuild(definitions=None):
    """rebuild(definitions=None) -> (built, skipped): builds what is kept, or these, in order

    skipped is a list of (Definition, exception). KeyboardInterrupt ends it; what is left is in skipped then.
    """
    waiting = records() if definitions is None else list(definitions)
    built, errors = [], {}
    progress = True
    while waiting and progress:
        progress, again = False, []
        for at, definition in enumerate(waiting):
            try:
                _build(definition)
            except KeyboardInterrupt as error:
                return built, [(left, errors.get(id(left), error)) for left in again + waiting[at:]]
            except Exception as error:  # its own mistake: the others do not pay for it
                errors[id(definition)] = error
                again.append(definition)
            else:
                built.append(definition)
                progress = True
        waiting = again
    return built, [(definition, errors[id(definition)]) for definition in waiting]


def rebuild_at_start():
    """After a start of the world: builds what is kept and says what could not be built. Boot option live=off: nothing."""
    if not _files(DIRECTORY):
        return
    if is_off():
        _say("the boot option live=off is given: the definitions that are kept in /live are not built")
        return
    built, skipped = rebuild()
    if built:
        _say(f"{len(built)} kept definition{'s' if len(built) != 1 else ''} built again: {_listed(built)}")
    report(skipped)


def report(skipped):
    """Says which definitions were skipped, and why."""
    for definition, error in skipped:
        _say(f"{definition.language} definition of {definition.title()} is skipped: {type(error).__name__}: {error}")


def is_off():
    """Is the boot option live=off given?"""
    try:
        with open("/proc/cmdline") as file:
            options = file.read().split()
    except OSError:
        return False
    return [option for option in options if option.startswith("live=")][-1:] == ["live=off"]


# --- from one machine to another -------------------------------------------------------------------------

def save(file, *names, replaced=()):
    """save(file, *names) -> int: writes what is kept (those of `names`, all without) as one text; how many definitions

    replaced: (name, source) of kernel functions that are replaced; they come last.

    KeyError: a name is not kept. OSError: it cannot be written; the file is as it was before then.
    """
    kept = records()
    last = max((definition.order for definition in kept), default=0)
    kept += [Definition("replacement", source, [name], [], last + at) for at, (name, source) in enumerate(replaced, 1)]
    known = {name for definition in kept for name in definition.names}
    missing = [name for name in names if name not in known]
    if missing:
        raise KeyError(f"no definition of {', '.join(missing)} is kept; kept are: {_listed(kept)}")
    chosen = [definition for definition in kept if not names or set(names) & set(definition.names)]
    lines = [SAVED]
    for definition in chosen:
        lines.append(f"#= {definition.header()}")
        lines += [" " + line if line else "" for line in definition.source.rstrip().split("\n")]
    write_whole(os.fspath(file), "\n".join(lines) + "\n")
    return len(chosen)


def load(file):
    """load(file) -> (built, skipped): builds and keeps the definitions of a file that save() wrote, of one source file, or
    of all source files of a folder, by name

    One that does not build is skipped; skipped is a list of (Definition, exception). OSError: the file cannot be
    read; ValueError: it is neither a saved set nor source of a known language.
    """
    path = os.fspath(file)
    definitions = []
    for part in _files(path) if os.path.isdir(path) else [path]:
        definitions += _parse(part)
    built, skipped = rebuild(definitions)
    for definition in built:
        if definition.names and definition.language != "replacement":  # a plain source's builder has recorded its own names
            record(definition.language, definition.source, definition.names, definition.uses)
    return built, skipped


def _parse(path):
    """The definitions of a saved set or of one source file."""
    language = _language(path)
    text = read(path)
    lines = text.split("\n")
    if lines[0] == SAVED:
        return _parse_set(path, lines)
    if language is None:
        raise ValueError(f"{path} is no set of definitions, and its suffix names no language ({', '.join(SUFFIXES.values())})")
    if MARK in lines[0]:
        return [_from_text(path, text)]
    return [Definition(language, text, [], [], 0, path)]


def _parse_set(path, lines):
    found = []
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("#= "):
            found.append(_from_header(path, line[3:], number))
        elif found and (line.startswith(" ") or not line):
            found[-1].source += line[1:] + "\n"
        elif line:
            raise ValueError(f"{path}, line {number}: neither '#= {{...}}' nor a line of source, which begins with a blank")
    for definition in found:
        definition.path = None
    return found


# --- files -----------------------------------------------------------------------------------------------

def _files(directory):
    """Its source files, sorted."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [os.path.join(directory, name) for name in names if _language(name) and not name.startswith(".")]


def _language(path):
    suffix = os.path.splitext(path)[1]
    return next((language for language, own in SUFFIXES.items() if own == suffix), None)


def _read(path):
    """The definition in a file of DIRECTORY; None: a source without our first line, which is not ours."""
    text = read(path)
    return None if _own_source(text) is None else _from_text(path, text)


def _own_source(text):
    first, _, source = text.partition("\n")
    return source if MARK in first else None


def _from_text(path, text):
    first, _, source = text.partition("\n")
    definition = _from_header(path, first.partition(MARK)[2], 1)
    definition.source = source
    return definition


def _from_header(path, text, line):
    try:
        fields = json.loads(text)
        language, names, uses, order = (fields[key] for key in ("language", "names", "uses", "order"))
        if language not in COMMENTS or not all(isinstance(name, str) for name in names + uses) or not isinstance(order, int):
            raise ValueError("a field has no sense")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}, line {line}: a damaged head of a definition ({error})") from None
    return Definition(language, "", names, uses, order, path)


def _retire(definition):
    """Moves its file to the history."""
    _archive(definition.path)
    _remove(definition.path)


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # somebody has deleted it


def _archive(path):
    """Gives a file a second name in the history."""
    place = f"{DIRECTORY}/history"
    stem, suffix = os.path.splitext(path.rpartition("/")[2])
    version = _versions.get(stem, 1)
    while True:
        try:
            os.link(path, f"{place}/{stem}.{version:03}{suffix}")
            break
        except FileExistsError:
            version += 1
        except FileNotFoundError:
            if not os.path.exists(path) or os.path.isdir(place):
                return  # somebody has deleted it
            os.makedirs(place)
    _versions[stem] = version + 1


_versions = {}  # where the search for a free number begins


def _build(definition):
    builder = builder_of(definition.language)
    if definition.language == "replacement":  # of a kernel function, which its source alone does not tell
        builder(definition.names[0], definition.source)
    elif definition.names:
        builder(definition.source)
    else:
        builder(definition.source, keep=True)


def builder_of(language):
    """What builds definitions of the language. LookupError: nothing does"""
    if language not in builders and language in _HOMES:
        __import__(_HOMES[language])
    if language not in builders:
        raise LookupError(f"there is no {language} prompt in this system yet")
    return builders[language]


def _listed(definitions):
    names = [name for definition in definitions for name in definition.names]
    return ", ".join(names) if names else "none"


def _say(text):
    print(f"live: {text}", file=sys.stderr)
