"""Threads, queues, locks, events, timers; signals and children among them."""
import queue
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

jobs, results = queue.Queue(), queue.Queue()


def work():
    while (item := jobs.get()) is not None:
        results.put(item * item)


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for number in range(100):
    jobs.put(number)
for _ in threads:
    jobs.put(None)
for thread in threads:
    thread.join()
print(sum(results.get() for _ in range(100)))
total, lock = 0, threading.Lock()


def add():
    global total
    for _ in range(1000):
        with lock:
            total += 1


threads = [threading.Thread(target=add) for _ in range(5)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(total)
event = threading.Event()
threading.Timer(0.02, event.set).start()
print(event.wait(10), event.wait(0))
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: subprocess.run(["bash", "-c", f"exit {n}"]).returncode, range(8))))
barrier = threading.Barrier(3)
order = []
threads = [threading.Thread(target=lambda: order.append(barrier.wait())) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(order))
seen = []
signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while len(seen) < 3:
    time.sleep(1)
signal.setitimer(signal.ITIMER_REAL, 0)
print(seen[:3])
local = threading.local()
local.value = 1
thread = threading.Thread(target=lambda: print(hasattr(local, "value")))
thread.start()
thread.join()
