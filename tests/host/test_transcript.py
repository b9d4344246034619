"""What tools/polyglot_vm/serial_line.py makes of a terminal session."""

import os

import pytest

from polyglot_vm.serial_line import SerialLine, SerialTimeout, Transcript

# The line editor's own bytes for a prompt and an answer.
PROMPT = b"\x1b[?2004h\x1b[?2026h\r\x1b[K>>> \r\x1b[4C\x1b[?2026l"


@pytest.mark.parametrize("data, text", [
    (b"one\r\ntwo", "one\ntwo"),
    (b"\x1b[1;31mred\x1b[0m plain", "red plain"),
    (b"a\tb", "a       b"),
    (b"abc\rX", "Xbc"),
    (b"abc\r\x1b[KX", "X"),
    (b"abc\b\bX", "aXc"),
    (b"\x1b[4Cafter", "    after"),
    (b"one\r\ntwo\x1b[A\rONE", "ONE\ntwo"),
    (b"one\r\n\r\n\r\n\x1b[2A\r>>> ", "one\n>>> "),
    (b"\x1b]0;a title\x07shown", "shown"),
    ("größer ☃".encode(), "größer ☃"),
    (PROMPT + b"1+1\x1b[?2004l\r\n2\r\n" + PROMPT, ">>> 1+1\n2\n>>> "),
])
def test_text_is_what_a_terminal_shows(data, text):
    whole = Transcript()
    whole.feed(data)
    assert whole.text() == text
    pieces = Transcript()
    for byte in data:
        pieces.feed(bytes([byte]))
    assert pieces.text() == text


def test_waiting_for_a_pattern():
    read_fd, write_fd = os.pipe()
    line = SerialLine(read_fd)
    os.write(write_fd, PROMPT)
    line.wait_for(r"^>>> \Z", timeout=60)
    os.write(write_fd, b"1+1\r\n")
    with pytest.raises(SerialTimeout, match=" s passed"):
        line.wait_for(r"^>>> \Z", timeout=0.05)
    os.write(write_fd, b"2\r\n" + PROMPT)
    assert line.wait_for(r"(?s)\n(.*)^>>> \Z", timeout=60)[1] == "2\n"
    os.close(write_fd)
    with pytest.raises(SerialTimeout, match="the machine ended"):
        line.wait_for("more", timeout=60)
