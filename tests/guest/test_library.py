"""A walk through the library: regexes, hashes, random numbers, ctypes, pickles, destructors, input(), breakpoint()."""

import contextlib
import ctypes
import decimal
import faulthandler
import fractions
import hashlib
import io
import itertools
import math
import os
import pickle
import random
import re
import signal
import struct
import sys
import tempfile
import textwrap
import traceback
import unittest
import zlib


class Computing(unittest.TestCase):
    def test_hashes(self):
        data = b"polyglot" * 1000
        self.assertEqual(hashlib.sha256(b"abc").hexdigest(),
                         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        self.assertEqual(hashlib.md5(b"").hexdigest(), "d41d8cd98f00b204e9800998ecf8427e")
        for name in ("sha1", "sha512", "sha3_256", "blake2b"):
            once, pieces = hashlib.new(name, data), hashlib.new(name)
            for start in range(0, len(data), 777):
                pieces.update(data[start:start + 777])
            self.assertEqual(once.digest(), pieces.digest(), name)

    def test_compression(self):
        data = b"polyglot os " * 5000
        self.assertEqual(zlib.decompress(zlib.compress(data)), data)

    def test_random_is_reproducible_and_spread(self):
        random.seed(4711)
        one = [random.random() for _ in range(1000)]
        random.seed(4711)
        self.assertEqual(one, [random.random() for _ in range(1000)])
        self.assertAlmostEqual(sum(one) / 1000, 0.5, delta=0.05)

    def test_numbers(self):
        self.assertEqual(2**1000 % 1_000_007, pow(2, 1000, 1_000_007))
        self.assertEqual(math.isqrt(10**200), 10**100)
        self.assertEqual(math.factorial(30) // math.factorial(28), 870)
        self.assertEqual(fractions.Fraction(1, 3) + fractions.Fraction(1, 6), fractions.Fraction(1, 2))
        self.assertEqual(decimal.Decimal("0.1") + decimal.Decimal("0.2"), decimal.Decimal("0.3"))
        self.assertAlmostEqual(math.sin(math.pi / 6), 0.5)
        self.assertEqual(float("1e308") * 10, math.inf)

    def test_regexes(self):
        self.assertEqual(re.findall(r"(\w+)@(\w+)\.org", "a@b.org c@d.org"), [("a", "b"), ("c", "d")])
        self.assertEqual(re.sub(r"(?P<x>\d+)", lambda match: str(int(match["x"]) * 2), "1 22"), "2 44")
        self.assertIsNone(re.fullmatch(r"[a-f]+", "xyz"))
        self.assertEqual(re.split(r"[,;]\s*", "a, b;c"), ["a", "b", "c"])

    def test_struct_and_pickle(self):
        self.assertEqual(struct.unpack("<IHb", struct.pack("<IHb", 1, 2, -3)), (1, 2, -3))
        value = {"a": [1, (2, 3)], "b": {4, 5}, "c": b"bytes", "d": 1 << 100}
        self.assertEqual(pickle.loads(pickle.dumps(value)), value)

    def test_generators_and_sorting(self):
        def primes():
            found = []
            for number in itertools.count(2):
                if all(number % prime for prime in found):
                    found.append(number)
                    yield number

        self.assertEqual(list(itertools.islice(primes(), 10)), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
        words = "the quick brown fox jumps over the lazy dog".split()
        self.assertEqual(sorted(words, key=lambda word: (-len(word), word))[:3], ["brown", "jumps", "quick"])


class Addresses(unittest.TestCase):
    def test_memory_through_ctypes(self):
        array = (ctypes.c_uint32 * 4)(1, 2, 3, 4)
        address = ctypes.addressof(array)
        again = (ctypes.c_uint32 * 4).from_address(address)
        again[2] = 0xFFFF_FFFF
        self.assertEqual(array[2], 0xFFFF_FFFF)
        self.assertEqual(ctypes.string_at(address, 4), b"\x01\0\0\0")

    def test_structures(self):
        class Pair(ctypes.Structure):
            _fields_ = [("small", ctypes.c_uint8), ("big", ctypes.c_uint64)]

        pair = Pair(1, 2)
        self.assertEqual(ctypes.sizeof(Pair), 16)
        self.assertEqual(Pair.big.offset, 8)
        self.assertEqual(Pair.from_address(ctypes.addressof(pair)).big, 2)

    def test_own_memory_map_covers_objects(self):
        buffer = ctypes.create_string_buffer(b"here")
        address = ctypes.addressof(buffer)
        with open("/proc/self/maps") as maps:
            ranges = [[int(edge, 16) for edge in line.split()[0].split("-")] for line in maps]
        self.assertTrue(any(start <= address < end for start, end in ranges))


class Destructors(unittest.TestCase):
    """A destructor may use what it was taken from: nothing is locked, and the new value is there."""

    def replaced(self, owner, name, make, new):
        """What the destructor of the old value of owner.name sees there when the new one is set."""
        seen = []
        base = type(make)

        class Old(base):
            def __del__(self):
                seen.append(getattr(owner, name))

        setattr(owner, name, Old(make) if base is str else Old())
        setattr(owner, name, new)
        self.assertEqual(seen, [new], name)

    def test_functions(self):
        def function():
            yield

        for owner in (function, function()):
            self.replaced(owner, "__name__", "old", "new")
            self.replaced(owner, "__qualname__", "old", "new")

        class Value:
            def __del__(self):
                seen.append((function.__defaults__, function.__kwdefaults__, function.__annotations__))

        seen = []
        function.__defaults__ = (Value(),)
        function.__defaults__ = (1,)
        function.__kwdefaults__ = {"a": Value()}
        function.__kwdefaults__ = {"a": 2}
        function.__annotations__ = {"a": Value()}
        function.__annotations__ = {"a": int}
        self.assertEqual(seen, [((1,), None, {}), ((1,), {"a": 2}, {}), ((1,), {"a": 2}, {"a": int})])

    def test_lists(self):
        class Value:
            def __del__(self):
                found.append(1)

        for _ in range(20):  # an instruction that runs often has a faster form
            found = [Value(), Value(), 3]
            found[0] = 2
            found[1:] = []
            self.assertEqual(found, [2, 1])

    def test_exceptions(self):
        owner = ValueError()
        for name in ("__cause__", "__context__"):
            self.replaced(owner, name, KeyError(), None)

        class Value:
            def __del__(self):
                seen.append(owner.args)

        seen = []
        owner.args = (Value(),)
        owner.args = (3,)
        self.assertEqual(seen, [(3,)])


class Interaction(unittest.TestCase):
    def talk(self, typed, call):
        """Runs call() with `typed` as standard input; what it printed."""
        stdin, sys.stdin = sys.stdin, io.StringIO(typed)
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                call()
        finally:
            sys.stdin = stdin
        return output.getvalue()

    def test_input(self):
        answers = []
        output = self.talk("42\nlast\n", lambda: answers.extend([input("number? "), input()]))
        self.assertEqual(answers, ["42", "last"])
        self.assertEqual(output, "number? ")
        with self.assertRaises(EOFError):
            self.talk("", input)

    def test_breakpoint_with_pdb(self):
        # pdb's `continue` leaves a handler of its own for Ctrl-C.
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))

        def debugged():
            secret = 6 * 7
            breakpoint()
            return secret

        output = self.talk("p secret + 1\nup\nwhere\ncontinue\n", debugged)
        self.assertIn("43", output)
        self.assertIn("debugged", output)
        self.assertIn("(Pdb)", output)

    def test_faulthandler_shows_the_stack(self):
        def innermost_function():
            faulthandler.dump_traceback(file=file)

        with tempfile.TemporaryFile("w+") as file:
            innermost_function()
            file.seek(0)
            text = file.read()
        self.assertIn("innermost_function", text)
        self.assertIn("test_library.py", text)

    def test_exec_and_traceback(self):
        source = textwrap.dedent("""
            def inner(x):
                return 1 / x
            inner(0)
        """)
        try:
            exec(compile(source, "<made>", "exec"), {})
        except ZeroDivisionError:
            text = traceback.format_exc()
        self.assertIn("in inner", text)
        self.assertIn("ZeroDivisionError", text)

    def test_syntax_errors_say_what_is_wrong(self):
        for source, message in {
            "f(r'\\'') x": "invalid syntax", "re.sub(r'\"\\'', '') )": "unmatched '\\)'", "(r'\\'' + 1": "'\\(' was never closed",
            "'\u4e2d": "unterminated string literal", "b\"\\\u00e9": "unterminated", "x = f'{a}\u4e2d": "unterminated f-string literal",
            "\'\'\'\u4e2d\u4e2d": "unterminated triple-quoted string literal", "+'\\\u4e2d": "unterminated string literal",
        }.items():
            with self.subTest(source=source), self.assertRaisesRegex(SyntaxError, message):
                compile(source, "<made>", "exec")

    def test_exit_codes(self):
        for argument, code in ((None, None), (3, 3), ("text", "text")):
            with self.assertRaises(SystemExit) as caught:
                sys.exit(argument)
            self.assertEqual(caught.exception.code, code)

    def test_fork_is_refused_or_works(self):
        # A world in the kernel's address space cannot be copied; on other kernels the child must run.
        try:
            child = os.fork()
        except OSError:
            return
        if child == 0:
            os._exit(7)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
