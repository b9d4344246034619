"""What the guest writes on its first serial port, and what is typed there.

    line = SerialLine(read_fd, write_fd)    # connected to COM1 by Machine
    line.wait_for(r"^>>> \\Z", timeout=60)  # blocks for the event, not for a time
    line.send("1+1\\r")

A thread reads all the time and does nothing else, so the guest never waits for us. Patterns are matched against `text`: what a
terminal of unlimited width would show after the escape sequences were obeyed (a line editor rewrites
its line for each key). They are searched from `mark` on, which each match moves behind itself.
"""

import codecs
import os
import re
import threading
import time

# ECMA-48: CSI sequences; OSC strings, which CAN and other sequences end, too; character set choices; two-character escapes.
ESCAPE = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x18\x1b]*(?:\x07|\x18|\x1b\\|(?=\x1b[^\\]))|[()].|[^\[\]()])")
# What the loaders say before they halt (boot/common/message.zig).
CANNOT_START = re.compile(r"^Polyglot OS cannot start: .*\n", re.M)
PLAIN = re.compile(r"[^\x00-\x1f\x7f]+")


# QEMU writes each byte by itself. While they come fast, reading in portions leaves it the processor.
GATHER_SECONDS = 0.002
# Time limits are multiplied by this: a slow or busy machine, where a limit shall only end what hangs, wants more.
PATIENCE = float(os.environ.get("POLYGLOT_PATIENCE", "1"))


class SerialTimeout(AssertionError):
    """The pattern did not come; the message holds the end of what did."""


class Transcript:
    """The lines that a terminal output leaves on an endless sheet. Obeyed: CR, LF, BS, TAB, and the CSI
    sequences that line editing uses (cursor moves A-D and G, erasing J and K); others are dropped."""

    def __init__(self):
        self.lines = [""]
        self.row = self.column = 0
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pending = ""  # the start of an escape sequence whose end has not come

    def text(self):
        """Without what is empty below the cursor: a line editor that counts on a narrower terminal goes there and comes back."""
        end = len(self.lines)
        while end > self.row + 1 and not self.lines[end - 1]:
            end -= 1
        return "\n".join(self.lines[:end])

    def feed(self, data):
        text, self.pending = self.pending + self.decoder.decode(data), ""
        at = 0
        while at < len(text):
            plain = PLAIN.match(text, at)
            if plain:
                self._write(plain[0])
                at = plain.end()
            elif text[at] == "\x1b":
                escape = ESCAPE.match(text, at)
                if not escape:
                    self.pending = text[at:]
                    return
                if escape[2]:
                    self._control(escape[1], escape[2])
                at = escape.end()
            else:
                self._character(text[at])
                at += 1

    def _write(self, text):
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + text + line[self.column + len(text):]
        self.column += len(text)

    def _character(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self.column = 0  # as CR LF: the tty puts a CR before it
            if self.row == len(self.lines):
                self.lines.append("")
        elif character == "\t":
            self._write(" " * (8 - self.column % 8))
        elif character == "\b":
            self.column = max(0, self.column - 1)

    def _control(self, parameters, final):
        first = re.match(r"\d*", parameters)[0]
        count = int(first or 1)
        if final == "A":
            self.row = max(0, self.row - count)
        elif final == "B":
            self.row = min(len(self.lines) - 1, self.row + count)
        elif final == "C":
            self.column += count
        elif final == "D":
            self.column = max(0, self.column - count)
        elif final == "G":
            self.column = count - 1
        elif final in "JK" and first in ("", "0"):
            self.lines[self.row] = self.lines[self.row][:self.column]
            if final == "J":
                del self.lines[self.row + 1:]


class SerialLine:
    def __init__(self, read_fd, write_fd=None):
        self.raw = bytearray()
        self.transcript = Transcript()  # of the first `shown` bytes
        self.shown = 0
        self.mark = 0  # position in `text` from which wait_for() looks
        self.closed = False
        self.arrived = threading.Condition()  # guards all of the above
        self.read_fd, self.write_fd = read_fd, write_fd
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    @property
    def text(self):
        with self.arrived:
            return self._show()

    def _show(self):
        """The text of all that has come. The reader leaves this work to who wants to know."""
        data, self.shown = bytes(self.raw[self.shown:]), len(self.raw)
        self.transcript.feed(data)
        return self.transcript.text()

    def send(self, text):
        os.write(self.write_fd, text.encode() if isinstance(text, str) else text)

    def wait_for(self, pattern, timeout=60):
        """The match of `pattern` (re, MULTILINE; \\Z is the end of what has come so far). The next
        call looks behind it. Raises SerialTimeout after `timeout` seconds (times PATIENCE) or when QEMU ended."""
        compiled = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout * PATIENCE
        with self.arrived:
            while True:
                text = self._show()
                match = compiled.search(text, self.mark)
                if match:
                    self.mark = match.end()
                    return match
                remaining = deadline - time.monotonic()
                if self.closed or remaining <= 0:
                    reason = "the machine ended" if self.closed else f"{timeout * PATIENCE:g} s passed"
                    raise SerialTimeout(f"{reason} while waiting for {pattern!r}; the end of the serial log:\n"
                                        + text[-2000:])
                self.arrived.wait(remaining)

    @property
    def size(self):
        """Bytes that have come so far."""
        with self.arrived:
            return len(self.raw)

    def wait_for_bytes(self, is_there, timeout=60):
        """Waits until `is_there(raw)`, the bytes as they came: cheap where a great many come. SerialTimeout."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: is_there(self.raw) or self.closed, timeout * PATIENCE) or not is_there(self.raw):
                raise SerialTimeout(f"what was waited for is not in {len(self.raw)} bytes; the end: {bytes(self.raw[-300:])}")

    def drain(self, timeout=5):
        """Waits until QEMU has closed its end, so that `text` is complete."""
        self.thread.join(timeout)

    def _read(self):
        while True:
            start = time.monotonic()
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
            if time.monotonic() - start < GATHER_SECONDS:
                time.sleep(GATHER_SECONDS)
