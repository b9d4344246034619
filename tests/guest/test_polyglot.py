"""The polyglot module agrees with itself and with /proc."""

import os
import re
import unittest

import polyglot

UPPER_HALF = 0xFFFF_8000_0000_0000


class Polyglot(unittest.TestCase):
    def test_privilege_level_fits_the_address_space(self):
        with open("/proc/self/maps") as maps:
            ranges = [tuple(int(edge, 16) for edge in re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line).groups()) for line in maps]
        self.assertTrue(ranges)
        # Where user processes are mapped a kernel page may still be shown at the top (vsyscall).
        own = [(start, end) for start, end in ranges if start <= id(ranges) < end]
        self.assertEqual(len(own), 1, "the heap is not in /proc/self/maps")
        self.assertEqual(polyglot.cpl(), 0 if own[0][0] >= UPPER_HALF else 3)

    def test_natives_exist_exactly_in_ring_0(self):
        table = polyglot.natives()
        self.assertEqual(table is None, polyglot.cpl() == 3)
        if table is not None:
            self.assertGreaterEqual(table["address"], UPPER_HALF)
            self.assertGreaterEqual(table["version"], 1)

    def test_boot_steps(self):
        if not os.path.exists("/proc/boot"):
            with self.assertRaisesRegex(OSError, "only the kernel of Polyglot OS"):
                polyglot.boot()
            return
        steps = polyglot.boot()
        self.assertTrue(steps)
        for step in steps:
            self.assertTrue(step.name)
            self.assertGreaterEqual(step.start_us, 0)
            self.assertGreaterEqual(step.duration_us, 0)

    def test_memory(self):
        memory = polyglot.memory()
        self.assertGreater(memory["MemTotal"], memory["MemFree"])
        self.assertGreater(memory["WorldUsed"], 1 << 20)
        self.assertGreater(memory["WorldLimit"], memory["WorldUsed"])

    def test_dmesg(self):
        try:
            text = polyglot.dmesg()
        except PermissionError:
            self.skipTest("the kernel keeps its log to itself")
        self.assertIsInstance(text, str)

    def test_version(self):
        self.assertRegex(polyglot.version, r"^\d+\.\d+\.\d+$")
