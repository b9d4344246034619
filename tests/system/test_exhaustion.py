"""Memory runs out in many ways, one after the other in one small machine: each time an exception of Python's, and
afterwards the prompt works and the memory is free again. What a case binds is forgotten by its last line."""

import re

import pytest

from polyglot_vm import screen

MEMORY = 384  # MB
PROMPT = r"^>>> \Z"
TIMEOUT = 240
MEMORY_ERROR = "MemoryError"

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
    "regular expression": (["x = re.sub('', 'y' * 10000, 'z' * 10**6)"], MEMORY_ERROR, ""),
    "text stream": (["x = io.StringIO()", "while True: x.write('text' * 100000)", ""], MEMORY_ERROR, "del x"),
}


def enter(machine, line):
    """Types a line and returns what comes before the next prompt."""
    machine.serial.mark = len(machine.serial.text)
    machine.serial.send(line + "\r")
    machine.serial.wait_for(r"\n", TIMEOUT)
    return machine.serial.wait_for(r"(?s)(.*)(?:^>>> |^\.\.\. +)\Z", TIMEOUT)[1]


@pytest.fixture(scope="module")
def prompt():
    from polyglot_vm.machine import Machine, MachineOptions
    with Machine(MachineOptions(memory=MEMORY)) as machine:
        screen.wait_for_prompt(machine)
        enter(machine, "import gc, io, mmap, os, polyglot, re, shutil, sys, threading; from itertools import count")
        yield machine


@pytest.mark.parametrize("name", CASES)
def test_memory_runs_out(prompt, name):
    lines, expected, release = CASES[name]
    used, free = memory(prompt)
    answers = "".join(enter(prompt, line) for line in lines)
    assert re.search(f"^(?:{expected})", answers, re.M), answers
    if release:
        answer = enter(prompt, release)
        assert "Error" not in answer, answer
    assert enter(prompt, "sum(range(1000))") == "499500\n"
    used_after, free_after = memory(prompt)
    assert used_after - used < 16 << 20, "Python's objects stay"
    assert free - free_after < 96 << 20, "the kernel's pages stay"  # malloc gives back in steps of 64 MiB
    assert enter(prompt, f"len(bytes({64 << 20}))") == f"{64 << 20}\n"


def memory(machine):
    """(bytes that Python's objects take, free bytes of the machine)"""
    answer = enter(machine, "n = gc.collect(); x = polyglot.memory(); print(x['WorldUsed'], x['MemFree']); del x")
    used, free = map(int, answer.split())
    return used, free


def test_no_line_of_the_report_is_lost(prompt):
    """The machine has not been started again behind our back."""
    assert "ended by signal" not in prompt.serial.text
    assert enter(prompt, "print(polyglot.dmesg(search='ended by signal'))") in ("\n", "")
