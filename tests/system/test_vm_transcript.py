"""tools/vm transcript as its user sees it: the dialogue, and what is said when a line does not come back."""

import pytest

from conftest import vm
from polyglot_vm.transcript import is_inside_block


@pytest.fixture
def transcript(tmp_path):
    """transcript(text, *options) -> Result"""
    def run(text, *options):
        lines = tmp_path / "lines"
        lines.write_text(text)
        return vm("transcript", lines, *options)
    return run


def test_dialogue(transcript):
    """Expressions, empty lines, a block with a blank line inside, a failing line, more after it, the end of the system."""
    result = transcript("1 + 1\n\n\ndef f(n):\n    for i in range(n):\n\n        yield i * 21\n\nlist(f(3))\n"
                        "1 / 0\nprint('größer', _)\nexit()\n\n")
    assert result.status == 0, result.stderr
    text = result.stdout.decode()
    assert "Polyglot OS" in text and result.stderr == ""
    dialogue = text[text.index(">>> 1 + 1"):]
    assert dialogue.startswith(">>> 1 + 1\n2\n>>> \n>>> \n>>> def f(n):\n...     for i in range(n):\n...         yield i * 21\n... \n"
                               ">>> list(f(3))\n[0, 21, 42]\n>>> 1 / 0\nTraceback (most recent call last):\n")
    assert "\nZeroDivisionError: division by zero\n>>> print('größer', _)\ngrößer [0, 21, 42]\n>>> exit()\n" in dialogue


def test_lines_wider_than_the_terminal(transcript):
    result = transcript(f"len('{'x' * 300}')\nlen('{'y' * 1100}')\n'the ' + 'end'\nexit()\n")
    assert result.status == 0, result.stderr
    text = result.stdout.decode()
    assert text.index("\n300\n") < text.index("\n1100\n") < text.index("\n'the end'\n")


def test_help_is_shown_to_its_end(transcript):
    """A long text comes in screens of a pager; nobody has to press its keys."""
    result = transcript("import polyglot\nhelp(polyglot)\n6 * 7\nexit()\n", "--timeout", 280)
    assert result.status == 0, result.stderr
    text = result.stdout.decode()
    assert "--More--" not in text and text.index("NAME\n") < text.index("\nFILE\n") < text.index(">>> 6 * 7\n42\n")


def test_a_line_that_never_returns(transcript):
    result = transcript("'before'\nimport threading; threading.Event().wait()\n'after'\n", "--timeout", 30)
    assert result.status == 124
    assert "line 2, 'import threading; threading.Event().wait()': no prompt after 30 s" in result.stderr
    assert "1 lines were not typed" in result.stderr and "Traceback" not in result.stderr
    assert result.stdout.decode().endswith("\n'before'\n>>> import threading; threading.Event().wait()\n")


def test_lines_after_the_end(transcript):
    result = transcript("exit()\n1 + 1\n")
    assert result.status == 1 and "line 1, 'exit()': the machine ended, 1 lines were not typed" in result.stderr


def test_file_that_cannot_be_read(tmp_path):
    result = vm("transcript", tmp_path / "absent")
    assert result.status == 2 and "No such file" in result.stderr and "Traceback" not in result.stderr
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    result = vm("transcript", tmp_path / "binary")
    assert result.status == 2 and "UTF-8" in result.stderr


def test_blank_lines_in_blocks():
    lines = ["if 1:", "", "    a = 1", "", "", "b = 2", ""]
    assert [is_inside_block(lines, number) for number in range(len(lines))] == [False, True] + [False] * 5
