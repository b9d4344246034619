"""What the prompt adds to Python: commands that begin with % or !, questions that end with ?, completion.

world/src/shell.rs loads this module when it is first needed, and calls
    is_special(line)              -> does the line belong here rather than to the compiler?
    run(line, namespace)          -> does it; exceptions are the caller's to report. A line that begins with %% is a
                                     whole cell: the lines below it, up to an empty one, belong to it
    transform(text)               -> a block with such lines in it, as Python
    complete(line, end, namespace) -> (start, [candidate, ...]) for the text before column `end`
The tables COMMANDS (%name) and CELLS (%%name) are where further languages add theirs: name -> function(argument,
namespace) and function(argument, body, namespace); its docstring's first line is the help.
"""

import builtins
import keyword
import re
import sys

COMMANDS, CELLS = {}, {}

# What the line editor (rustyline, Emacs mode) and the terminal understand; for docs/prompt.md.
KEYS = [
    ("Tab", "complete names, attributes, modules after import, % commands, programs and files after !; indents at the start of a line"),
    ("Up, Down", "earlier and later lines"),
    ("Ctrl-R", "search backwards in the history"),
    ("Left, Right, Home, End, Ctrl-A, Ctrl-E", "move in the line"),
    ("Ctrl-W, Ctrl-U, Ctrl-K", "delete the word before, everything before, everything behind the cursor"),
    ("Ctrl-Y", "put the deleted text back"),
    ("Ctrl-L", "clear the screen"),
    ("Ctrl-C", "give up the line; end a running computation, a sleep or a wait (KeyboardInterrupt), or the running program"),
    ("Ctrl-Z", "stop the running program; %fg goes on with it"),
    ("Ctrl-D", "on an empty line: power off, after a question"),
    ("Shift-PageUp, Shift-PageDown", "on the screen: look back half a screen, and forward; any other key returns"),
    ("Alt-SysRq, BREAK on the serial line", "the kernel's rescue monitor"),
]


def command(function):
    """Adds `function` to COMMANDS; %name of a function percent_name."""
    COMMANDS[function.__name__.removeprefix("percent_")] = function
    return function


def cell(function):
    """Adds `function` to CELLS; %%name of a function cell_name."""
    CELLS[function.__name__.removeprefix("cell_")] = function
    return function


OWN_MODULES = ("_prompt", "_shell", "_jobs", "_c_prompt")  # not in the tracebacks of commands

# What is the shell's in a line: !command, !!command, name = !command.
SHELL_LINE = re.compile(r"\s*(?:[A-Za-z_]\w*\s*=\s*)?!")


def is_special(line):
    text = line.strip()
    if text.startswith("%") or SHELL_LINE.match(text):
        return True
    name = text.rstrip("?")
    return text != name and len(text) - len(name) <= 2 and all(part.isidentifier() for part in name.strip().split("."))


def run(line, namespace):
    try:
        run_special(line.strip(), namespace)
    except BaseException as error:
        # Whoever reads the traceback wants to know of his own code.
        while (trace := error.__traceback__) is not None and trace.tb_frame.f_globals.get("__name__") in OWN_MODULES:
            error.__traceback__ = trace.tb_next
        raise


def run_special(text, namespace):
    if SHELL_LINE.match(text):
        show(_shell.run_line(text, namespace, namespace))
    elif text.startswith("%%"):
        header, _, body = text[2:].partition("\n")
        run_command(CELLS, "%%", header, body + "\n", namespace)
    elif text.startswith("%"):
        run_command(COMMANDS, "%", text[1:], namespace)
    else:
        explain(text.rstrip("?").strip(), namespace, with_source=text.endswith("??"))


def run_command(table, sign, text, *arguments):
    """The command of a table that `text` names, with the rest of `text` and `arguments`."""
    name, _, argument = text.partition(" ")
    if name.endswith("?") and name.rstrip("?") in table:
        explain_command(table[name.rstrip("?")], with_source=name.endswith("??"))
    elif name in table:
        table[name](argument.strip(), *arguments)
    else:
        import difflib
        near = difflib.get_close_matches(name, table, 1)
        hint = f"; did you mean {sign}{near[0]}?" if near else ""
        print(f"{sign}{name}: no such command (%lsmagic lists them){hint}", file=sys.stderr)


def run_line(line, globals, locals):
    """A special line inside a block (see transform()); its value."""
    if SHELL_LINE.match(line):
        return _shell.run_line(line, globals, locals)
    return run(line, globals)


def show(value):
    if value is not None:
        sys.displayhook(value)


def transform(text):
    return _shell.transform(text)


# --- name? and name?? ---------------------------------------------------------------------------

def look_up(dotted, namespace):
    """The object of a dotted name, without calling anything but attribute look-up. NameError, AttributeError."""
    first, *rest = dotted.split(".")
    if first in namespace:
        found = namespace[first]
    elif hasattr(builtins, first):
        found = getattr(builtins, first)
    else:
        raise NameError(f"name {first!r} is not defined")
    for part in rest:
        found = getattr(found, part)
    return found


def explain(dotted, namespace, with_source):
    import inspect
    try:
        found = look_up(dotted, namespace)
    except (NameError, AttributeError):
        print(f"Object {dotted!r} not found.")
        return
    rows = [("Type", type(found).__name__)]
    if callable(found):
        try:
            is_c = type(found).__module__ == "polyglot" and type(found).__name__ == "Function"
            rows.append(("Signature", found.__text_signature__ if is_c else dotted + str(inspect.signature(found))))
        except (TypeError, ValueError):
            pass
    else:
        text = repr(found)
        rows.append(("Value", text if len(text) <= 300 else text[:300] + "..."))
    if hasattr(found, "__len__"):
        try:
            rows.append(("Length", len(found)))
        except TypeError:
            pass
    try:
        rows.append(("File", inspect.getfile(found)))
    except (TypeError, OSError):
        pass
    for title, value in rows:
        print(f"{title + ':':<11}{value}")
    documentation = inspect.getdoc(found)
    print("Docstring:\n" + documentation if documentation else "Docstring: none")
    if with_source:
        show_source(found)


def explain_command(function, with_source):
    print(function.__doc__)
    if with_source:
        show_source(function)


def show_source(found):
    """The source of what was typed or comes from a file; else one line that says why there is none."""
    import inspect
    try:
        print("Source:\n" + inspect.getsource(found).rstrip())
        return
    except (TypeError, OSError):
        pass
    thing = inspect.unwrap(found) if callable(found) else found
    module = thing if inspect.ismodule(thing) else inspect.getmodule(thing)
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    if inspect.isbuiltin(thing) or inspect.ismethoddescriptor(thing) or origin == "built-in":
        print("Source:    none in Python; it is part of the interpreter")
    elif origin == "frozen":
        print(f"Source:    not in this system; the module {module.__name__} is built in as compiled code")
    elif inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
        print("Source:    not found")
    else:
        print(f"Source:    none; it is an object of type {type(thing).__name__}")


# --- % commands ------------------------------------------------------------------------------------

def own_names(namespace):
    return sorted(name for name in namespace if not name.startswith("_"))


@command
def percent_lsmagic(argument, namespace):
    """%lsmagic: this list"""
    for usage, what in help_lines():
        print(f"  {usage}: {what}")


def help_lines():
    """(usage, what it does) of everything that is no Python."""
    for table in (COMMANDS, CELLS):
        for name in sorted(table):
            usage, _, what = table[name].__doc__.splitlines()[0].partition(": ")
            yield usage, what
    yield "!COMMAND", "run a line of Bash; {expression} and $name are Python's; & at its end: in the background"
    yield "NAME = !COMMAND", "its output, as a list of lines with .n and .s (one text), .grep() and .fields()"
    yield "!!COMMAND", "the same, shown"
    yield "NAME?, NAME??", "what it is: type, signature, documentation; with its source"


@command
def percent_time(argument, namespace):
    """%time STATEMENT: run it once, show wall and CPU time"""
    import time
    if not argument:
        return refuse("%time: a statement is wanted")
    code, is_expression = compile_either(argument)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        value = (eval if is_expression else exec)(code, namespace)
    finally:
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"CPU time: {nice_time(cpu)}, wall time: {nice_time(wall)}")
    if is_expression:
        sys.displayhook(value)


@command
def percent_timeit(argument, namespace):
    """%timeit STATEMENT: run it many times, show mean and spread of seven rounds"""
    import statistics
    import time
    if not argument:
        return refuse("%timeit: a statement is wanted")
    compile_either(argument)  # a mistake is reported against what was typed
    # The loop is compiled with the statement, so that no call is measured.
    body = "\n".join("        " + line for line in argument.splitlines())
    source = f"def __round(__count):\n    __start = __clock()\n    for __i in __range(__count):\n{body}\n    return __clock() - __start\n"
    names = dict(namespace)
    names.update(__clock=time.perf_counter, __range=range)
    exec(compile(source, "<timeit>", "exec"), names)
    one_round = names["__round"]
    count = 1
    while (took := one_round(count)) < 0.1 and count < 10_000_000:
        count *= 10 if took < 0.01 else 2
    from _progress import progress
    rounds = [one_round(count) / count for _ in progress(range(7), label="%timeit", leave=False)]
    print(f"{nice_time(statistics.mean(rounds))} +- {nice_time(statistics.stdev(rounds))} a loop "
          f"(mean +- deviation of 7 rounds, {count} loops each)")


@command
def percent_prun(argument, namespace):
    """%prun STATEMENT: run it and show which functions took the time, Python's first, then those below it"""
    import polyglot
    code, is_expression = compile_either(argument)
    run = polyglot.profile()
    with run:
        value = (eval if is_expression else exec)(code, namespace)
    if is_expression:
        sys.displayhook(value)
    print(run.python[:15])
    print()
    print(run[:15])
    print(run.footer)


@cell
def cell_time(argument, body, namespace):
    """%%time: run the lines below once, show wall and CPU time"""
    percent_time(f"{argument}\n{body}".strip(), namespace)


@cell
def cell_timeit(argument, body, namespace):
    """%%timeit: run the lines below many times, show mean and spread of seven rounds"""
    percent_timeit(f"{argument}\n{body}".strip(), namespace)


@cell
def cell_writefile(argument, body, namespace):
    """%%writefile [-a] FILE: write the lines below to a file, or append them"""
    import os
    appends = argument.split()[:1] == ["-a"]
    path = os.path.expanduser(argument.removeprefix("-a").strip() if appends else argument)
    if not path:
        return refuse("%%writefile: a file is wanted")
    with open(path, "a" if appends else "w") as file:
        file.write(body)


@command
def percent_c(argument, namespace):
    """%c [CODE]: C at the prompt, linked into the running kernel; exit or Ctrl-D comes back. With CODE: run it once"""
    import _c_prompt
    _c_prompt.run_cell(argument)


@cell
def cell_c(argument, body, namespace):
    """%%c: run the lines below as C, until an empty line outside of brackets"""
    import _c_prompt
    _c_prompt.run_cell(body)


@command
def percent_run(argument, namespace):
    """%run FILE [ARGUMENTS]: run a file as __main__ in this namespace"""
    import shlex
    path, *arguments = shlex.split(argument) or [""]
    if not path:
        return refuse("%run: a file is wanted")
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    saved = sys.argv
    sys.argv = [path, *arguments]
    try:
        exec(code, namespace)
    except SystemExit as error:
        if error.code not in (None, 0):
            print(f"%run: exit status {error.code}", file=sys.stderr)
    finally:
        sys.argv = saved


@command
def percent_who(argument, namespace):
    """%who: names that were defined here"""
    names = own_names(namespace)
    print("  ".join(names) if names else "nothing is defined yet")


@command
def percent_whos(argument, namespace):
    """%whos: the same, with types and values"""
    for name in own_names(namespace):
        text = repr(namespace[name]).replace("\n", " ")
        print(f"{name:<16}{type(namespace[name]).__name__:<14}{text[:60]}")


@command
def percent_reset(argument, namespace):
    """%reset: forget every name that was defined here (-f: without asking)"""
    if argument != "-f" and input("Forget all names? (y/n) ").strip().lower() not in ("y", "yes"):
        return
    for name in [name for name in namespace if not name.startswith("__")]:
        del namespace[name]


@command
def percent_pwd(argument, namespace):
    """%pwd: the working directory"""
    import os
    print(os.getcwd())


@command
def percent_ls(argument, namespace):
    """%ls [DIRECTORY]: its entries"""
    import os
    print("  ".join(entry.name + ("/" if entry.is_dir() else "")
                    for entry in sorted(os.scandir(argument or "."), key=lambda entry: entry.name)))


@command
def percent_env(argument, namespace):
    """%env [NAME[=VALUE]]: show or set the environment"""
    import os
    name, equals, value = argument.partition("=")
    if equals:
        os.environ[name] = value
    elif name:
        print(os.environ[name] if name in os.environ else f"{name} is not set")
    else:
        for key in sorted(os.environ):
            print(f"{key}={os.environ[key]}")


@command
def percent_dmesg(argument, namespace):
    """%dmesg [N]: the last N lines (20) of the kernel's log"""
    import polyglot
    if argument and not argument.isdecimal():
        return refuse(f"%dmesg: a number of lines is wanted, not {argument!r}")
    log = polyglot.dmesg()
    print(log[max(0, len(log) - int(argument or 20)):])


def refuse(text):
    """What a command says that cannot do anything with its arguments; no traceback."""
    print(text, file=sys.stderr)


def compile_either(source):
    """(code, is it an expression?). SyntaxError. Tracebacks quote it, as what is typed."""
    import linecache
    try:
        code, is_expression = compile(source, "<stdin>", "eval"), True
    except SyntaxError:
        code, is_expression = compile(source, "<stdin>", "exec"), False
    linecache._register_code(code, source, "<stdin>")
    return code, is_expression


def nice_time(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


# --- completion --------------------------------------------------------------------------------------

def complete(line, end, namespace):
    """Candidates for the word before column `end`: modules after import, attributes after a dot, % commands,
    names. Evaluates nothing but names and attributes; an error means no candidates."""
    text = line[:end]
    start = len(text)
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    word = text[start:]
    try:
        if text.lstrip().startswith("%") and " " not in text.lstrip():
            table = CELLS if text.lstrip().startswith("%%") else COMMANDS
            return start, sorted(name for name in table if name.startswith(word))
        if found := SHELL_LINE.match(text) or re.match(r"\s*%(?:%writefile(?: -a)?|bash|cd|ls|pushd|run) +", text):
            return _shell.complete_words(text, found.end(), is_command=found[0].endswith("!"))
        before = text[:start].split()
        if before[:1] in (["import"], ["from"]) and "import" not in before[1:]:
            return start, complete_module(word)
        if before[:1] == ["from"] and before[-1] in ("import", ",") or "import" in before[1:]:
            return start, complete_member(before[1], word)
        if "." in word:
            base, _, prefix = word.rpartition(".")
            return start + len(base) + 1, public_first(dir(look_up(base, namespace)), prefix)
        names = set(namespace) | set(dir(builtins)) | set(keyword.kwlist)
        return start, public_first(names, word)
    except Exception:
        return start, []


def public_first(names, prefix):
    """Names with the prefix; those with a leading underscore only when it is asked for."""
    return sorted(name for name in names if name.startswith(prefix) and (prefix.startswith("_") or not name.startswith("_")))


def complete_module(prefix):
    import pkgutil
    names = set(sys.builtin_module_names) | set(sys.modules)
    names |= set(getattr(sys, "stdlib_module_names", ()))
    names |= {module.name for module in pkgutil.iter_modules()}
    depth = prefix.count(".")
    return public_first({".".join(name.split(".")[:depth + 1]) for name in names}, prefix)


def complete_member(module, prefix):
    found = sys.modules.get(module) or __import__(module, fromlist=["*"])
    return public_first(dir(found), prefix)


def documentation():
    """docs/prompt.md, from the tables above (python3 world/python/prompt.py > docs/prompt.md)."""
    lines = ["# The prompt", "", "Written by `python3 world/python/prompt.py` from its tables; change those.", "",
             "## Commands", "", "| command | what it does |", "|---|---|"]
    lines += [f"| `{usage}` | {what} |" for usage, what in help_lines()]
    lines += ["", "## Keys", "", "| keys | what they do |", "|---|---|"]
    lines += [f"| {keys} | {what} |" for keys, what in KEYS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":  # the names under which the modules are frozen
    sys.modules["_prompt"] = sys.modules["__main__"]
    import jobs
    sys.modules["_jobs"] = jobs
    sys.modules["_processes"] = type(sys)("_processes")
    sys.modules["_processes"].shell = None  # starts programs: not for the documentation
    import shell_commands as _shell
    print(documentation(), end="")
else:
    import _shell
