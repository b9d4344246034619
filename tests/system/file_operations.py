"""Random operations on files, printed with their results: the same seeds must print the same on Linux and inside.

    world tests/system/file_operations.py FIRST LAST        (see test_file_operations.py)

Everything happens in one directory of a tmpfs, the same on both sides, because paths are printed. Sizes of
directories are left out: they are the file system's own affair.
"""

import errno
import os
import random
import shutil
import stat
import sys

TOP = "/dev/shm/polyglot-file-operations"
BASE = TOP + "/base"
ROUNDS = 400
COMPONENTS = ["a", "b", "c", "d", "a", "b", ".", "..", "", "x/", "a/", "lnk", "l2"]
TARGETS = ["a", "b", "../a", "lnk", "a/b", "nowhere", ".", "..", BASE + "/c", "x/"]
O_PATH = 0o10000000
OPEN_FLAGS = [0, 0, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_CREAT | os.O_TRUNC, os.O_TRUNC, os.O_DIRECTORY,
              os.O_NOFOLLOW, os.O_NOFOLLOW | os.O_CREAT, os.O_APPEND | os.O_CREAT, O_PATH, O_PATH | os.O_NOFOLLOW]


def show_status(path, follow):
    status = os.stat(path, follow_symlinks=follow)
    size = "directory" if stat.S_ISDIR(status.st_mode) else status.st_size
    blocks = status.st_blocks if stat.S_ISREG(status.st_mode) else 0
    return oct(status.st_mode), status.st_nlink, size, blocks


class Session:
    """One seed's operations. Each method is one; its result is printed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.descriptors = []
        self.named = [getattr(self, name) for name in dir(self) if name.startswith("on_")]
        self.opened = [getattr(self, name) for name in dir(self) if name.startswith("fd_")]

    def path(self):
        text = "/".join(self.random.choice(COMPONENTS) for _ in range(self.random.choice([1, 1, 1, 2, 2, 3])))
        return BASE + "/" + text if self.random.random() < 0.1 else text

    def step(self):
        """Chooses an operation and its arguments before anything can fail, so that both sides choose alike."""
        one, other = self.path(), self.path()
        if any(not os.path.normpath(os.path.join(BASE, path)).startswith(BASE) for path in (one, other)):
            return "outside", None
        if self.descriptors and self.random.random() < 0.4:
            operation = self.random.choice(self.opened)
            arguments = (self.random.choice(self.descriptors),)
        else:
            operation = self.random.choice(self.named)
            arguments = (one, other)
        label = (operation.__name__, one, other)
        try:
            return label, operation(*arguments)
        except OSError as error:
            return label, errno.errorcode.get(error.errno, error.errno)

    def on_open(self, path, _):
        self.descriptors.append(os.open(path, self.random.choice([0, 1, 2]) | self.random.choice(OPEN_FLAGS), 0o666))
        if len(self.descriptors) > 8:
            os.close(self.descriptors.pop(0))

    def on_create(self, path, _):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, self.random.choice([0o600, 0o777])))

    def on_mkdir(self, path, _):
        os.mkdir(path, self.random.choice([0o777, 0o700, 0o1777]))

    def on_rmdir(self, path, _):
        os.rmdir(path)

    def on_unlink(self, path, _):
        os.unlink(path)

    def on_rename(self, path, other):
        os.rename(path, other)

    def on_link(self, path, other):
        os.link(path, other, follow_symlinks=self.random.random() < 0.5)

    def on_symlink(self, path, _):
        os.symlink(self.random.choice(TARGETS), path)

    def on_stat(self, path, _):
        return show_status(path, True)

    def on_lstat(self, path, _):
        return show_status(path, False)

    def on_list(self, path, _):
        return sorted(os.listdir(path))

    def on_chmod(self, path, _):
        os.chmod(path, self.random.choice([0o600, 0o755, 0o4755]))

    def on_truncate(self, path, _):
        os.truncate(path, self.random.choice([0, 10, 4096, 5000, 100000]))

    def on_readlink(self, path, _):
        return os.readlink(path)

    def on_utime(self, path, _):
        os.utime(path, (self.random.randrange(10**9), self.random.randrange(10**9)))

    def on_access(self, path, _):
        return [os.access(path, mode) for mode in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)]

    def on_chdir(self, _, __):
        os.chdir(self.random.choice([BASE, BASE + "/a"]))

    def on_getcwd(self, _, __):
        return os.getcwd()

    def fd_write(self, descriptor):
        return os.write(descriptor, b"w" * self.random.choice([0, 1, 100, 5000]))

    def fd_read(self, descriptor):
        return os.read(descriptor, self.random.choice([0, 1, 100, 5000]))

    def fd_close(self, descriptor):
        self.descriptors.remove(descriptor)
        os.close(descriptor)

    def fd_seek(self, descriptor):
        return os.lseek(descriptor, self.random.choice([0, 5, -3, 100, 4096]), self.random.choice([0, 1, 2]))

    def fd_pwrite(self, descriptor):
        return os.pwrite(descriptor, b"p" * self.random.choice([1, 4000]), self.random.choice([0, 100, 9000]))

    def fd_truncate(self, descriptor):
        os.ftruncate(descriptor, self.random.choice([0, 1, 4097]))

    def fd_sync(self, descriptor):
        os.fsync(descriptor)

    def fd_duplicate(self, descriptor):
        os.close(os.dup(descriptor))

    def fd_open_below(self, descriptor):
        os.close(os.open(self.path(), self.random.choice([0, os.O_DIRECTORY]), dir_fd=descriptor))


def run(seed):
    os.chdir("/")
    shutil.rmtree(TOP, ignore_errors=True)
    os.makedirs(BASE)
    os.chdir(BASE)
    os.umask(0o022)
    session = Session(seed)
    for number in range(ROUNDS):
        print(seed, number, *session.step())
    for folder, folders, files in os.walk(BASE):
        folders.sort()
        for name in sorted(folders + files):
            print(folder, name, show_status(os.path.join(folder, name), False))
    for descriptor in session.descriptors:
        os.close(descriptor)


def main():
    first, last = int(sys.argv[1]), int(sys.argv[2])
    try:
        for seed in range(first, last):
            run(seed)
    finally:
        os.chdir("/")
        shutil.rmtree(TOP, ignore_errors=True)


if __name__ == "__main__":
    main()
