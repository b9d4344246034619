"""Ctrl-C ends whatever runs: loops, sleeps, waits, and long native computations."""

import math
import os
import queue
import re
import signal
import threading
import time
import unittest

# Its square alone takes a second or more.
HUGE = 1 << 120_000_000


class Interrupted(unittest.TestCase):
    """`interrupt(f)` sends SIGINT while f runs and asserts that it ends by KeyboardInterrupt."""

    DELAY = 0.3
    PATIENCE = 90  # seconds; only a hang is to be noticed: emulated machines are slow

    def interrupt(self, call):
        def send():
            time.sleep(self.DELAY)
            os.kill(os.getpid(), signal.SIGINT)

        sender = threading.Thread(target=send)
        started = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            sender.start()
            call()
            while True:  # the call ended by itself: still wait for the signal, then say so
                if time.monotonic() - started > self.DELAY + self.PATIENCE:
                    self.fail("no KeyboardInterrupt")
                finished = time.monotonic()
                if finished - started < self.DELAY:
                    self.fail(f"ended by itself after {finished - started:.2f} s")
        took = time.monotonic() - started
        sender.join()
        self.assertLess(took, self.DELAY + self.PATIENCE)
        self.assertGreaterEqual(took, self.DELAY * 0.9)


class Waiting(Interrupted):
    def test_busy_loop(self):
        def loop():
            while True:
                pass

        self.interrupt(loop)

    def test_sleep(self):
        self.interrupt(lambda: time.sleep(60))

    def test_lock(self):
        lock = threading.Lock()
        lock.acquire()
        self.interrupt(lock.acquire)

    def test_lock_with_timeout(self):
        lock = threading.Lock()
        lock.acquire()
        self.interrupt(lambda: lock.acquire(timeout=60))

    def test_event(self):
        self.interrupt(threading.Event().wait)

    def test_queue(self):
        self.interrupt(queue.Queue().get)

    def test_simple_queue(self):
        self.interrupt(queue.SimpleQueue().get)

    def test_join(self):
        stop = threading.Event()
        other = threading.Thread(target=stop.wait)
        other.start()
        try:
            self.interrupt(other.join)
        finally:
            stop.set()
            other.join()

    def test_pipe(self):
        reader, writer = os.pipe()
        try:
            self.interrupt(lambda: os.read(reader, 1))
        finally:
            os.close(reader)
            os.close(writer)


class LongNativeCalls(Interrupted):
    def test_pow(self):
        self.interrupt(lambda: pow(3, 10**9))

    def test_pow_with_modulus(self):
        modulus = (1 << 40_000) + 1
        self.interrupt(lambda: pow(3, 1 << 40_000, modulus))

    def test_multiplication(self):
        number = HUGE - 1
        self.interrupt(lambda: number * number)

    def test_division(self):
        number = HUGE - 1
        divisor = (1 << 40_000_001) + 1
        self.interrupt(lambda: number // divisor)

    def test_remainder(self):
        number = HUGE - 1
        divisor = (1 << 40_000_001) + 1
        self.interrupt(lambda: number % divisor)

    def test_specialised_multiplication(self):
        def power_loop(number):
            for _ in range(100):
                number = number * number

        self.interrupt(lambda: power_loop(3))

    def test_factorial(self):
        self.interrupt(lambda: math.factorial(5_000_000))

    def test_comb(self):
        self.interrupt(lambda: math.comb(40_000_000, 20_000_000))

    def test_str_of_int(self):
        import sys

        number = HUGE - 1
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            self.interrupt(lambda: str(number))
        finally:
            sys.set_int_max_str_digits(limit)

    def test_int_of_str(self):
        import sys

        text = "7" * 20_000_000
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            self.interrupt(lambda: int(text))
        finally:
            sys.set_int_max_str_digits(limit)

    def test_regex_with_groups(self):
        self.interrupt(lambda: re.match("(a+)+$", "a" * 40 + "b"))

    def test_regex_without_groups(self):
        self.interrupt(lambda: re.search("(?:a|aa)+$", "a" * 60 + "b"))

    def test_regex_substitution(self):
        self.interrupt(lambda: re.sub("(?:x+x+)+y", "", "x" * 60))


class Handlers(unittest.TestCase):
    def test_finally_and_except_run(self):
        steps = []

        def body():
            try:
                pow(3, 10**9)
            except KeyboardInterrupt:
                steps.append("except")
                raise
            finally:
                steps.append("finally")

        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            body()
        self.assertEqual(steps, ["except", "finally"])

    def test_a_handler_that_does_not_raise_lets_the_computation_finish(self):
        seen = []
        old = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
        try:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            number = (1 << 4_000_000) - 1
            products = []
            while not seen:
                products = [*products[-1:], number * number]
        finally:
            signal.signal(signal.SIGINT, old)
        self.assertEqual(seen, [signal.SIGINT])
        for product in products:
            self.assertEqual(product & 0xFFFF, 1)
            self.assertEqual(product.bit_length(), 8_000_000)
