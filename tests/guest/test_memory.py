"""Memory exhaustion is MemoryError, with many small objects as with a few big ones, and what was held is free again."""

import gc
import unittest

import polyglot

ROOM = 64 << 20  # bytes that a test may take beyond what is in use


class Exhaustion(unittest.TestCase):
    def setUp(self):
        gc.collect()
        self.used = polyglot.memory()["WorldUsed"]
        self.limit = polyglot.limit_memory(self.used + ROOM)

    def tearDown(self):
        polyglot.limit_memory(self.limit)

    def exhaust(self, fill):
        """Runs fill() until MemoryError, three times: memory must come back each time."""
        for _ in range(3):
            with self.assertRaises(MemoryError):
                fill()
            gc.collect()
            self.assertLess(polyglot.memory()["WorldUsed"], self.used + ROOM // 2)
            self.assertEqual(sum(range(1000)), 499500)

    def test_list_of_small_objects(self):
        def fill():
            items = []
            while True:
                items.append(object())

        self.exhaust(fill)

    def test_list_of_numbers(self):
        def fill():
            items = []
            number = 1 << 80
            while True:
                number += 1
                items.append(number)

        self.exhaust(fill)

    def test_dict(self):
        def fill():
            table = {}
            while True:
                table[len(table)] = str(len(table))

        self.exhaust(fill)

    def test_strings(self):
        def fill():
            text = "x"
            parts = []
            while True:
                parts.append(text * 1000 + str(len(parts)))

        self.exhaust(fill)

    def test_doubling_string(self):
        def fill():
            text = "x"
            while True:
                text += text

        self.exhaust(fill)

    def test_nested_lists(self):
        def fill():
            outer = []
            while True:
                outer = [outer, [], {}]

        self.exhaust(fill)

    def test_one_big_block(self):
        self.exhaust(lambda: bytes(10**12))
        self.exhaust(lambda: bytearray(ROOM * 2))
        self.exhaust(lambda: [None] * (ROOM // 4))
        self.exhaust(lambda: "x" * (ROOM * 2))

    def test_native_loops(self):
        self.exhaust(lambda: list(range(10**9)))
        self.exhaust(lambda: set(range(10**9)))
        self.exhaust(lambda: dict.fromkeys(range(10**9)))
        self.exhaust(lambda: "".join(str(number) for number in range(10**9)))
        self.exhaust(lambda: 1 << (ROOM * 16))
        self.exhaust(lambda: sorted(range(10**9)))

    def test_comprehension(self):
        self.exhaust(lambda: [[number] for number in range(10**9)])

    def test_cyclic_garbage_is_collected_first(self):
        class Node:
            def __init__(self):
                self.me = self
                self.load = bytearray(1000)

        for _ in range(ROOM // 1000 * 3):
            Node()

    def test_handler_can_go_on(self):
        kept = []
        errors = 0
        while errors < 3:
            try:
                kept.append(bytearray(10_000))
            except MemoryError:
                errors += 1
                del kept[len(kept) // 2:]
        self.assertEqual(errors, 3)

    def test_in_another_thread(self):
        import threading

        caught = []

        def fill():
            items = []
            try:
                while True:
                    items.append(object())
            except MemoryError as error:
                caught.append(type(error))

        thread = threading.Thread(target=fill)
        thread.start()
        thread.join()
        self.assertEqual(caught, [MemoryError])
