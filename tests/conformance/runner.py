"""Runs the cases of the conformance suite through polyglot.syscall; for the world, hosted and inside.

    world runner.py CASES.json [--all]      where cases.json is what script.document() made
    tools/vm exec runner.py --with DIR      the same inside, with /host/cases.json

All cases share this one process, so those that change it for good, or make other processes, are left out unless --all.
Prints what the other runners print (runner.c), and "base N": the first descriptor that is free.
"""

import ctypes
import json
import os
import sys
import tempfile

import polyglot

BASE_PLACE = os.getcwd()
ERRORS = (TypeError, ValueError, OverflowError)


class Runner:
    def __init__(self):
        spare = os.dup(0)
        os.close(spare)
        self.base = spare
        self.output = []
        self.pinned = []

    def address(self, index):
        """Where a buffer lies; it stays there, since the view is kept."""
        view = ctypes.c_char.from_buffer(self.buffers[index])
        self.pinned.append(view)
        return ctypes.addressof(view) & (1 << 64) - 1

    def term(self, term):
        kind, *values = term
        if kind == "number":
            return values[0]
        if kind == "result":
            return self.results.get(values[0], 0)
        if kind == "address":
            return self.address(values[0])
        index, offset, width, signed = values
        return int.from_bytes(self.buffers[index][offset:offset + width], "little", signed=signed)

    def value(self, terms):
        """A sum; as wide as a register, since addresses may be negative."""
        total = sum(map(self.term, terms))
        return total if len(terms) == 1 and terms[0][0] != "result" else total & (1 << 64) - 1 if total > 1 << 63 else total

    def make(self, index, hexadecimal, stores):
        # A spare byte: memory without any has no address.
        self.buffers[index] = bytearray(bytes.fromhex(hexadecimal) or b"\0")

    def store(self, index, stores):
        for offset, width, terms in stores:
            data = (self.value(terms) & (1 << 8 * width) - 1).to_bytes(width, "little")
            self.buffers[index][offset:offset + width] = data

    def argument(self, kind, value):
        if kind == "value":
            return self.value(value)
        if kind == "text":
            return bytes.fromhex(value)
        return bytes(self.buffers[value]) if kind == "constant" else self.buffers[value]

    def plain(self, kind, value):
        """The same as an address, for calls that mean to say a wrong size."""
        return self.address(value) if kind in ("buffer", "constant") else self.argument(kind, value)

    def call(self, step):
        arguments = step["arguments"]
        try:
            try:
                return polyglot.syscall(step["call"], *[self.argument(*one) for one in arguments])
            except ERRORS:
                return polyglot.syscall(step["call"], *[self.plain(*one) for one in arguments])
        except OSError as error:
            return -error.errno

    def case(self, case):
        self.buffers, self.results = {}, {}
        for number, step in enumerate(case["steps"]):
            for index in step["stored"]:
                self.make(index, *case["buffers"][index])
            for index in step["stored"]:
                self.store(index, case["buffers"][index][1])
            self.results[number] = self.call(step)
            self.output.append(f"r {number} {self.results[number]}")
            for name, index in step["shown"]:
                length = len(case["buffers"][index][0]) // 2
                self.output.append(f"o {number} {name} {bytes(self.buffers[index][:length]).hex()}")

    def run(self, cases, everything):
        self.output.append(f"base {self.base}")
        directory = tempfile.mkdtemp(dir=BASE_PLACE)
        for case in cases:
            if case["process"] and not everything:
                continue
            self.output.append(f"case {case['name']}")
            os.mkdir(f"{directory}/{case['name']}", 0o755)
            os.chdir(f"{directory}/{case['name']}")
            self.case(case)
            polyglot.syscall("close_range", self.base, 2**32 - 1, 0)
            self.pinned.clear()
            self.output.append(f"end {case['name']} 0")
        os.chdir("/")
        print("\n".join(self.output))


def main():
    path = next((word for word in sys.argv[1:] if word.endswith(".json")), "/host/cases.json")
    with open(path) as file:
        cases = json.load(file)
    os.umask(0o022)
    Runner().run(cases, "--all" in sys.argv)


main()
