"""Random keys at the prompt over the serial line; run by hand, from the project's folder, after `make image`.

    build/venv/bin/python tests/system/fuzz_keys.py [SEED [COUNT]]

Sends texts, escape sequences, control characters and broken UTF-8, and tells when nothing comes back for some seconds: then the
screen, what the CPU does, and what was sent last. A question of the line editor ("Display all 182 possibilities?") is such a silence, and no fault.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from polyglot_vm import screen  # noqa: E402
from polyglot_vm.machine import Machine, MachineOptions  # noqa: E402

LEFT_OUT = (4, 10, 13, 17, 19, 26, 28, 29)  # end of input, ends of lines, flow control, signals
CONTROL = [bytes([code]) for code in range(1, 32) if code not in LEFT_OUT]
KEYS = [b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F", b"\x1b[3~", b"\x1b[5~", b"\x1b[6~", b"\x1bb", b"\x1bf", b"\x1bd", b"\x1b[1;5C",
        b"\x1b[200~paste\nmore\x1b[201~", b"\x1bO", b"\x1b[", b"\x1b[99;99;99~", b"\x1b]0;t\x07", b"\xc3\xa9", b"\xe4\xb8\xad", b"\xf0\x9f\x98\x80", b"\xff",
        b"\xc3", b"e\xcc\x81", b"\t", b"\t\t", b"\x7f", b"\x12", b"\x03"]
TEXTS = ["pri", "polyglot.", "import ", "%c", "%%c", "%", "!", "!ls", "x = !ls", "?", "x?", "def f(:", "class", "'", '"""', "(", "[", "{", ")", "]", "}", ":", "\\",
         "    ", "thread_current()->", "struct ", "int a;", "1+1", "%py", "%cd /", "%env", "#include <", "...", "lambda", "@"]
LETTERS = b"abcxyz01 .,()[]_=+-*/'\""


def keys(draw):
    match draw.randrange(10):
        case 0 | 1 | 2:
            return draw.choice(TEXTS).encode()
        case 3 | 4:
            return draw.choice(KEYS)
        case 5:
            return draw.choice(CONTROL)
        case 6 | 7:
            return bytes(draw.choice(LETTERS) for _ in range(draw.randrange(1, 8)))
        case 8:
            return b"\r"
        case _:
            return bytes([draw.randrange(32, 127)])


def answers(machine, seconds=6):
    """Has anything come within that time?"""
    before, end = len(machine.serial.text), time.monotonic() + seconds
    while time.monotonic() < end:
        if len(machine.serial.text) != before:
            return True
        time.sleep(0.15)
    return False


def main(seed=1, count=1500):
    draw, sent = random.Random(seed), []
    with Machine(MachineOptions(memory=1024)) as machine:
        screen.wait_for_prompt(machine, 300)
        for number in range(count):
            sent.append(keys(draw))
            machine.serial.send(sent[-1])
            if number % 10 == 9 and not answers(machine):
                print(f"nothing came after {number + 1} keys; the last: {sent[-40:]}")
                print(machine.qmp.execute("human-monitor-command", **{"command-line": "info registers"})[:700])
                with tempfile.TemporaryDirectory() as folder:
                    print("\n".join(screen.read_screen(machine, Path(folder))[-14:]))
                return 1
    print(f"{count} keys, always answered")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
