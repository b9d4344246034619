"""A file's lines typed at the prompt, and the dialogue that this makes: tools/vm transcript.

    status = type_transcript(machine, text.splitlines(), timeout=120, output=sys.stdout)

Each line is sent over the serial port when the prompt for it is there. The dialogue is written as it grows. A blank line ends
a block, as at the keyboard; one that stands inside a block of the file (the next line is indented) is left out, so that a
program's own layout can be typed. An exception is a part of the dialogue and no error here.

Left out: lines that a program asks for with input() while it runs.
"""

import subprocess
import sys

from . import hostchannel, machine as machines, screen
from .serial_line import SerialTimeout

END_SECONDS = 30  # from the last line's end of the system to QEMU's


class Dialogue:
    """Writes what the serial line shows, in whole lines, each once."""

    def __init__(self, serial, output):
        self.serial, self.output, self.written = serial, output, 0

    def write(self, end=False):
        text = self.serial.text
        stop = len(text.rstrip()) if end else text.rfind("\n") + 1
        if stop > self.written:
            self.output.write(text[self.written:stop] + ("\n" if end else ""))
            self.output.flush()
            self.written = stop


def is_inside_block(lines, number):
    """Whether lines[number] is blank and the file goes on with an indented line."""
    following = next((line for line in lines[number + 1:] if line.strip()), "")
    return not lines[number].strip() and following[:1].isspace()


def type_transcript(machine, lines, timeout, output, errors=sys.stderr):
    """0: all lines were typed and answered (the last one may have ended the system); 124: a line had no prompt after
    `timeout` seconds; 125: a kernel panic; 1: the system ended with lines left. What happened goes to `errors`."""
    dialogue = Dialogue(machine.serial, output)
    in_block = False
    try:
        for number, line in enumerate(lines):
            if in_block and is_inside_block(lines, number):
                continue
            try:
                in_block = screen.send_line(machine, line, timeout).startswith("...")
            except SerialTimeout:
                return explain_end(machine, lines, number, timeout, errors)
            dialogue.write()
        return 0
    finally:
        dialogue.write(end=True)


def explain_end(machine, lines, number, timeout, errors):
    """The status for a line without a prompt after it."""
    where, left = f"line {number + 1}, {lines[number].strip()!r}", len(lines) - number - 1
    if not machine.serial.closed:
        errors.write(f"vm: {where}: no prompt after {timeout:g} s; the machine was stopped, {left} lines were not typed\n")
        return hostchannel.TIMEOUT_STATUS
    try:
        status = machine.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        status = None
    if status == machines.PANIC_STATUS:
        errors.write(f"vm: {where}: kernel panic\n")
        return machines.PANIC_STATUS
    if status == 0 and not any(line.strip() for line in lines[number + 1:]):
        return 0
    errors.write(f"vm: {where}: the machine ended, {left} lines were not typed\n")
    return 1
