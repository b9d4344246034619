"""Memory and what else can run out, in many ways, one after the other in one small machine: each time an exception
of Python's, and afterwards the prompt works and the memory is free again. The last line of a case forgets what it
has bound. The machine is small because the time goes into filling it under emulation."""

import re

import pytest

from polyglot_vm import screen
from polyglot_vm.machine import Machine, MachineOptions

MEMORY = 320  # MB, of which about 85 are the image
TIMEOUT = 240
MEMORY_ERROR = "MemoryError"
IMPORTS = "import gc, io, mmap, os, polyglot, re, threading; from itertools import count"
# What may be in use more than at the start, after all cases: the big-number code keeps 10 MB of tables for its
# transforms, the collector and the interpreter's tables grow with the most objects there ever were.
MAY_STAY = 24 << 20
# And what malloc holds: up to 4 MB that it has not been told to give back, and pages that hold a small living object.
MAY_BE_SPLIT = 64 << 20  # malloc keeps freed memory below a block that is still used; later requests get it

# name -> (lines to type, exception that must come, line that lets go)
CASES = {
    "list": (["x = [object() for _ in count()]"], MEMORY_ERROR, ""),
    "list in a loop": (["x = []", "while True: x.append(str(len(x)))", ""], MEMORY_ERROR, "del x"),
    "tuple": (["x = tuple(count(1 << 80))"], MEMORY_ERROR, ""),
    "nested tuples": (["x = ()", "while True: x = (x, [x])", ""], MEMORY_ERROR, "del x"),
    "dict": (["x = {n: str(n) for n in count()}"], MEMORY_ERROR, ""),
    "set": (["x = {(n,) for n in count()}"], MEMORY_ERROR, ""),
    "strings": (["x = [str(n) * 500 for n in count()]"], MEMORY_ERROR, ""),
    "one string": (["x = 'x'", "while True: x += x", ""], MEMORY_ERROR, "del x"),
    "bytes": (["x = [bytes(10**6) for _ in count()]"], MEMORY_ERROR, ""),
    "bytearray": (["x = bytearray()", "while True: x += bytes(1 << 20)", ""], MEMORY_ERROR, "del x"),
    "integers": (["x = [n << 10**6 for n in count(1)]"], MEMORY_ERROR, ""),
    "one integer": (["x = 3", "while True: x <<= x.bit_length()", ""], MEMORY_ERROR, "del x"),
    "classes": (["x = [type('x', (), {'x': bytes(10**4)}) for _ in count()]"], MEMORY_ERROR, ""),
    "cycles": (["x = []", "while True: y = [bytes(10**4)]; y.append(y); x.append(y)", ""], MEMORY_ERROR, "del x, y"),
    "generators": (["x = [(n for n in ()) for _ in count()]"], MEMORY_ERROR, ""),
    "chain of iterators": (["x = iter(())", "while True: x = map(str, x)", ""], MEMORY_ERROR, "del x"),
    "recursion": (["def x(n): return x(n + 1)", "", "x(0)"], "RecursionError", "del x"),
    "threads": (["e = threading.Event()", "def x(): threading.Thread(target=e.wait, daemon=True).start()", "",
                 "while True: x()", ""], "MemoryError|RuntimeError: can't start new thread", "e.set(); del x, e"),
    "files": (["f = open('/tmp/full', 'wb', buffering=0)", "while True: n = f.write(bytes(1 << 20))", ""],
              r"OSError: \[Errno 28\]", "f.close(); os.remove('/tmp/full')"),
    "mappings": (["x = [mmap.mmap(-1, 16 << 20) for _ in count()]"], r"OSError: \[Errno 12\]", ""),
    "descriptors": (["x = []", "while True: x.append(open('/dev/null', 'rb', 0))", ""], r"OSError: \[Errno 24\]", "del x"),
    "regular expression": (["x = re.sub('', 'y' * 10000, 'z' * 10**6)"], MEMORY_ERROR, ""),
}


def enter(machine, line):
    """Types a line and returns what comes before the next prompt."""
    machine.serial.mark = len(machine.serial.text)
    machine.serial.send(line + "\r")
    machine.serial.wait_for(r"\n", TIMEOUT)
    return machine.serial.wait_for(r"(?s)(.*)(?:^>>> |^\.\.\. +)\Z", TIMEOUT)[1]


@pytest.fixture(scope="module")
def prompt():
    with Machine(MachineOptions(memory=MEMORY)) as machine:
        screen.wait_for_prompt(machine)
        enter(machine, IMPORTS)
        enter(machine, "1 / 0")  # loads what shows tracebacks
        yield machine


@pytest.fixture(scope="module")
def at_start(prompt):
    return memory(prompt)


@pytest.mark.parametrize("name", CASES)
def test_memory_runs_out(prompt, at_start, name):
    lines, expected, release = CASES[name]
    answers = "".join(enter(prompt, line) for line in lines)
    assert re.search(f"^(?:{expected})", answers, re.M), answers
    assert enter(prompt, "sum(range(1000))").rstrip() == "499500"  # without a free descriptor a blank line follows
    if release:
        answer = enter(prompt, release)
        assert "Error" not in answer, answer
    used, free = (now - then for now, then in zip(memory(prompt), at_start))
    assert used < MAY_STAY, "Python's objects stay"
    assert -free - used < MAY_BE_SPLIT, "malloc or the kernel keeps pages"
    assert enter(prompt, "len([bytes(1 << 20) for _ in range(16)])") == "16\n"


def memory(machine):
    """(bytes that Python's objects take, free bytes of the machine)"""
    enter(machine, "n = gc.collect()")  # what it frees goes back to the kernel before the next prompt
    answer = enter(machine, "x = polyglot.memory(); print(x['WorldUsed'], x['MemFree']); del x")
    assert re.fullmatch(r"\d+ \d+\n", answer), answer
    return tuple(map(int, answer.split()))


def test_the_world_was_never_restarted(prompt):
    assert "ended by signal" not in prompt.serial.text
    assert enter(prompt, "print(polyglot.dmesg(search='ended by signal'))").strip() == ""
