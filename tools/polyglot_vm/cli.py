"""The command line of tools/vm."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from . import hostchannel, machine, screen, transcript
from .machine import DEFAULT_CPUS, MachineOptions, VmError
from .qmp import QmpError
from .serial_line import SerialTimeout

DESCRIPTION = "Start Polyglot OS in QEMU."
EPILOG = "tools/vm COMMAND --help tells more about each. The image is made by `make image`."
EXEC_HELP = """\
FILE is run inside in the language of its suffix (.py, .sh: Bash, .c); `-` is Python on standard input. Its standard
output and error come out here, exactly; the exit status is the program's, or 124: time-out, 125: kernel
panic (its text on standard error), 126: the image or QEMU is missing. The options above are taken
wherever they stand; write `--` before arguments of the program that look like one of them."""

TRANSCRIPT_HELP = """\
Types the lines of FILE at the prompt, each when the prompt for it is there, and prints the dialogue as it grows.
A blank line ends a block; blank lines inside a block of the file are left out. The exit status is 0 when all lines
were answered, whatever the answers (the last may be exit()); 124: a line had no prompt within the time limit;
125: kernel panic; 1: the system ended with lines left; 2: FILE cannot be read; 126: the image or QEMU is missing."""


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    machine.terminate_on_signals()
    parser = build_parser()
    own, _, after = _split(arguments)
    options, rest = parser.parse_known_args(own)
    if options.takes_rest:
        options.rest = rest + after
    elif rest:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    else:
        options.qemu_arguments = after
    try:
        return options.command(options)
    except VmError as error:
        print(f"vm: {error}", file=sys.stderr)
        return hostchannel.FAILED_STATUS
    except (SerialTimeout, QmpError) as error:
        print(f"vm: {error}", file=sys.stderr)
        return hostchannel.TIMEOUT_STATUS if isinstance(error, SerialTimeout) else 1
    except KeyboardInterrupt:
        return 130


def _split(arguments):
    """Before the first `--`, it, and after it."""
    if "--" not in arguments:
        return arguments, [], []
    at = arguments.index("--")
    return arguments[:at], ["--"], arguments[at + 1:]


def build_parser():
    parser = argparse.ArgumentParser(prog="tools/vm", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--firmware", choices=("bios", "uefi"), default="bios", help="default: bios")
    common.add_argument("--memory", type=_positive, default=1024, metavar="MB", help="default: 1024")
    common.add_argument("--cpus", type=_positive, default=DEFAULT_CPUS, metavar="N",
                        help="default: 1, or what the variable POLYGLOT_CPUS says")
    common.add_argument("--append", default="", metavar="'OPTIONS'", help="added to the boot command line")
    common.add_argument("--disk", choices=tuple(machine.DISKS), default="virtio",
                        help="how the disk is attached; default: virtio")
    common.add_argument("--device", action="append", default=[], metavar="NAME",
                        help="a further QEMU device, e.g. edu; may be given several times")
    common.add_argument("--image", type=Path, default=machine.DEFAULT_IMAGE, help="default: build/polyglot.img")
    common.add_argument("--dry-run", action="store_true", help="print the QEMU command instead of running it")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", parents=[common], allow_abbrev=False,
                              help="boot, in a window or on this terminal",
                              epilog="What follows `--` is given to QEMU.")
    where = run.add_mutually_exclusive_group()
    where.add_argument("--terminal", action="store_true", help="use this terminal (default without a display)")
    where.add_argument("--window", action="store_true", help="open a window (default with a display)")
    run.set_defaults(command=command_run, takes_rest=False)

    execute = commands.add_parser("exec", parents=[common], allow_abbrev=False, help="run one program inside",
                                  usage="%(prog)s FILE [ARGS...] [options]", description=EXEC_HELP,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    execute.add_argument("--with", dest="host", type=Path, metavar="DIR", help="its content appears under /host")
    execute.add_argument("--timeout", type=float, metavar="S", help="seconds; default: none")
    execute.set_defaults(command=command_exec, takes_rest=True)

    picture = commands.add_parser("screenshot", parents=[common], allow_abbrev=False, help="a picture of the screen")
    picture.add_argument("output", type=Path, metavar="OUT.png")
    picture.add_argument("--type", dest="text", metavar="TEXT",
                         help="typed on the keyboard first, with Enter after each line; "
                              "the picture is taken when the prompt is back")
    picture.add_argument("--timeout", type=float, default=120, metavar="S",
                         help="seconds to wait for each prompt; default: 120")
    picture.set_defaults(command=command_screenshot, takes_rest=False)

    dialogue = commands.add_parser("transcript", parents=[common], allow_abbrev=False,
                                   help="type a file's lines at the prompt and print the whole dialogue",
                                   description=TRANSCRIPT_HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    dialogue.add_argument("file", metavar="FILE", help="`-` is standard input")
    dialogue.add_argument("--timeout", type=float, default=120, metavar="S",
                          help="seconds to wait for each prompt; default: 120")
    dialogue.set_defaults(command=command_transcript, takes_rest=False)

    debug = commands.add_parser("debug", parents=[common], allow_abbrev=False,
                                help="boot under gdb, stopped at the kernel's first instruction",
                                epilog="What follows `--` is given to QEMU.")
    debug.set_defaults(command=command_debug, takes_rest=False)
    return parser


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def machine_options(options, extra=(), **more):
    devices = [word for name in options.device for word in ("-device", name)]
    return MachineOptions(extra=devices + list(extra), firmware=options.firmware, memory=options.memory, cpus=options.cpus,
                          append=options.append, disk=options.disk, image=options.image, **more)


def print_command(options):
    print(shlex.join(machine.qemu_command(options)))
    return 0


def command_run(options):
    display = "window" if options.window or (_has_display() and not options.terminal) else "terminal"
    if display == "window" and not options.dry_run and machine.window_backend() is None:
        print("vm: this QEMU cannot open a window (Debian package qemu-system-gui); using this terminal",
              file=sys.stderr)
        display = "terminal"
    settings = machine_options(options, display=display, extra=options.qemu_arguments)
    if display == "terminal" and sys.stdout.isatty() and "window=" not in settings.append:
        # A serial line tells no size: lines are to be wrapped where this terminal wraps them.
        size = os.get_terminal_size(sys.stdout.fileno())
        if size.columns and size.lines:
            settings.append = f"{settings.append} window={size.columns}x{size.lines}".lstrip()
    if options.dry_run:
        return print_command(settings)
    machine.require(settings)
    print("To leave: exit() at the prompt, or Ctrl-A then X here. Ctrl-C goes to the guest.", flush=True)
    return machine.run_interactively(settings)


def _has_display():
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def command_exec(options):
    if not options.rest:
        print("vm: exec needs a FILE (or - for standard input); see tools/vm exec --help", file=sys.stderr)
        return 2
    program, *arguments = options.rest
    settings = machine_options(options)
    if options.dry_run:
        return print_command(settings)
    machine.require(settings)
    if program != "-" and not os.path.isfile(program):
        print(f"vm: {program}: no such file", file=sys.stderr)
        return 2
    if program != "-" and Path(program).suffix not in hostchannel.LANGUAGES:
        print(f"vm: {program}: no language for the suffix {Path(program).suffix!r}; "
              f"there is {', '.join(hostchannel.LANGUAGES)}", file=sys.stderr)
        return 2
    if options.host and not options.host.is_dir():
        print(f"vm: --with {options.host}: not a directory", file=sys.stderr)
        return 2
    return hostchannel.run_program(settings, program, arguments, options.host, options.timeout)


def command_screenshot(options):
    settings = machine_options(options)
    if options.dry_run:
        return print_command(settings)
    with machine.temporary_directory() as temp, machine.Machine(settings) as guest:
        screen.wait_for_prompt(guest, options.timeout)
        if options.text is not None:
            screen.type_lines(guest, options.text.removesuffix("\n"), options.timeout)
        screen.take_picture(guest, temp).write_png(options.output)
    return 0


def command_transcript(options):
    settings = machine_options(options)
    if options.dry_run:
        return print_command(settings)
    machine.require(settings)
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"vm: {options.file}: {getattr(error, 'strerror', None) or 'not a text in UTF-8'}", file=sys.stderr)
        return 2
    with machine.Machine(settings) as guest:
        screen.wait_for_prompt(guest, options.timeout)
        return transcript.type_transcript(guest, text.splitlines(), options.timeout, sys.stdout)


def command_debug(options):
    """QEMU waits for gdb on a socket; gdb has the terminal; COM1 goes to build/debug.log."""
    symbols = machine.ROOT / "build" / "kernel.debug.elf"
    log = machine.ROOT / "build" / "debug.log"
    with machine.temporary_directory() as temp:
        settings = machine_options(options, extra=[
            "-S", *machine.gdb_stub(temp / "gdb"), "-serial", f"file:{log}", *options.qemu_arguments])
        if options.dry_run:
            return print_command(settings)
        machine.require(settings)
        print(f"The console goes to {log}. The kernel's entry point has a breakpoint: continue with c, stop with Ctrl-C.\n"
              "`help polyglot` lists the commands that know the system.", flush=True)
        qemu = machine.Qemu(machine.qemu_command(settings), temp, stdin=subprocess.DEVNULL)
        try:
            # The hardware breakpoint works before the kernel is loaded where a patched one would not.
            return subprocess.run(["gdb", "-q", str(symbols), "-x", str(machine.GDB_SCRIPT),
                                   "-ex", f"target remote {temp}/gdb", "-ex", "hbreak *" + _entry_point(symbols), "-ex", "continue"]).returncode
        finally:
            qemu.kill()


def _entry_point(path):
    """e_entry of an ELF64 file, as gdb reads a number."""
    with open(path, "rb") as file:
        return hex(int.from_bytes(file.read(32)[24:32], "little"))
