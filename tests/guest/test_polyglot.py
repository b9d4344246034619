"""The polyglot module agrees with itself and with /proc."""

import os
import re
import threading
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
        self.assertEqual(steps.total_us, max(step.start_us + step.duration_us for step in steps) - steps[0].start_us)
        self.assertRegex(repr(steps), r"^name +start_us  duration_us\n[\s\S]*\n[\d,]+\.\d ms in all$")
        for step in steps:
            self.assertTrue(step.name)
            self.assertGreaterEqual(step.start_us, 0)
            self.assertGreaterEqual(step.duration_us, 0)

    def test_memory(self):
        memory = polyglot.memory()
        self.assertGreater(memory["MemTotal"], memory["MemFree"])
        self.assertGreater(memory["WorldUsed"], 1 << 20)
        self.assertGreater(memory["WorldLimit"], memory["WorldUsed"])

        self.assertEqual(memory.processes.where(pid=os.getpid())[0].name, open("/proc/self/comm").read().strip())
        heap = [area for area in memory.areas if area.name == "[heap]"]
        self.assertTrue(heap and 0 < heap[0].resident_KiB <= heap[0].KiB)
        self.assertEqual(memory.areas.column("resident_KiB"), sorted(memory.areas.column("resident_KiB"), reverse=True))
        self.assertRegex(repr(memory), r"(?s)MiB free;.*Processes:\n.*Areas of this process:\n")

    def log(self, **choice):
        try:
            return polyglot.dmesg(**choice)
        except PermissionError:
            self.skipTest("the kernel keeps its log to itself")

    def test_dmesg(self):
        log = self.log()
        self.assertTrue(log)
        times = log.column("time")
        self.assertTrue(all(isinstance(time, float) and time >= 0 for time in times))
        self.assertRegex(str(log[:1]), r"^\[ *\d+\.\d{6}\] ")
        self.assertEqual(len(self.log(level="debug")), len(log))
        severe = self.log(level="warn")
        self.assertEqual(severe, [entry for entry in log if entry.level in ("emerg", "alert", "crit", "err", "warn")])
        self.assertEqual(severe, self.log(level="warning"))
        word = log[-1].text.split()[-1]
        self.assertIn(log[-1], self.log(search=word.upper()))
        with self.assertRaisesRegex(ValueError, "level is one of"):
            polyglot.dmesg(level="loud")

    def kernel_is_another(self):
        """Then there are no reports, and they say so."""
        if os.path.exists("/proc/polyglot"):
            return False
        for report in (polyglot.threads, polyglot.backtrace, polyglot.locks, polyglot.slabs):
            self.assertRaisesRegex(OSError, "only the kernel of Polyglot OS", report)
        return True

    def test_reports(self):
        if self.kernel_is_another():
            return
        for name, column in (("threads", "cpu_us"), ("locks", "rank"), ("interrupts", "count"), ("devices", "details"),
                             ("pages", "pages"), ("slabs", "objects")):
            table = getattr(polyglot, name)()
            self.assertIn(column, table.columns, name)
            self.assertTrue(repr(table).splitlines()[0].split()[0] == table.columns[0], name)
            self.assertTrue(all(hasattr(row, column) for row in table), name)

    def test_threads_know_python(self):
        if self.kernel_is_another():
            return
        started, done = threading.Event(), threading.Event()

        def wait_here():
            started.set()
            done.wait()

        thread = threading.Thread(target=wait_here)
        thread.start()
        started.wait()
        try:
            rows = polyglot.threads()
            self.assertIn("test_threads_know_python (", rows.where(id=threading.get_native_id())[0].python)
            self.assertRegex(rows.where(id=thread.native_id)[0].python, r"^wait \(threading:\d+\)")
            self.assertIn("in wait_here", polyglot.backtrace(thread.native_id))
            self.assertIn("in test_threads_know_python", polyglot.backtrace())
            with self.assertRaises(ValueError):
                polyglot.backtrace(10**6)
        finally:
            done.set()
            thread.join()

    def test_symbols(self):
        self.assertIsNone(polyglot.symbol(8))
        if polyglot.natives() is not None:
            self.assertEqual(polyglot.symbol(polyglot.natives()["address"]), ("polyglot_natives", 0))

    def test_what_a_user_sees(self):
        self.assertEqual(sorted(dir(polyglot)), sorted(polyglot.__all__))
        for name in polyglot.__all__:
            self.assertIn(name, polyglot.__doc__, "help(polyglot) does not tell of it")
            self.assertTrue(getattr(polyglot, name).__doc__ or name == "version", name)

    def test_version(self):
        self.assertRegex(polyglot.version, r"^\d+\.\d+\.\d+$")
