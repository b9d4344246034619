"""Versions of replaced kernel functions, kept as source. Frozen as `_versions`.

    note("vfs_open", 3, source, ...)   after version 3 is in force
    versions("vfs_open")               what was noted, by number;  names()  of which functions

One file each in DIRECTORY: a first line that tells about it, then the source; of an object only the first line, the object lies
beside it. Files are written whole or not at all (kept.py), outlive the world as the replacements themselves do, and end with
the power.
"""

import json
import os
import time

import _kept

DIRECTORY = "/live/replaced"
MARK = "// polyglot version: "


class Version:
    """number, name (as it was given), language, source (str, or bytes: an object), before (number it replaced), idempotent,
    made (seconds of the epoch), owners (of an inline function's: [name, number] of each function that was built anew for it)"""

    def __init__(self, number, source, name, language="c", before=0, idempotent=False, made=0.0, owners=()):
        self.number, self.source, self.name, self.language = number, source, name, language
        self.before, self.idempotent, self.made, self.owners = before, idempotent, made, owners

    def when(self):
        return time.strftime("%H:%M:%S", time.localtime(self.made))

    def summary(self):
        if not isinstance(self.source, str):
            return f"<object of {len(self.source)} bytes>"
        return " ".join(self.source.split())[:80]


def note(short, number, source, **about):
    """note(short, number, source, name=, ...): keeps a version. A failure to write is reported: the version is in force anyway."""
    about.update(number=number, made=time.time())
    stem = os.path.join(DIRECTORY, f"{short}.{number:04}")
    is_text = isinstance(source, str)
    try:
        os.makedirs(DIRECTORY, exist_ok=True)
        if not is_text:
            with open(stem + ".o", "wb") as file:
                file.write(source)
        _kept.write_whole(stem + ".c", f"{MARK}{json.dumps(about)}\n{source if is_text else ''}")
    except OSError as error:
        _kept._say(f"version {number} of {short} is not kept: {error}")


def versions(short):
    """versions(short) -> list of Version, by number; damaged files are reported and left out"""
    found = []
    for name in _listed():
        stem, number = name[:-2].rsplit(".", 1)
        if stem != short or not number.isdigit():
            continue
        path = os.path.join(DIRECTORY, name)
        try:
            found.append(_read(path))
        except (OSError, ValueError, TypeError, KeyError) as error:
            _kept._say(f"{path} cannot be read: {error}")
    return found


def names():
    """names() -> the functions that were replaced"""
    return sorted({name[:-2].rsplit(".", 1)[0] for name in _listed()})


def _listed():
    try:
        return sorted(name for name in os.listdir(DIRECTORY) if name.endswith(".c") and not name.startswith("."))
    except FileNotFoundError:
        return []


def _read(path):
    with open(path, encoding="utf-8") as file:
        first, _, source = file.read().partition("\n")
    if not first.startswith(MARK):
        raise ValueError("a damaged head of a version")
    about = json.loads(first[len(MARK):])
    if os.path.exists(path[:-2] + ".o"):
        with open(path[:-2] + ".o", "rb") as file:
            source = file.read()
    return Version(source=source, **about)
