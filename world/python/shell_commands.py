"""Bash at the Python prompt: !command, lines = !command, %bash, %%bash, directories. Frozen as `_shell`.

prompt.py loads this module and calls
    run_line(line, globals, locals)  -> does a line that begins with ! or !!, or has "= !"; its value
    transform(text)                  -> a text with such lines (and % commands) inside blocks, as Python
    complete_words(text)             -> (start, candidates) for what follows ! in a line

A command is run by /bin/bash (/bin/sh where there is none) as a job (jobs.py).
"""

import os
import re
import sys

from _jobs import list_job, run_foreground, start
from _processes import shell
from _prompt import cell, command

# --- commands --------------------------------------------------------------------------------------

def run_line(line, globals, locals):
    """Does "!command", "!!command" or "name = !command" (see prompt.is_special). Its value, None for the first."""
    text = line.strip()
    if text.startswith("!!"):
        return get_output(expand(text[2:].strip(), globals, locals))
    if text.startswith("!"):
        globals["_exit_code"] = run_command(expand(text[1:].strip(), globals, locals))
        return None
    name, _, rest = text.partition("=")
    value = get_output(expand(rest.strip()[1:].strip(), globals, locals))
    globals[name.strip()] = value
    return None


def run_command(text):
    """Runs a command line with the terminal; with & at its end, in the background. Its exit code, None: it lives."""
    background = text.endswith("&") and not text.endswith("&&")
    if background:
        text = text[:-1].rstrip()
    if not text:
        return 0
    job = start([shell(), "-c", text], text, foreground=not background)
    if not background:
        return run_foreground(job)
    list_job(job)
    print(f"[{job.number}] {job.pid}")
    return None


def get_output(text):
    """What a command line writes to its standard output and error, as lines."""
    import subprocess
    result = subprocess.run([shell(), "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return Lines(result.stdout.decode("utf-8", "replace").splitlines())


class Lines(list):
    """Lines of a command's output: a list; as in IPython also

    .l, .list     the list itself              .grep(pattern)   the lines that match
    .n, .nlstr    one text, by line feeds      .fields(0, 2)    columns 0 and 2 of each line
    .s, .spstr    one text, by spaces          .p, .paths       pathlib.Paths of those that exist
    """

    @property
    def list(self):
        return self

    @property
    def nlstr(self):
        return "\n".join(self)

    @property
    def spstr(self):
        return " ".join(self)

    @property
    def paths(self):
        from pathlib import Path
        return [Path(line) for line in self if os.path.exists(line)]

    l, n, s, p = list, nlstr, spstr, paths

    def grep(self, pattern, prune=False, field=None):
        """Lines that match a regular expression (in any case) or satisfy a function; `prune`: the others.
        `field`: only this column is looked at."""
        matches = pattern if callable(pattern) else lambda text: re.search(pattern, text, re.IGNORECASE)

        def looked_at(line):
            words = line.split() if field is not None else ()
            return line if field is None else words[field] if -len(words) <= field < len(words) else ""

        return Lines(line for line in self if bool(matches(looked_at(line))) != prune)

    def fields(self, *numbers):
        """Columns, split at white space: of one number or several, joined by spaces; without numbers lists of words."""
        rows = [line.split() for line in self]
        if not numbers:
            return rows
        return Lines(" ".join(row[number] for number in numbers if -len(row) <= number < len(row)) for row in rows if row)

    def sort(self, field=None, nums=False):
        """Sorted copy, by a column if one is given; `nums`: by the number that its digits make."""
        def key(line):
            words = line.split()
            text = line if field is None else words[field] if -len(words) <= field < len(words) else ""
            return int("".join(filter(str.isdigit, text)) or "0") if nums else text

        return Lines(sorted(self, key=key))


def expand(text, globals, locals):
    """Puts Python values into a command: {expression} and $name, as IPython does.

    {{ and }} are braces. If one expression cannot be evaluated, all braces are the shell's ({a,b}, awk's programs), as
    ${NAME} always is. $name is Python's where such a variable (with attributes: $a.b) is defined, else the
    shell's; $$name and a $ between single quotes are the shell's.
    """
    try:
        parts = list(split_fields(text))
        values = [None if field is None else evaluate(field, globals, locals) for _, field in parts]
    except Exception:
        return expand_names(text, globals, locals)
    # The names are looked for in what was not put in.
    pieces, rest = [], "".join(literal for literal, _ in parts)
    for (literal, _), value in zip(parts, values):
        rest = rest[len(literal):]
        pieces += [expand_names(literal, globals, locals, rest), "" if value is None else value]
    return "".join(pieces)


FIELD = re.compile(r"\$\{[^}]*\}|\{\{|\}\}|\{")


def split_fields(text):
    """(text before, expression or None) of each {expression}. ValueError: a brace without its partner."""
    literal, at = "", 0
    while found := FIELD.search(text, at):
        literal += text[at:found.start()]
        at = found.end()
        if found[0] != "{":
            literal += found[0][0] if found[0] in ("{{", "}}") else found[0]
            continue
        depth, start = 1, at
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0) if at < len(text) else 0
            if at >= len(text):
                raise ValueError("a brace is open")
            at += 1
        yield literal, text[start:at - 1]
        literal = ""
    yield literal + text[at:], None


def evaluate(field, globals, locals):
    expression, conversion = re.fullmatch(r"(.*?)(?:!([rsa]))?\s*", field, re.S).groups()
    value = eval(expression.strip(), globals, locals)
    return {"r": repr, "a": ascii}.get(conversion, str)(value)


def expand_names(text, globals, locals, rest=""):
    def replace(found):
        quotes = text[found.end():].count("'") + rest.count("'")
        if quotes % 2:
            return found[0]
        if found[1]:
            return found[0][1:]
        first, *attributes = found[2].split(".")
        try:
            value = locals[first] if first in locals else globals[first]
            for name in attributes:
                value = getattr(value, name)
        except (KeyError, AttributeError):
            return found[0]
        return str(value)

    return re.sub(r"\$(\$?)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", replace, text)


# --- Bash ------------------------------------------------------------------------------------------

@command
def percent_bash(argument, namespace):
    """%bash [ARGUMENTS]: GNU Bash on this terminal; exit or Ctrl-D comes back. With arguments: bash ARGUMENTS"""
    import shlex
    words = shlex.split(argument)
    job = start([shell(), *words], " ".join(["bash", *words]))
    job.restores = True
    namespace["_exit_code"] = run_foreground(job)


@cell
def cell_bash(argument, body, namespace):
    """%%bash [--out NAME] [--err NAME] [ARGUMENTS]: run the lines below as a Bash script, until an empty line

    ARGUMENTS are its $1, $2, ...; --out and --err put what it writes into variables. A status other than 0 is
    subprocess.CalledProcessError.
    """
    import shlex
    words, names = shlex.split(argument), {}
    while words[:1] in (["--out"], ["--err"]) and len(words) > 1:
        names[words[0]] = words[1]
        del words[:2]
    arguments = [shell(), "-c", body, "bash", *words]
    if not names:
        code = run_foreground(start(arguments, "%%bash"))
        output = error = None
    else:
        code, output, error = capture(arguments, "--out" in names, "--err" in names)
    for option, value in (("--out", output), ("--err", error)):
        if option in names:
            namespace[names[option]] = value
    namespace["_exit_code"] = code
    if code:
        import subprocess
        raise subprocess.CalledProcessError(code, "%%bash", output, error)


def capture(arguments, output, error):
    import subprocess
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    result = subprocess.run(arguments, stdout=subprocess.PIPE if output else None, stderr=subprocess.PIPE if error else None)
    return (result.returncode, *(text if text is None else text.decode("utf-8", "replace") for text in (result.stdout, result.stderr)))


# --- directories -----------------------------------------------------------------------------------

_directories = []  # of %pushd, the last one on top
_previous = None   # of %cd -


def change_directory(path):
    global _previous
    before = os.getcwd()
    os.chdir(os.path.expanduser(path))
    _previous = before


@command
def percent_cd(argument, namespace):
    """%cd [DIRECTORY]: change it; without an argument, home; - is the one before"""
    if argument == "-":
        if _previous is None:
            print("%cd -: there is none before", file=sys.stderr)
            return
        argument = _previous
    change_directory(argument or "~")
    print(os.getcwd())


@command
def percent_pushd(argument, namespace):
    """%pushd DIRECTORY: change it, and remember where %popd comes back to"""
    before = os.getcwd()
    change_directory(argument or "~")
    _directories.append(before)
    percent_dirs("", namespace)


@command
def percent_popd(argument, namespace):
    """%popd: back to where the last %pushd was"""
    if not _directories:
        print("%popd: nothing was pushed", file=sys.stderr)
        return
    change_directory(_directories.pop())
    percent_dirs("", namespace)


@command
def percent_dirs(argument, namespace):
    """%dirs: the working directory and those that %popd comes back to"""
    print("  ".join([os.getcwd(), *reversed(_directories)]))


# --- lines inside blocks ---------------------------------------------------------------------------

SPECIAL = re.compile(r"(\s*)((?:[A-Za-z_]\w*\s*=\s*)?)(!.*|%[A-Za-z_].*)")


def transform(text):
    """The text with its !command and %command lines as calls; lines inside strings and brackets stay."""
    lines, state = [], Scanner()
    for line in text.splitlines(keepends=True):
        found = SPECIAL.fullmatch(line.rstrip("\n")) if state.is_clean() else None
        if found and (found[3].startswith("!") or not found[2]):
            indent, target, what = found.groups()
            what = "!" + what if target else what  # "!!" has a value
            end = "\n" if line.endswith("\n") else ""
            line = f"{indent}{target}__import__('_prompt').run_line({what!r}, globals(), locals()){end}"
        else:
            state.scan(line)
        lines.append(line)
    return "".join(lines)


class Scanner:
    """Follows Python text line by line: does the next line begin inside a string, a bracket or a continued line?"""

    def __init__(self):
        self.quote, self.depth, self.continued = "", 0, False

    def is_clean(self):
        return not self.quote and self.depth <= 0 and not self.continued

    def scan(self, line):
        at = 0
        while at < len(line):
            at += self.step(line, at)
        self.continued = not self.quote and line.rstrip("\n").endswith("\\")
        if len(self.quote) == 1:
            self.quote = ""  # such a string ends with its line

    def step(self, line, at):
        """Takes what stands at a place; its length."""
        if self.quote:
            if line[at] == "\\":
                return 2
            if line.startswith(self.quote, at):
                length, self.quote = len(self.quote), ""
                return length
            return 1
        if line[at] == "#":
            return len(line)
        if line[at] in "'\"":
            self.quote = line[at] * (3 if line.startswith(line[at] * 3, at) else 1)
            return len(self.quote)
        self.depth += (line[at] in "([{") - (line[at] in ")]}")
        return 1


# --- completion ------------------------------------------------------------------------------------

WORD = re.compile(r"(?:\\.|[^\s|&;<>()='\"`])*\Z")


def complete_words(text, start, is_command):
    """(start, candidates) for the word at the end of a line whose command or file names begin at `start`."""
    word = WORD.search(text, start)
    before = text[start:word.start()].rstrip(" ")
    if is_command and "/" not in word[0] and (not before or before[-1] in "!|&;(`"):
        return word.start(), program_names(word[0])
    return word.start(), file_names(word[0])


def program_names(prefix):
    names = set()
    for directory in os.get_exec_path():
        try:
            names.update(name for name in os.listdir(directory) if name.startswith(prefix))
        except OSError:
            pass
    return sorted(names)


def file_names(word):
    """File names that begin with a word of a command, written as they must be typed."""
    plain = re.sub(r"\\(.)", r"\1", word)
    directory, _, prefix = plain.rpartition("/")
    shown = word[:len(word) - len(word.rpartition("/")[2])]
    place = os.path.expanduser(directory + "/" if plain.startswith("/") or directory else ".")
    found = []
    for entry in os.scandir(place):
        if entry.name.startswith(prefix) and (prefix or not entry.name.startswith(".")):
            found.append(shown + re.sub(r"([\s|&;<>()='\"`$\\*?\[#~!{])", r"\\\1", entry.name) + "/" * entry.is_dir())
    return sorted(found)
