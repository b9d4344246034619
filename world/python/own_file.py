"""The place of a function in its own source file, for a new version of it. Frozen as `_ownfile`.

    source_of("kernel/mm/page.c")        the text of a kernel file or header, where the system has it; None
    items(text)                          what a C file consists of: Item of a directive, function, or other declaration
    users("list_append")                 functions of C files in whose source an inline function of a header ends up
    in_place(text, name, version)        the file's text with `version` instead of the function `name`, and of the other
                                         functions their declarations only, so that the new one sees the file's macros, types,
                                         variables and includes, and a compiler has nothing else to do

A C file is split by its brackets; the compiler judges what stands in it. Left out: functions in the style of K&R, a body that is
cut through by an #if.
"""

import functools
import os
import re
from collections import namedtuple

FOLDERS = ("/src/", "/usr/include/polyglot/")

Item = namedtuple("Item", "kind name start end body")
"""kind: "directive", "function", "other"; name: the function's; text[start:end]; body: where its { is, 0: it has none"""

_TOKEN = re.compile(r"""
    (?P<space>\s+ | //[^\n]* | /\*.*?\*/)
  | (?P<directive>(?<![^\n])[ \t]*\#(?:[^\n\\]|\\.)*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<text>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
  | (?P<one>.)
""", re.X | re.S)

# Within brackets only brackets count.
_INSIDE = re.compile(r"""
    (?P<space>[^"'/()\[\]{}]+ | //[^\n]* | /\*.*?\*/)
  | (?P<text>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
  | (?P<one>.)
""", re.X | re.S)


def source_of(file):
    """The text of a kernel source file or header; None: it is not on this system."""
    for folder in FOLDERS:
        try:
            with open(folder + file.removeprefix("./"), encoding="utf-8") as source:
                return source.read()
        except OSError:
            pass
    return None


def words_seen(text):
    """Every word of a C text and of the kernel's headers that it includes, and these."""
    seen, waiting, words = set(), re.findall(_INCLUDE, text), set(re.findall(r"[A-Za-z_]\w*", text))
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            own, includes = _header(file)
            words |= own
            waiting += includes
    return words


_INCLUDE = r'(?m)^\s*#\s*include\s*[<"]([^>"]+)[>"]'


@functools.lru_cache(maxsize=None)
def _header(file):
    text = source_of(file) or ""
    return frozenset(re.findall(r"[A-Za-z_]\w*", text)), re.findall(_INCLUDE, text)


def headers():
    """Names of the kernel's headers, as an #include has them."""
    root = FOLDERS[1]
    return [os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root) for name in sorted(names) if name.endswith(".h")]


@functools.lru_cache(maxsize=64)
def items(text):
    """items(text) -> list of Item, in order; comments and blanks between them belong to none"""
    found, depth, start, body, called, word, last = [], 0, None, 0, "", "", ""
    end = 0
    while end < len(text):
        token = (_INSIDE if depth else _TOKEN).match(text, end)
        kind, at, end = token.lastgroup, token.start(), token.end()
        if kind == "space":
            continue
        if kind == "directive":
            if depth == 0:
                found.append(Item("directive", "", at, token.end(), 0))
            continue
        if start is None:
            start, body, called, word, last = at, 0, "", "", ""
        one = token[0]
        if one in "([{":
            if depth == 0 and one == "(" and last == "word":
                called = word  # the last one before the body is the function
            if depth == 0 and one == "{" and last == ")":
                body = at
            depth += 1
        elif one in ")]}":
            depth -= 1
        if depth == 0 and (one == ";" or one == "}" and body):
            found.append(Item("function" if body else "other", called if body else "", start, token.end(), body))
            start = None
        if kind == "word":
            word = one
        last = "word" if kind == "word" else one
    return found


def find(text, name):
    """The Item of the function `name`; None: the text does not define it."""
    return next((item for item in items(text) if item.name == name), None)


@functools.lru_cache(maxsize=None)
def sources():
    """Names of the kernel's C files (and of others that are on the system)."""
    root = FOLDERS[0]
    return [os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root) for name in sorted(names) if name.endswith(".c")]


def users(name):
    """users(name) -> set of (function, file): those that name an inline function, or an inline function or macro that does

    By their text only: more than contain it in the end, and those that contain nothing of it that the compiler has left visible.
    """
    group, known = {name}, 0
    while known != len(group):
        known = len(group)
        for file in headers():
            _join(source_of(file) or "", group)
    found = set()
    for file in sources():
        text = source_of(file) or ""
        own = set(group)
        if _join(text, own):
            words = _any_of(own)
            found |= {(item.name, file) for item in items(text) if item.kind == "function" and words.search(text, item.body, item.end)}
    return found


def _any_of(words):
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")


def _join(text, group):
    """Adds the inline functions and macros of a text that name one of the group, until there are no more. False: it names none."""
    if not any(word in text for word in group):
        return False  # of most files no more is asked
    known = 0
    while known != len(group):
        known, words = len(group), _any_of(group)
        for item in items(text):
            if item.kind == "directive" and (macro := re.match(r"\s*#\s*define\s+(\w+)", text[item.start:item.end])):
                if words.search(text, item.start + macro.end(), item.end):
                    group.add(macro[1])
            elif item.kind == "function" and re.search(r"\binline\b", text[item.start:item.body]) and words.search(text, item.body, item.end):
                group.add(item.name)
    return True


def in_place(text, name, version, title):
    """in_place(text, name, version, title) -> text to compile; KeyError: the file has no function `name`

    title: what the compiler calls the version's own lines.
    """
    parts, at, place = [], 0, None
    for item in items(text):
        if item.kind != "function":
            continue
        if item.name == name:
            parts += [text[at:item.start], f'\n#line 1 "{title}"\n', version, "\n"]
            at, place = item.end, item
            break  # what comes after it cannot be seen by it
        if not re.search(r"\binline\b", text[item.start:item.body]):
            parts += [text[at:item.body].rstrip(), ";"]
            at = item.end
    if place is None:
        raise KeyError(name)
    return "".join(parts)
