"""Pipes, socket pairs, select, poll, epoll, locks: what waits for something else."""

import errno
import fcntl
import os
import select
import socket
import tempfile
import threading
import time
import unittest


def later(function, *arguments, seconds=0.05):
    """Calls the function from another thread in a moment."""
    timer = threading.Timer(seconds, function, arguments)
    timer.start()
    return timer


class PipeCase(unittest.TestCase):
    def setUp(self):
        self.reader, self.writer = os.pipe()

    def tearDown(self):
        for descriptor in (self.reader, self.writer):
            try:
                os.close(descriptor)
            except OSError:
                pass


class Pipes(PipeCase):
    def test_a_reader_waits_for_a_writer(self):
        timer = later(os.write, self.writer, b"late")
        self.assertEqual(os.read(self.reader, 100), b"late")
        timer.join()

    def test_a_writer_waits_for_room(self):
        data = bytes(range(256)) * 1000
        received = []

        def drain():
            while sum(map(len, received)) < len(data):
                received.append(os.read(self.reader, 10000))

        thread = threading.Thread(target=drain)
        thread.start()
        sent = 0
        while sent < len(data):
            sent += os.write(self.writer, data[sent:])
        thread.join()
        self.assertEqual(b"".join(received), data)

    def test_ends(self):
        os.write(self.writer, b"last")
        os.close(self.writer)
        self.assertEqual(os.read(self.reader, 100), b"last")
        self.assertEqual(os.read(self.reader, 100), b"")

    def test_without_a_reader(self):
        os.close(self.reader)
        with self.assertRaises(BrokenPipeError):
            os.write(self.writer, b"x")

    def test_nonblocking(self):
        os.set_blocking(self.reader, False)
        with self.assertRaises(BlockingIOError):
            os.read(self.reader, 1)
        os.set_blocking(self.writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(self.writer, b"x" * 4096)
        self.assertEqual(len(os.read(self.reader, 100000)), 65536)

    def test_open_again_through_proc(self):
        os.write(self.writer, b"ab")
        again = os.open(f"/proc/self/fd/{self.reader}", os.O_RDONLY)
        self.assertEqual(os.read(again, 1), b"a")
        self.assertEqual(os.read(self.reader, 1), b"b")
        os.close(again)


class Waiting(PipeCase):
    def test_select(self):
        self.assertEqual(select.select([self.reader], [self.writer], [], 0), ([], [self.writer], []))
        timer = later(os.write, self.writer, b"x")
        self.assertEqual(select.select([self.reader], [], [], 10), ([self.reader], [], []))
        timer.join()

    def test_select_times_out(self):
        start = time.monotonic()
        self.assertEqual(select.select([self.reader], [], [], 0.05), ([], [], []))
        self.assertGreaterEqual(time.monotonic() - start, 0.049)

    def test_poll(self):
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        self.assertEqual(poll.poll(10), [])
        timer = later(os.write, self.writer, b"x")
        self.assertEqual(poll.poll(10000), [(self.reader, select.POLLIN)])
        timer.join()
        os.close(self.writer)
        self.assertEqual(poll.poll(0), [(self.reader, select.POLLIN | select.POLLHUP)])

    def test_epoll(self):
        with select.epoll() as epoll:
            epoll.register(self.reader, select.EPOLLIN)
            with self.assertRaises(FileExistsError):
                epoll.register(self.reader, select.EPOLLIN)
            self.assertEqual(epoll.poll(0.01), [])
            timer = later(os.write, self.writer, b"x")
            self.assertEqual(epoll.poll(10), [(self.reader, select.EPOLLIN)])
            timer.join()
            self.assertEqual(epoll.poll(0), [(self.reader, select.EPOLLIN)])
            epoll.modify(self.reader, select.EPOLLIN | select.EPOLLET)
            self.assertEqual(epoll.poll(0), [(self.reader, select.EPOLLIN)])
            self.assertEqual(epoll.poll(0), [])
            epoll.unregister(self.reader)
            with tempfile.TemporaryFile() as file, self.assertRaises(PermissionError):
                epoll.register(file.fileno(), select.EPOLLIN)

    def test_many_at_once(self):
        pipes = [os.pipe() for _ in range(100)]
        try:
            os.write(pipes[61][1], b"x")
            readers = [reader for reader, _ in pipes]
            self.assertEqual(select.select(readers, [], [], 1)[0], [pipes[61][0]])
        finally:
            for pair in pipes:
                os.close(pair[0])
                os.close(pair[1])


class SocketPairs(unittest.TestCase):
    def setUp(self):
        self.left, self.right = socket.socketpair()

    def tearDown(self):
        self.left.close()
        self.right.close()

    def test_both_ways(self):
        self.left.sendall(b"ping")
        self.assertEqual(self.right.recv(10), b"ping")
        self.right.sendall(b"pong")
        self.assertEqual(self.left.recv(2), b"po")
        self.assertEqual(self.left.recv(10), b"ng")

    def test_much(self):
        data = os.urandom(1 << 20)
        thread = threading.Thread(target=self.left.sendall, args=(data,))
        thread.start()
        received = b""
        while len(received) < len(data):
            received += self.right.recv(50000)
        thread.join()
        self.assertEqual(received, data)

    def test_timeout_and_nonblocking(self):
        self.left.settimeout(0.03)
        with self.assertRaises(TimeoutError):
            self.left.recv(1)
        self.left.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.left.recv(1)

    def test_shutdown_and_close(self):
        self.left.shutdown(socket.SHUT_WR)
        self.assertEqual(self.right.recv(1), b"")
        self.right.sendall(b"still")
        self.assertEqual(self.left.recv(10), b"still")
        self.right.close()
        with self.assertRaises(BrokenPipeError):
            self.left.sendall(b"x")

    def test_messages(self):
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with one, two:
            one.send(b"first")
            one.send(b"second")
            self.assertEqual(two.recv(3), b"fir")
            self.assertEqual(two.recv(100), b"second")
            with self.assertRaises(OSError) as caught:
                one.send(b"x" * 1000000)
            self.assertEqual(caught.exception.errno, errno.EMSGSIZE)

    def test_vectors(self):
        self.assertEqual(self.left.sendmsg([b"ab", b"cd"]), 4)
        data, control, flags, _ = self.right.recvmsg(10)
        self.assertEqual((data, control, flags), (b"abcd", [], 0))


class Locks(unittest.TestCase):
    def test_flock(self):
        with tempfile.NamedTemporaryFile() as one, open(one.name, "rb") as two:
            fcntl.flock(one, fcntl.LOCK_EX)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(two, fcntl.LOCK_SH | fcntl.LOCK_NB)
            timer = later(fcntl.flock, one, fcntl.LOCK_UN)
            fcntl.flock(two, fcntl.LOCK_SH)
            timer.join()

    def test_descriptor_flags(self):
        with tempfile.TemporaryFile() as file:
            copy = fcntl.fcntl(file, fcntl.F_DUPFD, 40)
            try:
                self.assertGreaterEqual(copy, 40)
                self.assertEqual(fcntl.fcntl(copy, fcntl.F_GETFD), 0)
                fcntl.fcntl(copy, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
                self.assertEqual(fcntl.fcntl(copy, fcntl.F_GETFD), fcntl.FD_CLOEXEC)
                fcntl.fcntl(copy, fcntl.F_SETFL, os.O_APPEND)
                self.assertTrue(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_APPEND)
            finally:
                os.close(copy)


if __name__ == "__main__":
    unittest.main()
