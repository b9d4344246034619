"""Files, directories, temporary files, mmap, locks, select."""
import fcntl
import glob
import mmap
import os
import select
import shutil
import socket
import stat
import struct
import tempfile

with open("f", "wb") as file:
    file.write(struct.pack("<IHB", 1, 2, 3))
print(os.path.getsize("f"), struct.unpack("<IHB", open("f", "rb").read()))
os.makedirs("a/b/c")
for name in ("a/one.txt", "a/b/two.txt", "a/b/c/three.bin"):
    with open(name, "w") as file:
        print(name, file=file)
print(sorted(glob.glob("a/**/*.txt", recursive=True)))
shutil.copytree("a", "copy")
print([(os.path.basename(d), sorted(x), sorted(y)) for d, x, y in os.walk("copy")])
shutil.rmtree("copy")
print(os.path.exists("copy"))
os.symlink("one.txt", "a/link")
print(os.readlink("a/link"), os.lstat("a/link").st_size, stat.filemode(os.stat("a/link").st_mode))
with tempfile.TemporaryDirectory(dir=".") as folder:
    with tempfile.NamedTemporaryFile("w+", dir=folder) as file:
        file.write("temporary")
        file.seek(0)
        print(file.read())
print(len(os.listdir(".")))
with open("m", "w+b") as file:
    file.truncate(8192)
    with mmap.mmap(file.fileno(), 8192) as memory:
        memory[4000:4005] = b"hello"
        print(memory.find(b"hello"))
    file.seek(4000)
    print(file.read(5))
read, write = os.pipe()
print(select.select([read], [write], [], 0)[1] == [write])
os.write(write, b"data")
print(select.select([read], [], [], 1)[0] == [read], os.read(read, 10))
os.close(read)
os.close(write)
left, right = socket.socketpair()
left.sendall(b"socket")
print(right.recv(100))
left.close()
print(right.recv(100))
right.close()
with open("m") as one, open("m") as two:
    fcntl.flock(one, fcntl.LOCK_EX)
    try:
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        print("locked", error.errno)
for name, call in [("rmdir", lambda: os.rmdir("a")), ("open", lambda: open("none")), ("mkdir", lambda: os.mkdir("a"))]:
    try:
        call()
    except OSError as error:
        print(name, error.errno, type(error).__name__)
print(sorted(entry.name for entry in os.scandir("a") if entry.is_dir()), os.stat("a/b").st_nlink)
os.rename("f", "g")
os.chmod("g", 0o600)
os.utime("g", (1, 2))
print(oct(os.stat("g").st_mode), int(os.stat("g").st_mtime))
