#!/usr/bin/env python3
"""Records what real programs write to a terminal, for test_recordings.py.

    tests/host/terminal/record.py [NAME...]        writes recordings/NAME.gz; without names, all

A program runs on a pseudo-terminal of 80 columns and 24 rows with TERM as our console announces it; the terminal behind
it is our emulator, which answers its queries. A script waits for a pattern in what was written since the last
keys, and types the next ones. A recording is one line of JSON (program, version, columns, rows) and the bytes. Needs
root, and Debian's packages bash, vim, htop, tmux and vttest.
"""

import fcntl
import gzip
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import emulators  # noqa: E402 (the path comes first)

DIRECTORY = Path(__file__).resolve().parent / "recordings"
COLUMNS, ROWS = 80, 24
QUIET_SECONDS, TIMEOUT_SECONDS = 0.2, 20
ENVIRONMENT = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"],
               "PS1": r"\[\e[1;32m\]user@linux\[\e[0m\]:\[\e[34m\]\w\[\e[0m\]$ ", "SHELL": "/bin/bash", "EDITOR": "vi"}
UP, DOWN, RIGHT, LEFT, PAGE_DOWN = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[6~"


class Session:
    """A program on a pseudo-terminal; what it writes is kept and goes to our emulator, whose answers go back."""

    def __init__(self, command, terminal, home):
        self.terminal, self.data, self.mark = terminal, b"", 0
        terminal.start(COLUMNS, ROWS)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.execvpe(ISOLATE[0], ISOLATE + command, {**ENVIRONMENT, "HOME": home})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))

    def read(self, timeout):
        """False: nothing came in that time, or the program ended."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.data += data
        reply = self.terminal.write(data)
        if reply:
            os.write(self.fd, reply)
        return bool(data)

    def wait_for(self, pattern):
        """Until the pattern came and the program is quiet."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not re.search(pattern.encode(), self.data[self.mark:], re.S):
            self.read(0.1)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {pattern!r} in {self.data[self.mark:]!r}")
        while self.read(QUIET_SECONDS):
            pass

    def type(self, keys):
        self.mark = len(self.data)
        os.write(self.fd, keys.encode())

    def end(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


# --- programs --------------------------------------------------------------------------------------

BASH = ["bash", "--norc", "--noprofile"]
PROMPT = r"\$ "
# A machine of its own name with nothing else running: recordings are the same wherever they are made.
ISOLATE = ["unshare", "--pid", "--fork", "--uts", "--mount-proc", "--kill-child", "sh", "-c", 'hostname linux; exec "$@"', "sh"]
TEXT = "".join(f"Line {number}: the quick brown fox äöü → λόγος слово\\n" for number in range(1, 61))


def bash(session):
    steps = ["echo Hello, world", "mkdir -p {alpha,beta}/{one,two,three}; touch alpha/file-{a,b,c,d}{1,2,3,4,5,6}; chmod +x alpha/*1",
             "ls --color=always -lA alpha", "ls --color=always -x alpha", "printf '\\e[31mred\\e[0m \\e[7mreverse\\e[0m\\n'",
             "for i in 1 2 3; do", "echo $i $((i * 11)); done", "ls al\tfi\t\t\x15ls be\ton\t", UP + UP, "\x12Hello\r",
             "echo " + "a long line that wraps at the end of the row " * 3, "echo one two three\x17\x17four\x01\x1bf\x0bx",
             "echo 'äöü λόγος ┌─┐ 中文'" + LEFT * 4 + "\x7f", "seq 1 60", "clear", "echo done"]
    for line in steps:
        session.wait_for(r"(\$|>) ")
        for key in re.findall("\x1b\\[.|[^\x1b]{1,12}", line, re.S):
            session.type(key)
            session.wait_for("")
        session.type("\r")
    session.wait_for(PROMPT)


def vim(session):
    steps = ["printf '" + TEXT + "' > text.c\r", "vi -u NONE -N text.c\r", ":set number hlsearch ruler\r", ":syntax on\r",
             "10G", "dd", "p", "o/* new line äöü */ int main(void) { return 42; }\x1b", "\x06", "\x06", "\x02", "/fox\r", "n", "N",
             "V3jd", "u", ":split\r", "\x17j", "ggO#include <stdio.h>\x1b", "\x17k", "30j", "zt", ":vsplit\r", ":%s/quick/slow/g\r",
             "5x", "A" + "wrapping text " * 8 + "\x1b", ":only\r", "G", "\x05", "\x19", ":help\r", ":q\r", "ggVG~", ":set list\r",
             ":q!\r"]
    for keys in steps:
        session.wait_for("")
        session.type(keys)
    session.wait_for(PROMPT)


def htop(session):
    session.wait_for("F10")
    for keys in [DOWN, DOWN, PAGE_DOWN, "\x1bOR", "bash\x1b", "t", "\x1bOQ", DOWN, RIGHT, DOWN, "\x1b", "\x1bOP", "q", "u", "\x1b", "I",
                 "\x1bOS", "python\x1b", "H", "K"]:
        session.type(keys)
        session.wait_for("" if keys == "\x1b" else ".")
    session.type("q")
    session.wait_for(r"\x1b\[\?1049l")


def tmux(session):
    prefix = "\x02"
    for keys in ["seq 1 50\r", prefix + '"', "mkdir -p {a,b,c}{d,e,f,g,h}; ls --color=always -x\r", prefix + "%", "htop\r", prefix + "o", "seq 1 100\r",
                 prefix + "[", "\x1b[5~", "\x1b[5~", "q", prefix + "c", "printf '\\e[44mblue\\e[K\\e[0m\\n'\r", prefix + "p",
                 prefix + " ", prefix + "z", prefix + "z", prefix + "x", "y", prefix + ":", "list-keys\r", "q", prefix + "w", "\r",
                 prefix + "d"]:
        session.wait_for("")
        session.type(keys)
    session.wait_for(r"\x1b\[\?1049l")


def vttest_menu(*choices):
    """Goes through the menu items one by one, RETURN at every stop; menus below are left by 0."""

    def run(session):
        for choice in choices:
            session.wait_for(r"Enter choice number \(0 - \d+\): ")
            session.type(choice + "\r")
            while True:
                session.wait_for(r"Enter choice number \(0 - \d+\): |RETURN")
                if re.search(rb"Enter choice number", session.data[session.mark:]):
                    break
                session.type("\r")
        session.wait_for("Enter choice")

    return run


# name -> (command, the package that has it, script)
RECORDINGS = {
    "bash": (BASH, "bash", bash),
    "vim": (BASH, "vim", vim),
    "htop": (["htop", "-d", "5"], "htop", htop),
    "tmux": (["tmux", "-L", "recorder", "-f", "/dev/null", "-u", "new-session", " ".join(BASH)], "tmux", tmux),
    "vttest-cursor": (["vttest"], "vttest", vttest_menu("1")),
    "vttest-screen": (["vttest"], "vttest", vttest_menu("2")),
    "vttest-character-sets": (["vttest"], "vttest", vttest_menu("3", "1", "2", "3", "4", "5", "8", "9", "10", "0")),
    "vttest-double-size": (["vttest"], "vttest", vttest_menu("4")),
    "vttest-reports": (["vttest"], "vttest", vttest_menu("6", "1", "2", "3", "4", "5", "7", "0")),
    "vttest-insert-delete": (["vttest"], "vttest", vttest_menu("8")),
    "vttest-reset": (["vttest"], "vttest", vttest_menu("10", "1", "2", "0")),
    "vttest-colours": (["vttest"], "vttest", vttest_menu("11", "6", "2", "3", "4", "5", "6", "0", "0")),
}


def version_of(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                          check=True).stdout


def record(name, terminal):
    command, package, script = RECORDINGS[name]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # the program may be ending still
        session = Session(command, terminal, home)
        try:
            script(session)
        finally:
            session.end()
    header = {"program": package, "version": version_of(package), "columns": COLUMNS, "rows": ROWS}
    data = json.dumps(header).encode() + b"\n" + session.data
    DIRECTORY.mkdir(exist_ok=True)
    (DIRECTORY / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
    print(f"{name}: {len(session.data)} bytes", flush=True)


def read(name):
    """(header, bytes) of a recording."""
    header, _, data = gzip.decompress((DIRECTORY / f"{name}.gz").read_bytes()).partition(b"\n")
    return json.loads(header), data


def main():
    with tempfile.TemporaryDirectory() as directory:
        terminal = emulators.OurTerminal(emulators.build(Path(directory)))
        for name in sys.argv[1:] or RECORDINGS:
            record(name, terminal)
        terminal.close()


if __name__ == "__main__":
    main()
