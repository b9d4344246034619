"""polyglot.syscall: names, numbers, types, sizes, errors. What the calls do is tests/conformance's business."""

import errno
import os
import tempfile
import unittest

import polyglot
from polyglot import syscall


class Syscall(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.TemporaryFile()
        self.fd = self.file.fileno()

    def tearDown(self):
        self.file.close()

    def test_by_name_and_by_number(self):
        self.assertEqual(syscall("getpid"), os.getpid())
        self.assertEqual(syscall(39), os.getpid())
        for unknown in ("nonesuch", 9999, -1):
            with self.assertRaises(ValueError):
                syscall(unknown)

    def test_bytes_go_in_and_come_out(self):
        self.assertEqual(syscall("pwrite64", self.fd, b"hello", 5, 0), 5)
        self.assertEqual(syscall("pwrite64", self.fd, "!", 1, 5), 1)
        data = bytearray(16)
        self.assertEqual(syscall("pread64", self.fd, data, len(data), 0), 6)
        self.assertEqual(data, b"hello!" + bytes(10))
        view = memoryview(data)[8:]
        self.assertEqual(syscall("pread64", self.fd, view, 4, 1), 4)
        self.assertEqual(bytes(view[:4]), b"ello")

    def test_vectors_are_lists(self):
        self.assertEqual(syscall("writev", self.fd, [b"abc", bytearray(b"de")], 2), 5)
        first, second = bytearray(2), bytearray(8)
        self.assertEqual(syscall("preadv", self.fd, [first, second], 2, 0, 0), 5)
        self.assertEqual((bytes(first), bytes(second[:3])), (b"ab", b"cde"))

    def test_constants_by_name(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "new")
            fd = syscall("openat", "AT_FDCWD", path, "O_RDWR|O_CREAT|O_EXCL", 0o600)
            os.close(fd)
            self.assertTrue(os.path.exists(path))
        self.assertEqual(syscall("lseek", self.file, 0, "SEEK_END"), 0)
        self.assertEqual(syscall("kill", os.getpid(), 0), 0)
        with self.assertRaisesRegex(TypeError, "O_NONSENSE"):
            syscall("open", "/", "O_NONSENSE", 0)

    def test_errors_are_oserrors(self):
        with self.assertRaises(FileNotFoundError):
            syscall("open", "/does/not/exist", 0, 0)
        with self.assertRaises(OSError) as caught:
            syscall("close", -1)
        self.assertEqual(caught.exception.errno, errno.EBADF)
        with self.assertRaises(OSError) as caught:
            syscall("newfstatat", "AT_FDCWD", "/", 1, 0)
        self.assertEqual(caught.exception.errno, errno.EFAULT)

    def test_wrong_types_are_refused_before_the_call(self):
        for arguments in [("close",), ("close", 1, 2), ("close", "three"), ("close", 1.5), ("close", None),
                          ("read", self.fd, b"constant", 4), ("read", self.fd, "text", 4), ("write", self.fd, 1.5, 1),
                          ("open", 1.5, 0, 0), ("write", self.fd, [b"a"], 1), ("lseek", self.fd, 0, "SEEK_NONE")]:
            with self.assertRaises(TypeError, msg=arguments):
                syscall(*arguments)
        with self.assertRaises(OverflowError):
            syscall("close", 1 << 40)

    def test_memory_that_is_too_short_is_refused_before_the_call(self):
        with self.assertRaisesRegex(ValueError, "has 4 bytes, the call uses 5"):
            syscall("read", self.fd, bytearray(4), 5)
        with self.assertRaisesRegex(ValueError, "has 143 bytes, the call uses 144"):
            syscall("fstat", self.fd, bytearray(143))
        with self.assertRaises(ValueError):
            syscall("pipe2", bytearray(4), 0)
        with self.assertRaises(ValueError):
            syscall("read", self.fd, bytearray(4), 1 << 63)

    def test_no_export_is_left_behind(self):
        data = bytearray(64)
        self.assertEqual(syscall("pread64", self.fd, data, 64, 0), 0)
        data.clear()  # BufferError while memory is exported
        self.assertEqual(len(data), 0)

    def test_calls_that_no_function_can_make(self):
        for name in ("vfork", "rt_sigreturn"):
            with self.assertRaises(ValueError):
                syscall(name)

    def test_documented(self):
        self.assertIn("syscall", dir(polyglot))
        self.assertIn("OSError", polyglot.syscall.__doc__)


if __name__ == "__main__":
    unittest.main()
