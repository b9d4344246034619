"""Four workers take numbers from a queue and say which are prime; Ctrl-C ends it at any time."""

import queue
import threading
import time


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def worker(name, tasks, results):
    while (number := tasks.get()) is not None:
        results.put((name, number, is_prime(number)))


def main():
    tasks, results = queue.Queue(), queue.Queue()
    threads = [threading.Thread(target=worker, args=(name, tasks, results)) for name in "ABCD"]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    numbers = range(100_000, 100_040)
    for number in numbers:
        tasks.put(number)
    for _ in threads:
        tasks.put(None)
    for thread in threads:
        thread.join()
    found = sorted(number for _, number, prime in (results.get() for _ in numbers) if prime)
    print(f"primes: {found}\n{time.monotonic() - started:.3f} s with {len(threads)} threads")


main()
