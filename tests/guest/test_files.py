"""os and pathlib on a writable file system, and the devices every program expects."""

import errno
import io
import json
import os
import pathlib
import shutil
import stat
import tempfile
import unittest


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="polyglot-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_write_read_append(self):
        path = self.folder / "text"
        path.write_text("one\ntwö\n")
        with open(path, "a") as file:
            file.write("three\n")
        self.assertEqual(path.read_text().splitlines(), ["one", "twö", "three"])
        self.assertEqual(path.stat().st_size, len("one\ntwö\nthree\n".encode()))

    def test_seek_truncate_and_holes(self):
        path = self.folder / "binary"
        with open(path, "w+b") as file:
            file.seek(100_000)
            file.write(b"end")
            file.seek(0)
            self.assertEqual(file.read(10), bytes(10))
            file.truncate(50_000)
            file.seek(0, io.SEEK_END)
            self.assertEqual(file.tell(), 50_000)

    def test_big_file(self):
        path = self.folder / "big"
        block = os.urandom(1 << 16)
        with open(path, "wb") as file:
            for _ in range(64):
                file.write(block)
        with open(path, "rb") as file:
            for _ in range(64):
                self.assertEqual(file.read(1 << 16), block)
            self.assertEqual(file.read(), b"")

    def test_rename_replace_unlink(self):
        one, two = self.folder / "one", self.folder / "two"
        one.write_text("1")
        two.write_text("2")
        os.rename(one, two)
        self.assertEqual(two.read_text(), "1")
        self.assertFalse(one.exists())
        two.unlink()
        with self.assertRaises(FileNotFoundError) as caught:
            two.stat()
        self.assertEqual(caught.exception.errno, errno.ENOENT)

    def test_open_file_outlives_its_name(self):
        path = self.folder / "gone"
        path.write_text("still here")
        with open(path) as file:
            path.unlink()
            self.assertEqual(file.read(), "still here")

    def test_directories(self):
        deep = self.folder / "a" / "b" / "c"
        deep.mkdir(parents=True)
        for number in range(200):
            (deep / f"file{number:03}").touch()
        self.assertEqual(sorted(os.listdir(deep)), [f"file{number:03}" for number in range(200)])
        self.assertEqual(len(list(self.folder.rglob("file*"))), 200)
        walked = [(pathlib.Path(root).name, len(files)) for root, _, files in os.walk(self.folder)]
        self.assertIn(("c", 200), walked)
        with self.assertRaises(OSError) as caught:
            os.rmdir(deep)
        self.assertEqual(caught.exception.errno, errno.ENOTEMPTY)
        shutil.rmtree(self.folder / "a")
        self.assertEqual(os.listdir(self.folder), [])

    def test_links(self):
        target = self.folder / "target"
        target.write_text("x")
        symbolic, hard = self.folder / "symbolic", self.folder / "hard"
        symbolic.symlink_to("target")
        os.link(target, hard)
        self.assertEqual(os.readlink(symbolic), "target")
        self.assertEqual(symbolic.resolve(), target.resolve())
        self.assertTrue(symbolic.is_symlink())
        self.assertEqual(target.stat().st_nlink, 2)
        self.assertEqual(hard.stat().st_ino, target.stat().st_ino)
        (self.folder / "loop").symlink_to("loop")
        with self.assertRaises(OSError) as caught:
            (self.folder / "loop").read_text()
        self.assertEqual(caught.exception.errno, errno.ELOOP)

    def test_modes(self):
        path = self.folder / "mode"
        path.touch()
        path.chmod(0o640)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
        self.assertTrue(stat.S_ISREG(path.stat().st_mode))
        self.assertTrue(stat.S_ISDIR(self.folder.stat().st_mode))

    def test_errors(self):
        path = self.folder / "file"
        path.touch()
        for call, error in (
            (lambda: open(path / "below"), NotADirectoryError),
            (lambda: os.mkdir(path), FileExistsError),
            (lambda: open(self.folder, "w"), IsADirectoryError),
            (lambda: os.rmdir(path), NotADirectoryError),
            (lambda: os.open(path, os.O_CREAT | os.O_EXCL), FileExistsError),
            (lambda: os.read(999, 1), OSError),
        ):
            with self.assertRaises(error):
                call()

    def test_current_directory(self):
        before = os.getcwd()
        try:
            os.chdir(self.folder)
            pathlib.Path("relative").write_text("x")
            self.assertTrue((self.folder / "relative").exists())
            self.assertEqual(os.path.realpath(os.getcwd()), os.path.realpath(self.folder))
        finally:
            os.chdir(before)

    def test_descriptors(self):
        path = self.folder / "fd"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self.assertEqual(os.write(descriptor, b"hello"), 5)
            copy = os.dup(descriptor)
            os.lseek(copy, 1, os.SEEK_SET)
            self.assertEqual(os.read(descriptor, 2), b"el")
            self.assertEqual(os.pread(descriptor, 3, 0), b"hel")
            self.assertEqual(os.pwrite(descriptor, b"J", 0), 1)
            os.close(copy)
            self.assertFalse(os.isatty(descriptor))
        finally:
            os.close(descriptor)
        self.assertEqual(path.read_bytes(), b"Jello")

    def test_pipe(self):
        reader, writer = os.pipe()
        os.write(writer, b"through")
        os.close(writer)
        self.assertEqual(os.read(reader, 100), b"through")
        self.assertEqual(os.read(reader, 100), b"")
        os.close(reader)

    def test_times(self):
        path = self.folder / "time"
        path.touch()
        os.utime(path, (1_000_000_000, 1_100_000_000))
        self.assertEqual(int(path.stat().st_mtime), 1_100_000_000)

    def test_json_round_trip(self):
        value = {"text": "ä\n\u20ac", "numbers": [1, -2.5, 10**20], "nothing": None, "yes": True}
        path = self.folder / "value.json"
        path.write_text(json.dumps(value))
        self.assertEqual(json.loads(path.read_text()), value)


class Devices(unittest.TestCase):
    def test_null_zero_full(self):
        with open("/dev/null", "r+b", buffering=0) as null:
            self.assertEqual(null.write(b"x" * 1000), 1000)
            self.assertEqual(null.read(10), b"")
        with open("/dev/zero", "rb") as zero:
            self.assertEqual(zero.read(5000), bytes(5000))
        with open("/dev/full", "wb", buffering=0) as full:
            with self.assertRaises(OSError) as caught:
                full.write(b"x")
            self.assertEqual(caught.exception.errno, errno.ENOSPC)

    def test_random(self):
        with open("/dev/urandom", "rb") as random:
            one, two = random.read(64), random.read(64)
        self.assertEqual(len(one), 64)
        self.assertNotEqual(one, two)
        self.assertNotEqual(os.urandom(32), os.urandom(32))

    def test_uname(self):
        self.assertEqual((os.uname().sysname, os.uname().machine), ("Linux", "x86_64"))

    def test_proc(self):
        self.assertIn("MemTotal", pathlib.Path("/proc/meminfo").read_text())
        up, _ = pathlib.Path("/proc/uptime").read_text().split()
        self.assertGreater(float(up), 0)
        self.assertTrue(pathlib.Path("/proc/cmdline").exists())
