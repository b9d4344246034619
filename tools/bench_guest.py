"""What Python costs inside: four measurements, the same file here and on Linux. Prints one JSON object.

Each value is seconds for a fixed amount of work, the best of REPEATS: other work of the machine only
ever adds. Times are those of the guest's own clock. Run by tools/bench.py; alone: python3 tools/bench_guest.py
"""

import json
import os
import queue
import threading
import time

REPEATS = 5


class Record:
    """What the pystone-like mix works on."""

    def __init__(self, link=None, kind=0, count=0, text=""):
        self.link, self.kind, self.count, self.text = link, kind, count, text

    def copy(self):
        return Record(self.link, self.kind, self.count, self.text)


def mix(rounds=3000):
    """Assignments, calls, attributes, lists, integer and string comparisons, as a small program has."""
    table = [[0] * 50 for _ in range(50)]
    head = Record(None, 1, 40, "some string")
    head.link = Record(None, 2, 10, "other string")
    total = 0
    for i in range(rounds):
        first, second = 2, 3
        while first < second:
            third = 5 * first - second
            first += 1
        row = table[i % 50]
        row[third % 50] = i
        table[(i + 7) % 50][8] = row[third % 50] + 1
        record = head.copy()
        record.link = head.link.copy()
        record.count = first * second // (third or 1)
        if record.text > head.link.text:
            record.kind = 3
        total += record.count + record.kind + len(record.text)
    return total


def dictionaries(rounds=8):
    """Building, looking up and joining: dict and str work."""
    counts = {}
    for _ in range(rounds):
        for number in range(1000):
            word = f"key{number % 317}"
            counts[word] = counts.get(word, 0) + 1
        text = ",".join(f"{key}={value}" for key, value in sorted(counts.items()))
        counts.update((part.split("=")[0].upper(), 1) for part in text.split(","))
    return len(counts)


def system_calls(count=20000):
    """os.getppid(): the cheapest call that always reaches the kernel."""
    getppid = os.getppid
    for _ in range(count):
        getppid()


def hand_over(count=1000):
    """Items through two queues, there and back: a sleep and a wake-up of each thread per item."""
    there, back = queue.Queue(), queue.Queue()

    def echo():
        while (item := there.get()) is not None:
            back.put(item)

    thread = threading.Thread(target=echo)
    thread.start()
    for number in range(count):
        there.put(number)
        back.get()
    there.put(None)
    thread.join()


def measure(work):
    best = None
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        best = seconds if best is None else min(best, seconds)
    return best


if __name__ == "__main__":
    print(json.dumps({work.__name__: measure(work) for work in (mix, dictionaries, system_calls, hand_over)}))
