"""Long computations with checked results, while interrupts hit them.

Native code keeps values in the 128 bytes below the stack pointer; a kernel at the same privilege level that puts a frame there
corrupts them silently. So: much native arithmetic with known results, on several threads, with sleepers that make the timer
busy. Run inside with a timer of 1 kHz or more.
"""

import hashlib
import math
import random
import re
import threading
import time
import unittest

SECONDS = 3


def collatz(limit):
    """Sum of the lengths of all Collatz chains below limit."""
    total = 0
    for start in range(1, limit):
        number = start
        while number != 1:
            number = number * 3 + 1 if number & 1 else number >> 1
            total += 1
    return total


def float_walk():
    value = 0.5
    for _ in range(20_000):
        value = math.sin(value) * 3.7 + math.sqrt(value * value + 1.0) / 7.0
    return value


def big_numbers():
    number = pow(3, 20_000)
    return (number * (number + 2) - number * number) // number, hash(number % (2**61 - 1))


def hashing():
    digest = b"start"
    for _ in range(2000):
        digest = hashlib.sha256(digest * 3).digest()
    return digest.hex()


def matching():
    return len(re.findall(r"(?:ab|a)+c?", "ababac" * 3000))


def shuffling():
    generator = random.Random(1)
    numbers = list(range(5000))
    generator.shuffle(numbers)
    return hash(tuple(numbers)), sorted(numbers) == list(range(5000))


class RedZone(unittest.TestCase):
    WORK = (lambda: collatz(2000), float_walk, big_numbers, hashing, matching, shuffling)

    def test_known_results(self):
        self.assertEqual(collatz(1000), 59431)
        self.assertEqual(matching(), 3000)
        self.assertEqual(big_numbers()[0], 2)
        self.assertTrue(shuffling()[1])

    def test_results_stay_the_same(self):
        expected = [work() for work in self.WORK]
        end = time.monotonic() + SECONDS
        rounds = 0
        while time.monotonic() < end:
            for work, result in zip(self.WORK, expected):
                self.assertEqual(work(), result, work)
            rounds += 1
        self.assertGreater(rounds, 0)

    def test_threads_and_sleepers(self):
        expected = [work() for work in self.WORK]
        wrong, done = [], threading.Event()

        def sleeper(period):
            while not done.is_set():
                time.sleep(period)

        def worker(work, result):
            while not done.is_set():
                if work() != result:
                    wrong.append(work)

        threads = [threading.Thread(target=sleeper, args=(0.0003 * number,)) for number in range(1, 6)]
        threads += [threading.Thread(target=worker, args=pair) for pair in zip(self.WORK, expected)]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS)
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
