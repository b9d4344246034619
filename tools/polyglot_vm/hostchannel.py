"""Runs one program inside Polyglot OS and brings back its output and status.

    status = run_program(options, program=Path("hello.py"), arguments=["a"], host=Path("data"), timeout=60,
                         stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)

The channel is described in docs/architecture.md, "Host channel": two cpio archives go in through
fw_cfg, three debug ports bring bytes out. What the program prints is copied as it comes; the console
of the machine (COM1) is only looked at when something went wrong.

The status is the program's own, or 124 (time-out), 125 (kernel panic, a loader that gave up, or a
machine that stopped without giving a status), 126 (QEMU or the image is missing, or QEMU failed). The errors of these three
go to `stderr`.
"""

import os
import re
import subprocess
import sys
import threading
import time

from .cpio import CpioWriter
from .machine import Machine, PANIC_STATUS, VmError, temporary_directory
from .serial_line import CANNOT_START

# QEMU writes each byte by itself. Reading in portions, and not each byte, leaves it the processor.
GATHER_SECONDS = 0.002
KEPT = 16384  # bytes of each stream that are remembered, to know whether a panic's text was among them
STDOUT_PORT, STDERR_PORT, STATUS_PORT = 0x404, 0x405, 0x406
TIMEOUT_STATUS, FAILED_STATUS = 124, 126
LANGUAGES = (".py", ".sh", ".c")  # suffixes that process 1 can run
# Where the interesting part of the console log starts, if there is one.
PANIC_START = re.compile(r"^.*\bPANIC\b", re.M)


class _Stream:
    """A debug port: a pipe whose other end QEMU writes, and a thread that copies it to `sink`."""

    def __init__(self, name, port, sink):
        self.sink = sink
        self.last = b""  # the end of what came
        self.broken = threading.Event()  # the reader of `sink` is gone
        read_fd, self.write_fd = os.pipe()
        self.arguments = ["-chardev", f"file,id={name},path=/dev/fd/{self.write_fd}",
                          "-device", f"isa-debugcon,iobase={port:#x},chardev={name}"]
        self.thread = threading.Thread(target=self._copy, args=(read_fd,), daemon=True)
        self.thread.start()

    def close(self):
        """Our copy of QEMU's end: afterwards the pipe ends with QEMU."""
        os.close(self.write_fd)

    def _copy(self, read_fd):
        with open(read_fd, "rb", buffering=0) as source:
            while data := source.read(65536):
                self.last = (self.last + data)[-KEPT:]
                try:
                    self.sink.write(data)
                    self.sink.flush()
                except (BrokenPipeError, ValueError):
                    self.broken.set()
                time.sleep(GATHER_SECONDS)


class _Buffer(bytearray):
    """A sink that keeps what is written."""

    def write(self, data):
        self.extend(data)

    def flush(self):
        pass


def pack_program(path, program, name, arguments):
    """Writes the archive of /exec: the program's bytes as `name`, and its argv."""
    argv = b"".join(os.fsencode(word) + b"\0" for word in [name, *arguments])
    with open(path, "wb") as output:
        writer = CpioWriter(output)
        writer.add_bytes("argv", argv)
        writer.add_bytes(name, program, mode=0o755)
        writer.finish()


def pack_host(path, directory):
    """Writes the archive of /host."""
    with open(path, "wb") as output:
        writer = CpioWriter(output, keep_times=True)
        writer.add_tree(directory)
        writer.finish()


def run_program(options, program, arguments=(), host=None, timeout=None, stdout=None, stderr=None):
    """See the module's text. `program`: a path, or "-" for Python on standard input. `options` are
    changed: the archives are added to its files."""
    stdout, stderr = stdout or sys.stdout.buffer, stderr or sys.stderr.buffer
    if str(program) == "-":
        source, name = sys.stdin.buffer.read(), "stdin.py"
    else:
        with open(program, "rb") as file:
            source, name = file.read(), os.path.basename(program)
    with temporary_directory() as temp:
        pack_program(temp / "exec.cpio", source, name, arguments)
        options.files["opt/polyglot/exec"] = temp / "exec.cpio"
        if host is not None:
            pack_host(temp / "host.cpio", host)
            options.files["opt/polyglot/host"] = temp / "host.cpio"
        return _run(options, timeout, stdout, stderr)


def _run(options, timeout, stdout, stderr):
    status_text = _Buffer()
    streams = [_Stream("hostout", STDOUT_PORT, stdout), _Stream("hosterr", STDERR_PORT, stderr),
               _Stream("hoststatus", STATUS_PORT, status_text)]
    try:
        machine = Machine(options, pass_fds=[stream.write_fd for stream in streams],
                          extra=[word for stream in streams for word in stream.arguments])
    finally:
        for stream in streams:
            stream.close()
    with machine:
        try:
            qemu_status = _wait(machine, timeout, streams)
        except subprocess.TimeoutExpired:
            _complain(stderr, f"no end after {timeout:g} s: the machine was stopped")
            return TIMEOUT_STATUS
        if qemu_status is None:
            if any(stream.broken.is_set() for stream in streams):
                return 128 + 13  # as a program that SIGPIPE ended
            _complain(stderr, CANNOT_START.search(machine.serial.text)[0].strip())
            return PANIC_STATUS
        for stream in streams:
            stream.thread.join()
        return _judge(machine, qemu_status, status_text, stderr, told=b"PANIC" in streams[1].last)


def _wait(machine, timeout, streams):
    """QEMU's status; None if there is no use in waiting: nobody reads our output any more, or the loader
    has given up and halted. Raises TimeoutExpired."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        remaining = 0.5 if deadline is None else min(0.5, max(0, deadline - time.monotonic()))
        try:
            return machine.wait(remaining)
        except subprocess.TimeoutExpired:
            if any(stream.broken.is_set() for stream in streams) or CANNOT_START.search(machine.serial.text):
                return None
            if deadline is not None and time.monotonic() >= deadline:
                raise


def _judge(machine, qemu_status, status_text, stderr, told):
    """The status to give to the caller, when QEMU has ended by itself. `told`: the kernel has written its
    panic to the program's standard error already."""
    console = machine.serial.text
    if qemu_status == PANIC_STATUS:
        start = PANIC_START.search(console)
        text = console[start.start() if start else max(0, len(console) - 4000):].rstrip()
        _complain(stderr, "kernel panic" if told else "kernel panic\n" + text)
        return PANIC_STATUS
    if qemu_status != 0:
        _complain(stderr, f"QEMU failed with status {qemu_status}\n" + machine.messages().rstrip())
        return FAILED_STATUS
    if re.fullmatch(rb"\d+\n", status_text):
        return int(status_text) & 0xff
    _complain(stderr, "the machine stopped without giving a status; the end of its console:\n"
              + console[-4000:].rstrip())
    return PANIC_STATUS


def _complain(stderr, text):
    stderr.write(f"vm: {text}\n".encode())
    stderr.flush()


__all__ = ["run_program", "pack_program", "pack_host", "VmError", "TIMEOUT_STATUS", "FAILED_STATUS"]
