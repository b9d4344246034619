"""What the guest writes on its first serial port, and what is typed there.

    line = SerialLine(read_fd, write_fd)    # pipes that Machine connected to COM1
    line.wait_for(r">>> $", timeout=60)     # blocks for the event, not for a time
    line.send("1+1\\n")

A thread reads all the time, so the guest never waits for us. Patterns are matched against the text
with terminal escape sequences removed (`text`), from `mark` on, which each match moves behind itself.
"""

import os
import re
import threading
import time

# ECMA-48: CSI sequences, OSC strings, character set choices, two-character escapes.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78McDEHNOZ])")
# A sequence whose end has not arrived yet must not be taken for text.
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[()])?$")


class SerialTimeout(AssertionError):
    """The pattern did not come; the message holds the end of what did."""


def plain_text(raw):
    """Bytes of a terminal session as text: escape sequences removed, CR LF as LF."""
    text = raw.decode("utf-8", "replace")
    text = ESCAPES.sub("", UNFINISHED.sub("", text))
    return text.replace("\r\n", "\n")


class SerialLine:
    def __init__(self, read_fd, write_fd=None):
        self.raw = bytearray()
        self.mark = 0  # position in `text` from which wait_for() looks
        self.closed = False
        self.arrived = threading.Condition()
        self.read_fd, self.write_fd = read_fd, write_fd
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def text(self):
        with self.arrived:
            return plain_text(bytes(self.raw))

    def send(self, text):
        os.write(self.write_fd, text.encode() if isinstance(text, str) else text)

    def wait_for(self, pattern, timeout=60):
        """The match of `pattern` (re, MULTILINE; $ at the end of what has come so far). The next
        call looks behind it. Raises SerialTimeout after `timeout` seconds or when QEMU ended."""
        compiled = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout
        seen = -1
        while True:
            with self.arrived:
                remaining = deadline - time.monotonic()
                while len(self.raw) == seen and not self.closed and remaining > 0:
                    self.arrived.wait(remaining)
                    remaining = deadline - time.monotonic()
                seen, closed = len(self.raw), self.closed
                text = plain_text(bytes(self.raw))
            match = compiled.search(text, self.mark)
            if match:
                self.mark = match.end()
                return match
            if closed or remaining <= 0:
                reason = "the machine ended" if closed else f"{timeout} s passed"
                raise SerialTimeout(f"{reason} while waiting for {pattern!r}; the end of the serial log:\n"
                                    + text[-2000:])

    def drain(self, timeout=5):
        """Waits until QEMU has closed its end, so that `text` is complete."""
        self.thread.join(timeout)

    def _read(self):
        while True:
            try:
                data = os.read(self.read_fd, 65536)
            except OSError:
                data = b""
            with self.arrived:
                self.raw += data
                self.closed = not data
                self.arrived.notify_all()
            if not data:
                return
