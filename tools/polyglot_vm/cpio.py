"""Writes cpio archives (newc, "070701") whose bigger files can be mapped in place.

    with open(path, "wb") as output:
        writer = CpioWriter(output)
        writer.add_tree(Path("demo"), "demo")
        writer.add_bytes("etc/hostname", b"polyglot\\n")
        writer.finish()

The name field of an entry is padded with NULs (its length counts them, as the format allows) such
that the data of a file of a page or more starts on a page boundary of the archive. Directories that
an entry needs are added before it. Format: `man 5 cpio`, "New ASCII Format"; Linux's
Documentation/driver-api/early-userspace/buffer-format.rst.

Left out: hard links (written as separate files), block devices, owners (everything is root's).
"""

import os
import shutil
import stat

PAGE = 4096
HEADER_SIZE = 110
FIELD_LIMIT = 0xffff_ffff  # a field is 8 hexadecimal digits


class CpioWriter:
    def __init__(self, output, keep_times=False):
        """`output`: binary file, written from position 0 on. Without `keep_times` all times are 0,
        so that the same tree gives the same archive."""
        self.output = output
        self.keep_times = keep_times
        self.offset = 0
        self.inode = 0
        self.directories = {""}

    def add_tree(self, source, destination=""):
        """Adds what lies below the directory `source`, in sorted order, as below `destination`
        (no leading slash). Symbolic links stay links; sockets, pipes and devices are left out."""
        self.add_directory(destination)
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            name = f"{destination}/{entry.name}" if destination else entry.name
            if entry.is_symlink():
                self._add_link(name, entry.path)
            elif entry.is_dir():
                self.add_tree(entry.path, name)
            elif entry.is_file():
                self.add_file(entry.path, name)

    def add_file(self, source, name):
        with open(source, "rb") as file:
            info = os.fstat(file.fileno())
            if info.st_size > FIELD_LIMIT:
                raise ValueError(f"{source}: the archive format holds no file of 4 GB or more")
            self._parents(name)
            self._header(name, info.st_mode, info.st_size, info.st_mtime)
            before = self.output.tell()
            shutil.copyfileobj(file, self.output, 1 << 20)
            if self.output.tell() - before != info.st_size:
                raise ValueError(f"{source}: changed while it was read")
        self._advance(info.st_size)

    def add_bytes(self, name, data, mode=0o644):
        self._parents(name)
        self._header(name, stat.S_IFREG | mode, len(data), 0)
        self.output.write(data)
        self._advance(len(data))

    def add_directory(self, name, mode=0o755):
        if name in self.directories:
            return
        self._parents(name)
        self.directories.add(name)
        self._header(name, stat.S_IFDIR | mode, 0, 0)

    def add_character_device(self, name, major, minor, mode=0o666):
        self._parents(name)
        self._header(name, stat.S_IFCHR | mode, 0, 0, device=(major, minor))

    def finish(self):
        """Ends the archive, padded to a whole page. Returns its size in bytes."""
        self._header("TRAILER!!!", 0, 0, 0)
        self._pad(-self.offset % PAGE)
        return self.offset

    def _add_link(self, name, source):
        target = os.fsencode(os.readlink(source))
        self._parents(name)
        self._header(name, stat.S_IFLNK | 0o777, len(target), 0)
        self.output.write(target)
        self._advance(len(target))

    def _parents(self, name):
        parent = name.rpartition("/")[0]
        self.add_directory(parent)

    def _header(self, name, mode, size, mtime, device=(0, 0)):
        encoded = os.fsencode(name) + b"\0"
        aligned = stat.S_ISREG(mode) and size >= PAGE
        unit = PAGE if aligned else 4
        # Header and name together are padded to 4 anyway; with a page as the unit that padding is none.
        padded = -(-(self.offset + HEADER_SIZE + len(encoded)) // unit) * unit - self.offset
        name_size = padded - HEADER_SIZE if aligned else len(encoded)
        self.inode += 1
        seconds = int(mtime) if self.keep_times else 0
        # magic, then: inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        fields = (self.inode, mode, 0, 0, 1, seconds, size, 0, 0, *device, name_size, 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self.output.write((header + encoded).ljust(padded, b"\0"))
        self.offset += padded

    def _advance(self, size):
        self.offset += size
        self._pad(-size % 4)

    def _pad(self, count):
        self.output.write(bytes(count))
        self.offset += count
