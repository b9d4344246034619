"""The guest's prompt from outside: wait for it, type at it, take a picture of the screen.

    wait_for_prompt(machine)
    type_lines(machine, "a = 1\\na")      # each line with Enter; returns when the next prompt is there
    send_line(machine, "a = 1")           # one line over the serial port
    ask(machine, "a + 1")                 # the same, and the answer: "2\n"
    read_screen(machine, temp)            # the lines on the screen
    take_picture(machine, temp).write_png("out.png")

The serial port shows the same console as the screen, so the prompt is waited for there: an event, no
guess about time.
"""

import time

from .ocr import ScreenReader
from .picture import Picture
from .serial_line import CANNOT_START, SerialTimeout

FIRST_PROMPT = r"^>>> \Z"
# After the line end that Enter makes; a block's next line may be indented already.
NEXT_PROMPT = r"\n(?:>>>|\.\.\.|c>|\.\.\.>) +\Z"
ANSWER = r"(?s)(.*)^>>> \Z"
PAGER = r"^--More--.*\Z"
PAGER_ERASED = len("\r--More--\r")  # the least that `more` writes over its own line
SETTLE_SECONDS = 0.1


def wait_for_prompt(machine, timeout=120):
    """Raises SerialTimeout, at once when the loader gives up."""
    match = machine.serial.wait_for(f"{FIRST_PROMPT}|{CANNOT_START.pattern}", timeout)
    if not match[0].startswith(">>>"):
        raise SerialTimeout(match[0].strip())


def type_lines(machine, text, timeout=120):
    """Types each line on the keyboard and waits for the prompt after it."""
    for line in text.split("\n"):
        machine.serial.mark = len(machine.serial.text)
        machine.qmp.type_text(line + "\n")
        machine.serial.wait_for(NEXT_PROMPT, timeout)


def send_line(machine, line, timeout=120):
    """Sends a line over the serial port and waits for the prompt after it, which is returned: ">>>", or "..." in a block.
    A pager (help() has one for long texts) is given a blank at each stop."""
    machine.serial.mark = len(machine.serial.text)
    machine.serial.send(line + "\r")
    while True:
        found = machine.serial.wait_for(f"{NEXT_PROMPT}|{PAGER}", timeout)
        if not found[0].startswith("--More--"):
            return found[0].strip()
        machine.serial.mark = found.start()  # what comes next is written over it
        before = machine.serial.size
        machine.serial.send(" ")
        machine.serial.wait_for_bytes(lambda raw: len(raw) >= before + PAGER_ERASED, timeout)


def ask(machine, line, timeout=120):
    """What the prompt prints for a one-line statement sent over the serial port, up to the next prompt."""
    machine.serial.send(line + "\r")
    machine.serial.wait_for(r"\n", timeout)  # the end of the echo
    return machine.serial.wait_for(ANSWER, timeout)[1]


def read_screen(machine, directory):
    """The lines of text on the screen, by a picture for which `directory` has room."""
    return ScreenReader.of_build().read(take_picture(machine, directory))


def take_picture(machine, directory, timeout=5):
    """The screen as a Picture, once two pictures in a row are the same (the screen may be drawn a
    little later than the serial port's text was sent)."""
    path = directory / "screen.ppm"
    deadline = time.monotonic() + timeout
    previous = None
    while True:
        machine.qmp.screendump(path)
        picture = Picture.read_ppm(path)
        if picture == previous or time.monotonic() > deadline:
            return picture
        previous = picture
        time.sleep(SETTLE_SECONDS)
