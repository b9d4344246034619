"""The world is killed at random instructions: a report and a new prompt each time, never a dead machine, no lock held
and no page lost.

A small client of QEMU's gdb stub (GDB manual, appendix E: Remote Serial Protocol) stops the CPU while Python
computes, and breaks what the world relies on: RIP, RSP or a pointer register. Two more threads of the world make, write,
rename and remove files without a pause, so that it also dies while they are inside system calls and hold the kernel's
locks. Seeded; FAULTS=200 for more."""

import collections
import os
import random
import re
import socket
import struct
import time

import pytest

from polyglot_vm.screen import NEXT_PROMPT
from polyglot_vm.serial_line import SerialTimeout

PROMPT = r">>> \Z"
WORLD_IMAGE = range(0xFFFF_FFFF_9000_0000, 0xFFFF_FFFF_A000_0000)
FAULTS = int(os.environ.get("FAULTS", "8"))
# Typed at the prompt, a line each; `run` ends the threads of a round in which the world stayed alive.
THREADS = [
    # A thread whose pointers were broken may raise anything: not into the prompt's lines.
    "import json, os, shutil, threading; threading.excepthook = lambda raised: None; globals().get('run', []).clear(); run = [1]",
    "def change(run, n):",
    "    while run:",
    "        os.makedirs(f'/tmp/fault/{n}', exist_ok=True); file = open(f'/tmp/fault/{n}/a', 'w'); file.write('x' * 9000)",
    "        file.close(); os.rename(f'/tmp/fault/{n}/a', f'/tmp/fault/{n}/b'); os.listdir('/tmp/fault')",
    "        os.unlink(f'/tmp/fault/{n}/b')",
    "",
    "for n in range(2): threading.Thread(target=change, args=(run, n), daemon=True).start()",
]
WORK = "print('wo' + 'rk'); [json.loads(json.dumps({str(i): [i] * 3})) for i in iter(int, 1)]"
MAY_STAY = 256  # kB: slabs that are partly used
# Order of the `g` packet for x86-64: rax rbx rcx rdx rsi rdi rbp rsp r8..r15 rip.
RAX, RBX, RSP, RIP = 0, 1, 7, 16
KINDS = {
    "jump": {RIP: 0x10},
    "stack": {RSP: 0x20},
    "stack into the kernel": {RSP: 0xFFFF_FFFF_8000_1000},
    "jump into data": {RIP: 0xFFFF_A000_0000_0000},
    "pointers": {RAX: 8, RBX: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8},
}
# The next instructions may set these registers anew (a function with an aligned frame ends with `lea -N(%rbp), %rsp`): then the
# computation goes on, until Ctrl-C.
MAY_GO_ON = ("stack", "stack into the kernel", "pointers")


class Stub:
    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(path))
        self.connection.settimeout(30)
        # QEMU writes single registers only for a client that has asked for their description.
        self.command("qSupported:xmlRegisters=i386")
        self.command("qXfer:features:read:target.xml:0,ffb")

    def _receive(self):
        data = b""
        while not re.search(rb"#[0-9a-f]{2}$", data):
            data += self.connection.recv(65536)
        self.connection.sendall(b"+")
        return data[data.index(b"$") + 1:-3]

    def command(self, text, answer=True):
        data = text.encode()
        self.connection.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))
        return self._receive() if answer else None

    def stop(self):
        self.connection.sendall(b"\x03")
        return self._receive()

    def resume(self):
        self.command("c", answer=False)

    def select(self, cpu):
        """The CPU that registers() and set_register() are about; the stub calls CPU n thread n + 1."""
        assert self.command(f"Hg{cpu + 1:x}") == b"OK"

    def registers(self):
        return struct.unpack("<17Q", bytes.fromhex(self.command("g").decode())[:17 * 8])

    def set_register(self, number, value):
        assert self.command(f"P{number:x}={struct.pack('<Q', value).hex()}") == b"OK"


def break_the_world(stub, kind, cpus):
    """Stops until a CPU is in the world's own code, then changes its registers."""
    for _ in range(200):
        stub.stop()
        for cpu in range(cpus):
            stub.select(cpu)
            if stub.registers()[RIP] in WORLD_IMAGE:
                for number, value in KINDS[kind].items():
                    stub.set_register(number, value)
                stub.resume()
                return
        stub.resume()
        time.sleep(0.002)  # some progress before the next look; how much does not matter
    raise AssertionError("no CPU was ever seen in the world's code")


@pytest.mark.parametrize("cpus", [1, 4])
def test_world_killed_at_random_instructions(boot, tmp_path, cpus):
    chance = random.Random(20261123)
    path = tmp_path / "gdb"
    machine = boot(cpus=cpus, extra=["-gdb", f"unix:{path},server=on,wait=off"])
    stub = Stub(path)
    stub.command("?")
    stub.resume()
    deaths, went_on = 0, collections.Counter()
    free = None
    for number in range(FAULTS):
        kind = list(KINDS)[number % len(KINDS)]
        for line in THREADS:
            machine.serial.send(line + "\r")
            machine.serial.wait_for(NEXT_PROMPT, timeout=60)
        machine.serial.send(WORK + "\r")
        machine.serial.wait_for(r"\nwork", timeout=60)
        time.sleep(chance.random() / 5)  # a random place in the computation
        break_the_world(stub, kind, cpus)
        if kind in MAY_GO_ON:
            machine.serial.send("\x03")
        try:
            end = machine.serial.wait_for(r"starting it again|KeyboardInterrupt|Error", timeout=60)
        except SerialTimeout as error:
            raise AssertionError(f"fault {number}, {kind}: {where(machine, stub, cpus)}\n{error}") from None
        if end[0] == "KeyboardInterrupt":
            went_on[kind] += 1
        deaths += end[0] == "starting it again"
        machine.serial.wait_for(PROMPT, timeout=60)
        if number == 0:  # which kills: from here on every page is to come back
            free = free_memory(machine)
    print(f"{FAULTS} faults, {deaths} deaths; went on: {dict(went_on)}")
    assert deaths >= FAULTS * 3 // 5
    machine.serial.send("import ctypes; ctypes.string_at(8)\r")  # ends threads of a round that went on
    machine.serial.wait_for("starting it again", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    assert free - free_memory(machine) < MAY_STAY
    machine.serial.send("print('held', [l.split('\\t')[0] for l in open('/proc/polyglot/locks')][1:])\r")
    machine.serial.wait_for(r"\nheld \['file', 'inode', 'threads'\]", timeout=60)  # the reader's own


def where(machine, stub, cpus):
    """What a machine that does not answer does: its state, and RIP and RSP of each CPU, looked at a few times."""
    looks = [str(machine.qmp.execute("query-status"))]
    for _ in range(5):
        stub.stop()
        for cpu in range(cpus):
            stub.select(cpu)
            registers = stub.registers()
            looks.append(f"CPU {cpu}: RIP {registers[RIP]:#x} RSP {registers[RSP]:#x}")
        stub.resume()
        time.sleep(0.1)
    return "; ".join(looks)


def free_memory(machine):
    """Kilobytes free once the files of the threads are gone, which also takes the locks they held."""
    machine.serial.send("import os, shutil; files = os.path.isdir('/tmp/fault/1'); shutil.rmtree('/tmp/fault', True); "
                        "print('free', files, [l for l in open('/proc/meminfo') if 'MemFree' in l][0].split()[1])\r")
    found = machine.serial.wait_for(r"\nfree True (\d+)\s", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    return int(found[1])
