"""gdb with tools/gdb/polyglot.py on a running machine: symbols, breakpoints, printers, commands; and `tools/vm debug`."""

import queue
import re
import subprocess
import threading

import pytest

from conftest import ROOT, VM
from polyglot_vm.machine import GDB_SCRIPT, gdb_stub

# gdb's output to a pipe is buffered; this line comes out at once.
GOING_ON = "python print('going on', flush=True)"
HIT = r"^(?:Thread \d+ hit )?Breakpoint "  # where there are several CPUs gdb names the one
SYMBOLS = ROOT / "build" / "kernel.debug.elf"


class Gdb:
    """A gdb that runs commands in a batch; `output` is what it has printed, read by wait_for()."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
        self.lines, self.output = queue.Queue(), ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, pattern, timeout=60):
        """Reads lines until one matches."""
        while (line := self.lines.get(timeout=timeout)) is not None:
            self.output += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"gdb ended without {pattern!r}:\n{self.output}")

    def finish(self, timeout=60):
        while (line := self.lines.get(timeout=timeout)) is not None:
            self.output += line
        assert self.process.wait(timeout) == 0, self.output
        return self.output


@pytest.fixture
def debugged(boot, tmp_path):
    """debugged(*commands) -> (Machine at its prompt, Gdb that runs these commands on it)."""
    started = []

    def start(*commands):
        machine = boot(extra=gdb_stub(tmp_path / "gdb"))
        command = ["gdb", "-nx", "-batch", str(SYMBOLS), "-x", str(GDB_SCRIPT), "-ex", f"target remote {tmp_path}/gdb"]
        started.append(Gdb(command + [word for text in commands for word in ("-ex", text)]))
        return machine, started[-1]

    yield start
    for gdb in started:
        gdb.process.kill()
        gdb.process.wait()


def test_commands_tell_about_a_waiting_system(debugged):
    machine, gdb = debugged("echo --threads\\n", "polyglot threads", "echo --backtrace\\n", "polyglot backtrace 1",
                            "echo --pages\\n", "polyglot pages", "echo --end\\n")
    parts = re.split(r"^--\w+\n", gdb.finish(), flags=re.M)
    threads, backtrace, pages = parts[1:4]
    assert re.search(r"^ +1 world +sleeping +0 in kernel thread_switch_to\+0x\w+ < .* < read\+0x", threads, re.M)
    assert re.search(r"^ +0 idle/0 +\w+ +0 in kernel ", threads, re.M)
    # One walk through both: kernel frames with their lines, then the world's from its own unwind tables.
    assert re.search(r"in tty_read\+0x\w+ at dev/tty/tty\.c:\d+$", backtrace, re.M)
    assert backtrace.index(" in tty_read+") < backtrace.index(" in world::shell::run ") < backtrace.index(" in world::main ")
    numbers = [int(number) for number in re.findall(r"^#(\d+)", backtrace, re.M)]
    assert numbers == list(range(len(numbers)))
    counts = dict(re.findall(r"^([a-z ]+?) +(\d+)", pages, re.M))
    assert int(counts["slab"]) > 0 and int(counts["anonymous"]) > 500
    assert sum(int(count) for name, count in counts.items() if name != "total") >= int(counts["total"])
    # The machine goes on as if nothing had been.
    machine.serial.send("6 * 7\r")
    machine.serial.wait_for(r"^42$")


def test_pages_agree_with_the_free_lists(debugged):
    _, gdb = debugged("polyglot pages")
    output = gdb.finish()
    blocks = [int(count) for count in re.search(r"pages: ([\d ]+)$", output, re.M)[1].split()]
    magazines = [int(count) for count in re.search(r"magazines: ([\d ]+)$", output, re.M)[1].split()]
    assert sum(count << order for order, count in enumerate(blocks)) + sum(magazines) == int(re.search(r"^free +(\d+)", output, re.M)[1])


def test_printers(debugged):
    _, gdb = debugged("print boot_thread", "print all_threads", "print *((struct thread *)boot_thread.all_link.previous)",
                      "polyglot page &boot_thread", "print/r all_threads")
    output = gdb.finish()
    assert re.search(r"^\$1 = thread 0 idle/0, \w+, in kernel, cpu 0 = \{kernel_stack_top = ", output, re.M)
    assert re.search(r"^\$2 = list of [3-9] = \{0x", output, re.M)
    assert re.search(r"^page 0x\w+, not the allocator's, 0 references", output, re.M)
    assert re.search(r"^\$4 = \{next = 0x", output, re.M)


def test_printers_of_a_process_and_a_page(debugged):
    _, gdb = debugged("print *(struct process *)((char *)table.next - (long)&((struct process *)0)->table_link)",
                      "python print(describe_page(page_of(int(variable('free_lists')[10]['next']) and "
                      "page_phys(next(list_entries(variable('free_lists')[10], 'struct page', 'link'))))))")
    output = gdb.finish()
    assert re.search(r"^\$1 = process 1 world, [1-9] threads = \{references = \d+, id = 1, ", output, re.M)
    assert re.search(r"^page 0x\w+, free, 0 references, order 10$", output, re.M)


def test_breakpoints_in_kernel_and_world(debugged):
    """By name, in both; what is typed is processed when the machine goes on."""
    machine, gdb = debugged("break sys_getppid", "polyglot break world::shell::LineEditor::read", GOING_ON, "continue",
                            "backtrace 3", "stepi", "backtrace 3", "polyglot threads", "polyglot backtrace 1", "continue", "info symbol $rip", "detach")
    gdb.wait_for("^going on")
    machine.serial.send("import os; os.getppid()\r")
    gdb.wait_for(HIT + "1, sys_getppid")
    for _ in range(2):  # at the first line, and one instruction on: process_current() is inlined or called
        gdb.wait_for(r"^#\d .*sys_getppid \(\)")
        gdb.wait_for(r"^#\d .*syscall_dispatch \(")
    gdb.wait_for(r"^ +1 world +running +0 in kernel \w+\+0x\w+$")
    gdb.wait_for(r"^#\d .*syscall_dispatch \(")
    gdb.wait_for(r"^#\d+ .* in world::main \(\)")
    gdb.wait_for(HIT + "2, ")
    gdb.wait_for(r"shell::LineEditor>::read in section \.text")
    gdb.finish()
    machine.serial.wait_for(r"^>>> \Z")


@pytest.mark.parametrize("command, message", [
    ("polyglot backtrace", "polyglot backtrace TID"), ("polyglot backtrace 12345", "no thread 12345"),
    ("polyglot page", "polyglot page ADDRESS"), ("polyglot break world::nothing", "no function world::nothing")])
def test_mistakes_are_told(command, message):
    """No machine is needed for most of them: thread lists are empty in the file."""
    result = subprocess.run(["gdb", "-nx", "-batch", SYMBOLS, "-x", GDB_SCRIPT, "-ex", command],
                            capture_output=True, text=True, timeout=60)
    assert message in result.stderr and "Traceback" not in result.stderr


def test_vm_debug_stops_at_the_entry_of_the_kernel():
    result = subprocess.run([VM, "debug"], input="info symbol $rip\nbreak world_start\ncontinue\nbacktrace\nkill\nquit\n",
                            capture_output=True, text=True, timeout=120)
    assert "kernel_entry in section .text" in result.stdout, result.stdout + result.stderr
    assert re.search(HIT + "2, world_start", result.stdout, re.M), result.stdout + result.stderr
