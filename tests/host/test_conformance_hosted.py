"""The conformance suite on this Linux: all five languages answer as recorded; the table names every error that was seen.

The record was made by the superuser; another user's answers differ, so the tests want to be run by root.
"""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "abi")]
import generate  # noqa: E402
import suite  # noqa: E402

TABLE = generate.load()
CASES = suite.load_cases()
# What follows from the types of arguments and results (abi/syscalls.toml, `errors`).
BY_TYPE = {"fd": {"EBADF", "EMFILE"}, "dirfd": {"EBADF"},
           "path": {"EACCES", "EFAULT", "ELOOP", "ENAMETOOLONG", "ENOENT", "ENOTDIR"},
           **dict.fromkeys(["string", "ptr", "in", "out", "inout"], {"EFAULT"})}


@pytest.mark.parametrize("language", suite.LANGUAGES)
def test_language_answers_as_recorded(language):
    cases = suite.cases_of(language, CASES)
    assert len(cases) > 400
    output = suite.run_here(language, TABLE, cases)
    assert suite.differences(cases, suite.answers(TABLE, cases, output), suite.record()) == []


def test_every_case_is_recorded():
    assert suite.record().keys() == {case.name for case in CASES}


def test_every_call_has_a_case():
    made = {line.split(" = ")[0] for lines in suite.record().values() for line in lines if not line.startswith(" ")}
    made |= {word for case in CASES for line in case.lines for word in line.split()[:3]}  # a child's calls
    never = {"vfork", "rt_sigreturn", "rt_sigsuspend", "settimeofday", "rseq", "capset"}  # suite: derive.py says why
    assert {call.name for call in TABLE["syscalls"] if call.arguments is not None} - made <= never


def test_errors_of_the_record_are_in_the_table():
    seen = {}
    for lines in suite.record().values():
        for line in lines:
            if match := re.fullmatch(r"(\w+) = (E[A-Z0-9]+)", line):
                seen.setdefault(match[1], set()).add(match[2])
    assert len(seen) > 150
    missing = {}
    for call in TABLE["syscalls"]:
        allowed = {"ENOMEM", *call.errors}.union(*(BY_TYPE.get(a.kind, ()) for a in call.arguments or ()),
                                                 BY_TYPE["fd"] if call.result == "fd" else ())
        if more := seen.get(call.name, set()) - allowed:
            missing[call.name] = sorted(more)
    assert missing == {}
