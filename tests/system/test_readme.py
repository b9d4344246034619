"""README.md is true: its tour, typed at the prompt as a stranger would, gives the answers it shows; its files exist."""

import re
import time
from typing import NamedTuple

from conftest import ROOT
from polyglot_vm import screen

README = (ROOT / "README.md").read_text()
WAIT = 180  # an exhausted memory takes its time


class Step(NamedTuple):
    line: str       # behind the prompt
    answer: list    # lines; "...": whatever comes; "^C" first: interrupted


def tour():
    """The steps of all Python blocks, in order."""
    steps = []
    for block in re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S):
        for line in block.splitlines():
            if line.startswith(">>> ") or line.startswith("... "):
                steps.append(Step(line[4:], []))
            else:
                steps[-1].answer.append(line)
    return steps


def answer_pattern(lines):
    """A pattern for what lies between a typed line and the next prompt."""
    return "".join(r"(?:.*\n)+?" if line == "..." else re.escape(line) + "\n" for line in lines)


def test_answers_are_matched():
    assert re.fullmatch(answer_pattern(["a", "..."]), "a\nb\nc\n") and re.fullmatch(answer_pattern([]), "")
    assert not re.fullmatch(answer_pattern(["a", "..."]), "b\nc\n") and not re.fullmatch(answer_pattern(["..."]), "")
    assert not re.fullmatch(answer_pattern(["1.5"]), "125\n")


def test_tour(boot):
    steps = tour()
    assert len(steps) > 15 and steps[-1].line == "exit()"
    machine = boot()
    for step in steps[:-1]:
        start = len(machine.serial.text)
        machine.serial.send(step.line + "\r")
        interrupted = step.answer[:1] == ["^C"]
        if interrupted:
            machine.serial.wait_for(r"\n", WAIT)
            time.sleep(1)  # so that it certainly waits; an earlier Ctrl-C would only clear the line
            machine.serial.send("\x03")
        machine.serial.wait_for(screen.NEXT_PROMPT, WAIT)
        # Behind the typed line, before the next prompt.
        answer = "".join(machine.serial.text[start:].splitlines(keepends=True)[1:-1])
        assert re.fullmatch(answer_pattern(step.answer[interrupted:]), answer), f"{step.line}: not {step.answer}, but\n{answer}"
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=60) == 0


def test_files_that_are_named_exist():
    names = re.findall(r"\]\(([\w/.-]+)\)", README) + re.findall(r"(?<![\w/])(?:docs|tools)/[\w./-]*\w", README)
    assert len(names) > 8
    assert [name for name in names if not (ROOT / name).exists()] == []
    demos = re.findall(r"/(demo/\w+\.py)", README)
    assert demos and all((ROOT / name).is_file() for name in demos)


def test_pictures_are_small():
    pictures = re.findall(r"!\[[^]]+\]\((.*?)\)", README)
    assert len(pictures) >= 4
    assert all((ROOT / picture).stat().st_size < 60_000 for picture in pictures)
