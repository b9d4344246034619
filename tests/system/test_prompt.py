"""Dialogues with the prompt as a person has them: completion, % commands, questions, the last value, reports."""

import re

PROMPT = r">>> \Z"


def ask(machine, text, expected=None):
    """Types a line, and waits for `expected` in what it prints and for the next prompt."""
    machine.serial.send(text + "\r")
    machine.serial.wait_for(r"\n" if expected is None else expected, timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def test_dialogue(boot):
    machine = boot()
    ask(machine, "import json, polyglot")
    ask(machine, "pri\t(6 * 7)", r"\n42\s")
    ask(machine, "%lsmagic", r"%timeit STATEMENT")
    ask(machine, "%time 3 * 4", r"wall time: .*\n12\s")
    ask(machine, "_ + 1", r"\n13\s")
    ask(machine, "json.dumps?", r"Signature: +json\.dumps\(obj")
    ask(machine, "%nothing", r"no such command")
    ask(machine, "1 / 0", r"ZeroDivisionError: division by zero")
    ask(machine, "polyglot.threads()", r"\n +1 +1 +world +running")
    ask(machine, "[row for row in polyglot.threads() if row.name == 'world'][0].state", r"\n'running'")
    ask(machine, "polyglot.pages()", r"\nworld +\d")
    ask(machine, "polyglot.interrupts()", r"keyboard")
    ask(machine, "polyglot.devices()", r"local APIC")
    ask(machine, "polyglot.slabs()", r"kmalloc-64")
    ask(machine, "polyglot.locks()", r"lock +rank")


def test_history_search(boot):
    machine = boot()
    ask(machine, "value = 'find' + 'me'; value", r"\n'findme'")
    ask(machine, "1 + 1", r"\n2\s")
    machine.serial.send("\x12find\r")  # Ctrl-R
    machine.serial.wait_for(r"\n'findme'", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def test_colours_reach_the_terminal(boot):
    machine = boot()
    ask(machine, "1 / 0", r"ZeroDivisionError")
    assert re.search(rb"\x1b\[[0-9;]*mZeroDivisionError", bytes(machine.serial.raw))
