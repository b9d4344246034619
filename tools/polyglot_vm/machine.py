"""The virtual machine: one description, its QEMU command line, and a running QEMU.

    options = MachineOptions(firmware="uefi", memory=512)
    with Machine(options) as machine:            # QEMU runs headless
        machine.serial.wait_for(r"^>>> \\Z")
        machine.qmp.type_text("exit()\\n")
        status = machine.wait(timeout=30)
    # here QEMU is gone and its files are removed, whatever happened

Default machine: q35, 1 GB, 1 CPU (or $POLYGLOT_CPUS), virtio-blk disk, VGA, PS/2 keyboard, COM1, clock in UTC; nothing
else (-nodefaults). The disk is a throw-away overlay: QEMU's snapshot=on, in our temporary directory.

The process is cleaned up in three ways: by `with`, by the handlers of terminate_on_signals() for
SIGTERM and SIGHUP (they raise SystemExit), and, should this program be killed hard, by the kernel,
which then kills QEMU (PR_SET_PDEATHSIG); only the temporary directory stays in that last case.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from .qmp import Qmp
from .serial_line import PATIENCE, SerialLine

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_IMAGE = ROOT / "build" / "polyglot.img"
QEMU = "qemu-system-x86_64"
# Everything QEMU's TCG can do: SMEP, SMAP, UMIP, NX, RDRAND, AVX2. Five-level paging is taken out:
# neither we nor Linux need it, and it makes each of Linux's page walks longer.
CPU_MODEL = "max,la57=off"
# Where Debian, Fedora and Arch put the firmware: (code, variables).
OVMF = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
]
DISKS = {
    "virtio": ["-device", "virtio-blk-pci,drive=disk,bootindex=1"],
    "ahci": ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=1"],
    "ide": ["-device", "piix3-ide,id=pata", "-device", "ide-hd,drive=disk,bus=pata.0,bootindex=1"],
}
GDB_SCRIPT = ROOT / "tools" / "gdb" / "polyglot.py"
# CPUs where nobody says how many: for running every test on several.
DEFAULT_CPUS = int(os.environ.get("POLYGLOT_CPUS") or 1)
PANIC_STATUS = 125  # (62 << 1) | 1: what isa-debug-exit makes of the kernel's 62
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


class VmError(Exception):
    """The machine cannot be started: something is missing. The message says what to do."""


@dataclass
class MachineOptions:
    firmware: str = "bios"      # bios | uefi
    memory: int = 1024          # MB, before what `files` adds
    cpus: int = DEFAULT_CPUS
    append: str = ""            # added to the boot command line
    disk: str = "virtio"        # a key of DISKS
    image: Path = DEFAULT_IMAGE
    display: str = "none"       # none | window | terminal
    files: dict = field(default_factory=dict)  # fw_cfg name -> path, mapped or unpacked by the guest
    extra: list = field(default_factory=list)  # further QEMU arguments


def total_memory(options):
    """MB of RAM: what was asked for and as much as the handed-over files take."""
    extra = sum(os.path.getsize(path) for path in options.files.values())
    return options.memory + -(-extra // (1 << 20))


def require(options):
    """Raises VmError when QEMU, the image or the firmware is missing."""
    if not shutil.which(QEMU):
        raise VmError(f"{QEMU} is missing. Run as root: apt-get install -y qemu-system-x86")
    if not os.access(options.image, os.R_OK):
        raise VmError(f"{options.image} is missing. Run: make image")
    if options.firmware == "uefi" and not os.access(_find_ovmf()[0], os.R_OK):
        raise VmError("the UEFI firmware for QEMU is missing. Run as root: apt-get install -y ovmf")


def qemu_command(options):
    """The QEMU command line of `options`, without what connects it to this program."""
    command = [
        QEMU, "-nodefaults", "-no-user-config", "-machine", "q35,accel=tcg", "-cpu", CPU_MODEL,
        "-m", str(total_memory(options)), "-smp", str(options.cpus), "-rtc", "base=utc",
        "-drive", f"id=disk,if=none,format=raw,snapshot=on,file={_quote(options.image)}", *DISKS[options.disk],
        "-device", "VGA", *DEBUG_EXIT,
    ]
    if options.firmware == "uefi":
        code, variables = _find_ovmf()
        command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
                    "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={variables}"]
    if options.append:
        command += ["-fw_cfg", f"name=opt/polyglot/cmdline,string={_quote(options.append)}"]
    for name, path in options.files.items():
        command += ["-fw_cfg", f"name={name},file={_quote(path)}"]
    return command + _display_arguments(options.display) + list(options.extra)


def _display_arguments(display):
    if display == "none":
        return ["-display", "none"]
    # The terminal is COM1, raw, Ctrl-C included; QEMU's own keys start with Ctrl-A.
    terminal = ["-chardev", "stdio,id=com1,mux=on,signal=off", "-serial", "chardev:com1",
                "-mon", "chardev=com1,mode=readline"]
    if display == "terminal":
        return ["-display", "none", *terminal]
    return ["-display", window_backend() or "gtk", *terminal]


def gdb_stub(path):
    """QEMU arguments: gdb's `target remote PATH` debugs the machine. QEMU makes the socket."""
    return ["-chardev", f"socket,id=gdb,path={_quote(path)},server=on,wait=off", "-gdb", "chardev:gdb"]


def window_backend():
    """The kind of window this QEMU can open, or None."""
    result = subprocess.run([QEMU, "-display", "help"], capture_output=True, text=True)
    return next((kind for kind in ("gtk", "sdl") if kind in result.stdout.split()), None)


def _find_ovmf():
    """(code, variables) of the first pair that is there; the first of all if none is."""
    return next((pair for pair in OVMF if all(os.access(path, os.R_OK) for path in pair)), OVMF[0])


def _quote(text):
    """A comma ends a value in QEMU's option syntax; two stand for one."""
    return str(text).replace(",", ",,")


def terminate_on_signals():
    """Makes SIGTERM and SIGHUP end the program through its clean-up, like SIGINT does."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # prctl(2)
SERIAL_PIPE_SIZE = 1 << 20  # what an unprivileged user may ask for, pipe(7)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def temporary_directory():
    path = tempfile.mkdtemp(prefix="polyglot-vm-")
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def serial_pipes(directory):
    """Two pipes for COM1 and `directory`/com1.in and .out, by which a child that inherits `theirs` opens them.
    (log, prompt, theirs): files. No socket: one holds 278 bytes when they are written one by one as QEMU does,
    and QEMU 7.2 drops a byte after four refusals (hw/char/serial.c). A pipe holds as many as it is large."""
    (their_prompt, prompt), (log, their_log) = ([open(end, mode, buffering=0) for end, mode in zip(os.pipe(), ("rb", "wb"))]
                                                for _ in range(2))
    fcntl.fcntl(log, fcntl.F_SETPIPE_SZ, SERIAL_PIPE_SIZE)
    for name, end in (("in", their_prompt), ("out", their_log)):
        os.symlink(f"/dev/fd/{end.fileno()}", directory / f"com1.{name}")
    return log, prompt, (their_prompt, their_log)


class Qemu:
    """A QEMU process with this program's lifetime. Its temporary files (overlays) go to `temp`."""

    def __init__(self, command, temp, pass_fds=(), **options):
        self.process = subprocess.Popen(command, pass_fds=pass_fds, preexec_fn=_die_with_parent,
                                        env={**os.environ, "TMPDIR": str(temp)}, **options)

    def wait(self, timeout=None):
        """QEMU's exit status; subprocess.TimeoutExpired if it still runs after `timeout` seconds."""
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Machine:
    """A headless QEMU with COM1 as `serial` and the monitor as `qmp`. A context manager."""

    def __init__(self, options, pass_fds=(), extra=()):
        require(options)
        self.options = options
        self.stack = contextlib.ExitStack()
        try:
            temp = self.stack.enter_context(temporary_directory())
            self._monitor, monitor = socket.socketpair()
            log, prompt, theirs = serial_pipes(temp)
            for end in (self._monitor, monitor, log, prompt, *theirs):
                self.stack.callback(end.close)
            command = qemu_command(options) + list(extra) + [
                "-chardev", f"pipe,id=com1,path={_quote(temp / 'com1')}", "-serial", "chardev:com1",
                "-chardev", f"socket,id=monitor,fd={monitor.fileno()}", "-mon", "chardev=monitor,mode=control"]
            self.log = open(temp / "qemu.log", "w+")
            self.stack.callback(self.log.close)
            self.qemu = Qemu(command, temp, pass_fds=[*(end.fileno() for end in (*theirs, monitor)), *pass_fds],
                             stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            self.stack.callback(self.qemu.kill)
            for end in (*theirs, monitor):
                end.close()
            self.serial = SerialLine(log.fileno(), prompt.fileno())
            self._qmp = None
        except BaseException:
            self.stack.close()
            raise

    @property
    def qmp(self):
        """The monitor, connected at first use."""
        if self._qmp is None:
            self._qmp = Qmp(self._monitor)
        return self._qmp

    def wait(self, timeout=None):
        """Waits for the machine's end; QEMU's status, the serial log complete."""
        status = self.qemu.wait(None if timeout is None else timeout * PATIENCE)
        self.serial.drain()
        return status

    def cpu_seconds(self):
        """Processor time that QEMU has used so far, proc(5): fields 14 and 15 of stat."""
        fields = Path(f"/proc/{self.qemu.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def messages(self):
        """What QEMU itself said."""
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stack.close()


def run_interactively(options):
    """QEMU on this terminal or in a window, until it ends; its status. The terminal's settings are
    put back even when QEMU could not."""
    import termios
    saved = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    with temporary_directory() as temp:
        qemu = Qemu(qemu_command(options), temp)
        try:
            return qemu.wait()
        finally:
            qemu.kill()
            if saved:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
