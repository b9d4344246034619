"""Calls syscalls at random with bad, borderline and good arguments; run inside by test_syscall_fuzz.py.

    fuzz_syscalls.py SEED COUNT ADDRESS     ADDRESS: of the C library's syscall(), from the image's base

A kernel that dereferences what it was given, forgets a lock or writes over itself does not get to the last line.
Each call is written to standard error before it is made, so the last line there is the one to look at.
"""

import ctypes
import mmap
import os
import random
import signal
import sys

# Calls that would end, stop or unmap this program itself, or take its descriptors 0 to 2 or its signals away.
LEFT_OUT = {
    3, 32, 33, 292, 436, 72, 16, 73,               # close, dup*, close_range, fcntl, ioctl, flock
    9, 10, 11, 12, 25, 28,                         # mmap to mremap, madvise: see the checks of addresses below
    13, 14, 15, 131, 34, 128, 130, 37, 38, 62, 129, 200, 234, 297,  # signals, timers that send them
    56, 57, 58, 59, 322, 435, 60, 231,             # clone, fork, execve, exit
    158, 160, 302, 218, 273, 169,                  # arch_prctl, limits, tid address, robust list, reboot
}
ADDRESSES = [
    0, 1, 8, 0xfff, 0x1000, 0x7ffffffff000, 0x800000000000, 0xffff7fffffffffff,      # ring 3, not canonical
    0xffff800000000000, 0xffff800000100000, 0xffffc00000001000, 0xffffd00000000000,  # direct map, vmalloc, pages
    0xffffffff80000000, 0xffffffff80001000, 0xffffffff8fffffff, 0xffffffff90000000,  # kernel, the world's text
    0xffffa00000000000, 0xffffbffffffffff8, 0xffffffffa0000000, 0xfffffffffffffff8, 0xffffffffffffffff,
]
KERNEL_ADDRESSES = ADDRESSES[8:13] + [0xffffffffa0000000, 0xfffffffffffff000]
SIZE = 65536
CALL = ctypes.CFUNCTYPE(*[ctypes.c_long] * 8)


def image_base():
    """Where this program's own image starts."""
    with open("/proc/self/maps") as maps:
        return min(int(line.split("-")[0], 16) for line in maps if line.startswith("ffffffff9"))


class Caller:
    def __init__(self, seed, address):
        self.random = random.Random(seed)
        self.function = CALL(image_base() + address)
        self.buffer = mmap.mmap(-1, SIZE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer)) & (1 << 64) - 1

    def call(self, number, *arguments):
        arguments = [*arguments, *[0] * (6 - len(arguments))]
        return self.function(number, *[ctypes.c_long(a & (1 << 64) - 1).value for a in arguments])

    def argument(self):
        kind = self.random.randrange(10)
        if kind < 3:
            return self.random.choice(ADDRESSES)
        if kind < 6:
            return self.address + self.random.choice([0, 8, 100, 4096, SIZE - 8, SIZE - 1, SIZE])
        if kind < 8:
            return self.random.randrange(8)
        if kind == 8:
            return self.random.choice([9, 16, 100, 4096, 0x7fffffff, 0x80000000, -1, -100])
        return self.random.getrandbits(64)

    def refill(self):
        for start in range(0, SIZE, 4096):
            self.buffer[start:start + 256] = os.urandom(256)


def check_addresses(caller):
    """The kernel's memory cannot be mapped over, unmapped, re-protected, read into or written from."""
    zero = os.open("/dev/zero", os.O_RDONLY)
    file = os.open("/tmp/fuzz", os.O_RDWR | os.O_CREAT)
    for address in KERNEL_ADDRESSES:
        for name, call in {
            "mmap": (9, address, 4096, 3, 0x32, -1, 0), "munmap": (11, address, 4096), "mprotect": (10, address, 4096, 3),
            "mremap": (25, address, 4096, 8192, 1), "madvise": (28, address, 4096, 4), "read": (0, zero, address, 16),
            "write": (1, file, address, 16), "clock_gettime": (228, 0, address), "futex": (202, address, 128, 0),
        }.items():
            assert caller.call(*call) == -1, (name, hex(address))
    os.close(zero)
    os.close(file)


def main():
    seed, count, address = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3], 0)
    caller = Caller(seed, address)
    assert caller.call(39) == os.getpid()
    check_addresses(caller)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)  # ends calls that wait
    numbers = [n for n in [*range(336), *range(424, 452)] if n not in LEFT_OUT]
    for index in range(count):
        number = caller.random.choice(numbers)
        arguments = [caller.argument() for _ in range(6)]
        os.write(2, f"{index}: {number} {[hex(a & (1 << 64) - 1) for a in arguments]}\n".encode())
        caller.call(number, *arguments)
        if index % 50 == 0:
            caller.refill()
    os.write(2, b"all calls came back\n")


main()
