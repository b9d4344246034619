"""Threads, locks, queues, sleeping, asyncio; frames seen from destructors and from other threads."""

import asyncio
import queue
import sys
import threading
import time
import unittest


class Threads(unittest.TestCase):
    def test_many_threads_run(self):
        results = queue.Queue()
        threads = [threading.Thread(target=results.put, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results.get_nowait() for _ in threads), list(range(50)))

    def test_lock_excludes(self):
        lock = threading.Lock()
        total = 0

        def work():
            nonlocal total
            for _ in range(2000):
                with lock:
                    before = total
                    total = before + 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(total, 8000)

    def test_hand_over_through_queues(self):
        ping, pong = queue.Queue(), queue.Queue()

        def echo():
            while (item := ping.get()) is not None:
                pong.put(item + 1)

        thread = threading.Thread(target=echo)
        thread.start()
        value = 0
        for _ in range(500):
            ping.put(value)
            value = pong.get()
        ping.put(None)
        thread.join()
        self.assertEqual(value, 500)

    def test_condition_and_event(self):
        condition, event, log = threading.Condition(), threading.Event(), []

        def wait():
            with condition:
                event.set()
                condition.wait(timeout=30)
                log.append("woken")

        thread = threading.Thread(target=wait)
        thread.start()
        self.assertTrue(event.wait(timeout=30))
        with condition:
            condition.notify_all()
        thread.join()
        self.assertEqual(log, ["woken"])

    def test_barrier_and_semaphore(self):
        barrier, semaphore = threading.Barrier(3), threading.BoundedSemaphore(1)
        order = []

        def work(number):
            barrier.wait(timeout=30)
            with semaphore:
                order.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(order), [0, 1, 2])

    def test_thread_local(self):
        local = threading.local()
        local.value = "main"
        seen = []

        def work():
            seen.append(hasattr(local, "value"))
            local.value = "other"

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual((seen, local.value), ([False], "main"))

    def test_timer(self):
        fired = threading.Event()
        timer = threading.Timer(0.05, fired.set)
        timer.start()
        self.assertTrue(fired.wait(timeout=30))

    def test_exception_in_thread_is_reported(self):
        reports = []
        hook, threading.excepthook = threading.excepthook, reports.append
        try:
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
        finally:
            threading.excepthook = hook
        self.assertEqual(reports[0].exc_type, ZeroDivisionError)

    def test_lock_timeout(self):
        lock = threading.Lock()
        lock.acquire()
        started = time.monotonic()
        self.assertFalse(lock.acquire(timeout=0.12))
        self.assertGreaterEqual(time.monotonic() - started, 0.12)



class Frames(unittest.TestCase):
    def test_a_destructor_sees_the_new_value_of_a_local(self):
        seen = []

        class Value:
            def __del__(self):
                seen.append(type(sys._getframe(1).f_locals.get("x")).__name__)

        def assign():
            x = Value()
            x = [1]
            x = Value()
            del x
            x, y = Value(), 1
            x, y = 2, 3
            return x, y

        assign()
        self.assertEqual(seen, ["list", "NoneType", "int"])

    def test_frames_of_threads_that_start_and_end(self):
        """Their locals' destructors run Python code, in the middle of which the frames are read."""
        ended = threading.Event()

        def deep(count):
            return deep(count - 1) + 1 if count else 0

        def work():
            while not ended.is_set():
                thread = threading.Thread(target=deep, args=(4,))
                thread.start()
                thread.join()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        functions = set()
        for _ in range(1500):
            for ident, frame in sys._current_frames().items():
                while ident != threading.get_ident() and frame is not None:
                    functions.add(frame.f_code.co_name)
                    frame = frame.f_back
        ended.set()
        for thread in threads:
            thread.join()
        self.assertIn("work", functions)


class Time(unittest.TestCase):
    def test_sleep_takes_its_time(self):
        for duration in (0, 0.001, 0.05, 0.2):
            started = time.monotonic()
            time.sleep(duration)
            took = time.monotonic() - started
            self.assertGreaterEqual(took, duration)
            self.assertLess(took, duration + 5)

    def test_clocks_advance(self):
        for clock in (time.monotonic_ns, time.perf_counter_ns, time.time_ns, time.process_time_ns):
            before = clock()
            sum(range(200_000))
            self.assertGreater(clock(), before, clock.__name__)

    def test_wall_clock_is_this_century(self):
        self.assertGreaterEqual(time.gmtime().tm_year, 2024)

    def test_sleeping_threads_overlap(self):
        started = time.monotonic()
        threads = [threading.Thread(target=time.sleep, args=(0.4,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(time.monotonic() - started, 8 * 0.4)


class Asyncio(unittest.TestCase):
    def test_sleep_and_gather(self):
        async def work(number):
            await asyncio.sleep(0.02 * (3 - number))
            order.append(number)
            return number * 2

        async def main():
            return await asyncio.gather(*(work(number) for number in range(3)))

        order = []
        self.assertEqual(asyncio.run(main()), [0, 2, 4])
        self.assertEqual(order, [2, 1, 0])

    def test_timeout(self):
        async def main():
            async with asyncio.timeout(0.05):
                await asyncio.sleep(60)

        with self.assertRaises(TimeoutError):
            asyncio.run(main())

    def test_queue_and_thread(self):
        async def main():
            items = asyncio.Queue()
            loop = asyncio.get_running_loop()
            thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(items.put_nowait, "from a thread"))
            thread.start()
            item = await asyncio.wait_for(items.get(), timeout=30)
            thread.join()
            return item + ", " + await asyncio.to_thread(lambda: "to a thread")

        self.assertEqual(asyncio.run(main()), "from a thread, to a thread")
