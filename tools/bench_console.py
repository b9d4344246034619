"""What the consoles cost inside: lines to a terminal, keys echoed from one; the same file here and on Linux.

Loaded by tools/bench.py at the guest's prompt, which calls lines() and echo(). Times are those of the guest's clock.
"""

import os
import termios
import time
import tty

LINES = 10_000
TEXT = "The quick brown fox jumps over the lazy dog."
# Its reverse video is recognised in a picture without knowing the font: the screen shows the end.
BAR = "\x1b[7m" + " " * 60 + "\x1b[0m"


def lines(path):
    """Seconds for LINES lines to the terminal `path`, one write each, until it has sent them; a bar comes last."""
    with open(path, "w", buffering=1) as output:
        start = time.perf_counter()
        for number in range(LINES):
            print(number, TEXT, file=output)
        print(BAR, file=output)
        termios.tcdrain(output.fileno())
        return time.perf_counter() - start


def echo(source, targets, count):
    """Sends what is typed on the terminal `source` to the terminals `targets`, `count` times. The first gets its
    cursor back at the end; until then the screen changes by an echo alone."""
    keyboard = os.open(source, os.O_RDWR | os.O_NOCTTY)
    outputs = [os.open(path, os.O_WRONLY | os.O_NOCTTY) for path in targets]
    settings = termios.tcgetattr(keyboard)
    tty.setraw(keyboard)
    os.write(outputs[0], b"\x1b[?25l")
    print("ready", flush=True)
    for _ in range(count):
        data = os.read(keyboard, 16)
        for output in outputs:
            os.write(output, data)
    os.write(outputs[0], b"\x1b[?25h\r\n")
    termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)
    for descriptor in (keyboard, *outputs):
        os.close(descriptor)
