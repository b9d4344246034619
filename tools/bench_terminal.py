"""The part of make bench that looks at terminals: lines that are printed, keys that are echoed. Used by bench.py.

Each machine boots by UEFI, because the cloud kernel's only screen is an EFI framebuffer. The prompt is on the serial line;
tools/bench_console.py is loaded there and works on the terminals that it is told:

    serial_lines  10,000 lines written to the serial port, until the last byte was sent (tcdrain)
    screen_lines  10,000 lines written to the screen's terminal, until a picture of the screen shows the last
    key_serial    from the monitor's send-key to the character's arrival at the serial port's other end
    key_screen    from the monitor's send-key to the first picture in which the screen has changed

Linux has a terminal for each, ours is one on both: it draws and sends in all four. Seconds; keys are medians of KEYS.
"""

import re
import statistics
import time
from typing import NamedTuple

from polyglot_vm import screen
from polyglot_vm.machine import Machine, temporary_directory
from polyglot_vm.picture import Picture

KEYS = 15
KEY_PAUSE = 0.05  # until the release of the key before has been dealt with
TIMEOUT = 120
BAR = re.compile(rb"(?:[\x80-\xff]{3}){480}")  # 60 blanks of 8 pixels in reverse video
RESULT, RESULT_END = re.compile(rb"\nseconds ([\d.]+)\r?\n"), 300  # with the prompt behind it


class Terminals(NamedTuple):
    serial: str
    screen: str


OURS = Terminals("/dev/console", "/dev/console")
LINUX = Terminals("/dev/ttyS0", "/dev/tty1")


def has_bar(picture):
    """Whether the picture shows bench_console.BAR, in whatever font."""
    stride = picture.width * 3
    return any(BAR.search(picture.rgb, y * stride, (y + 1) * stride) for y in range(0, picture.height, 4))


def measure_terminals(options, terminals):
    """{row: seconds} of one boot."""
    with temporary_directory() as temp, Machine(options) as machine:
        screen.wait_for_prompt(machine, TIMEOUT)
        screen.send_line(machine, "exec(open('/host/bench_console.py').read())", TIMEOUT)
        rows = {"serial_lines": time_lines(machine, terminals.serial)}
        rows["screen_lines"] = time_lines(machine, terminals.screen) + time_until_bar(machine, temp / "screen.ppm")
        targets = list(dict.fromkeys([terminals.screen, terminals.serial]))
        machine.serial.send(f"echo('{terminals.screen}', {targets}, {2 * KEYS})\r")
        machine.serial.wait_for(r"^ready\n", TIMEOUT)
        rows["key_serial"] = statistics.median(time_key_serial(machine) for _ in range(KEYS))
        rows["key_screen"] = statistics.median(time_key_screen(machine, temp / "screen.ppm") for _ in range(KEYS))
        machine.serial.wait_for(screen.FIRST_PROMPT, TIMEOUT)
        return rows


def time_lines(machine, path):
    """As the guest's clock says. The result comes alone in its line, after all the others."""
    before = machine.serial.size

    def result(raw):
        return RESULT.search(raw, max(before, len(raw) - RESULT_END))

    machine.serial.send(f"print('seconds', lines('{path}'))\r")
    machine.serial.wait_for_bytes(result, TIMEOUT)
    return float(result(machine.serial.raw)[1])


def time_until_bar(machine, path):
    """Seconds that the screen is behind: 0 if the first picture shows the bar."""
    start = time.monotonic()
    while True:
        asked = time.monotonic()
        machine.qmp.screendump(path)
        if has_bar(Picture.read_ppm(path)):
            return asked - start
        if asked - start > TIMEOUT:
            raise screen.SerialTimeout("the last line did not appear on the screen")


def press_key(machine):
    """Returns the time before it was pressed. It is let go after a millisecond of the guest's time."""
    time.sleep(KEY_PAUSE)
    start = time.monotonic()
    machine.qmp.execute("send-key", keys=[{"type": "qcode", "data": "a"}], hold_time=1)
    return start


def time_key_serial(machine):
    before = machine.serial.size
    start = press_key(machine)
    machine.serial.wait_for_bytes(lambda raw: len(raw) > before, TIMEOUT)
    return time.monotonic() - start


def time_key_screen(machine, path):
    machine.qmp.screendump(path)
    before = path.read_bytes()
    start = press_key(machine)
    while True:
        machine.qmp.screendump(path)
        if path.read_bytes() != before:
            return time.monotonic() - start
        if time.monotonic() - start > TIMEOUT:
            raise screen.SerialTimeout("a key press changed nothing on the screen")
