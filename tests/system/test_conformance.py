"""The conformance suite inside: Python in ring 0, C, Zig, Rust and Bash in ring 3, in one boot. What they answer is what
inside.json says, from which docs/syscalls.md tells what is full and what is partial."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "abi")]
import generate  # noqa: E402
import suite  # noqa: E402
from test_programs import check_leaks, parse  # noqa: E402


def test_five_languages_answer_inside_as_the_documentation_says():
    table, cases = generate.load(), suite.load_cases()
    outputs = suite.run_inside(suite.LANGUAGES, table, cases)
    leaks = outputs.pop("leaks")
    for language in suite.LANGUAGES:
        own = suite.cases_of(language, cases)
        answered = suite.answers(table, own, outputs.get(language, ""))
        assert [case.name for case in own if case.name not in answered] == [], language
    found = suite.judge(table, cases, outputs)
    assert found == json.loads(suite.INSIDE.read_text()), "run: python tests/conformance/suite.py inside"
    check_leaks(parse(leaks.encode()))
