"""strace and polyglot.trace(): system calls of programs and of the world, decoded. Each machine runs one script of many cases."""

import re

import pytest

# Prints "== name", the output of a case, "status N".
SCRIPT = r"""
show() { echo "== $1"; shift; "$@" > /tmp/shown 2>&1; local status=$?; cat /tmp/shown; echo "status $status"; }
echo content > /tmp/file
show error strace cat /none
show flags strace -e trace=openat,write,exit_group sh -c 'echo text >> /tmp/file; exit 3'
show read strace -s 3 -e trace=read,write dd if=/tmp/file bs=100
show vector strace -e trace=openat,writev strace -e trace=exit_group -o /dev/null /none
show alone strace -e trace=execve,write sh -c '/bin/echo of the child; true'
show followed strace -f -e trace=execve,write sh -c '/bin/echo of the child; true'
show pointed strace -e trace=pipe2,newfstatat,pipe,fork sh -c 'true | true; test -e /tmp/file; test -e /nowhere'
show counted strace -c -o /tmp/counts ls /none
cat /tmp/counts
show signal strace -e trace=kill sh -c 'kill -TERM $$'
show nobody strace -p 99999
show word strace -e trace=nonsense true
show option strace --nonsense x
show help strace --help
show missing strace no-such-program
show busy strace -f strace true
show malformed sh -c 'echo nonsense > /dev/trace'
show running sh -c 'sleep 1000 & sleeper=$!; strace -o /tmp/running -p $sleeper 2>/tmp/attached & tracer=$!
    until grep attached /tmp/attached; do :; done; kill $sleeper; wait $tracer; cat /tmp/running'
show killed sh -c 'sh -c "while test ! -e /tmp/stop; do read line < /proc/self/stat; done; echo it goes on" & worker=$!
    strace -o /tmp/killed -p $worker & tracer=$!; until test -s /tmp/killed; do :; done
    kill -KILL $tracer; wait $tracer; : > /tmp/stop; wait $worker
    strace -e trace=exit_group true'
"""

WORLD = r"""
import os, subprocess, threading, polyglot

# The world's own calls, of another thread than the one that looks.
stop = threading.Event()
made = 0
def work():
    global made
    while not stop.is_set():
        made += 1
        try:
            os.stat("/no-such-file-of-the-world")
        except OSError:
            pass
worker = threading.Thread(target=work)
worker.start()
me = threading.get_native_id()
with polyglot.trace(show=False, follow=False) as calls:
    seen = []
    for call in calls:
        assert call.tid != me, call
        seen.append(call)
        if sum("no-such-file-of-the-world" in call.text for call in seen) >= 20:
            break
found = next(call for call in seen if "no-such-file-of-the-world" in call.text)
print("world", found.pid, found.tid == worker.native_id, found.result, found.text)

# Nobody reads: the world goes on, and what was lost is counted.
session = os.open("/dev/trace", os.O_RDWR)
os.write(session, b"except %d" % me)
os.write(session, b"trace %d" % os.getpid())
try:
    second = os.open("/dev/trace", os.O_RDWR)
    os.write(second, b"trace %d" % os.getpid())
except OSError as error:
    print("second", error.strerror)
os.close(second)
def lost_records():
    '''Waits until more calls were made than records are kept, then finds the number of dropped ones in the trace.'''
    before = made
    while made < before + 5000:
        pass
    total = 0
    for _ in range(100):
        data = os.read(session, 64 * 1024)
        for at in range(0, len(data), 1024):
            total += int.from_bytes(data[at + 8:at + 16], "little")
    return total
print("lost", lost_records() > 0)
os.close(session)
stop.set()
worker.join()
print("closed", len(os.listdir("/demo")) > 0)

calls = list(polyglot.trace(command=["cat", "/none"], calls=["openat", "exit_group"], show=False))
print("command", [call.text for call in calls if "/none" in call.text], calls[-1].text, calls[-1].name)
polyglot.trace(command="exit 5", calls="exit_group", follow=False)
try:
    polyglot.trace(1, "true")
except ValueError as error:
    print("both", error)
endless = polyglot.trace(command="while true; do read line < /proc/self/stat; done", show=False)
pid = next(endless).pid
endless.close()
print("left", list(endless), pid in [row.pid for row in polyglot.processes()])
os.kill(pid, 9)
"""


def cases(text):
    """{name: (output, status)} of SCRIPT."""
    parts = re.split(r"^== (\w+)\n", text, flags=re.M)[1:]
    return {name: (body.partition("\nstatus ")[0], body) for name, body in zip(parts[::2], parts[1::2])}


@pytest.fixture
def script_cases(run_inside):
    result = run_inside(SCRIPT, name="script.sh", timeout=200)
    assert result.status == 0, result.stderr
    return cases(result.stdout.decode().replace("\r", ""))


def test_strace(script_cases):
    def has(name, *lines, status=0):
        body = script_cases[name][1]
        for line in lines:
            assert re.search(f"^{line}$", body, re.M), f"{name}: no line {line} in\n{body}"
        assert re.search(f"^status {status}$", body, re.M), body

    has("error", r'execve\("/bin/cat", \["cat", "/none"\], 0x[0-9a-f]+ /\* \d+ vars \*/\) = 0', r"getuid\(\) = 0",
        r'openat\(AT_FDCWD, "/none", O_RDONLY\) = -1 ENOENT \(No such file or directory\)',
        r"exit_group\(1\) = \?", r"\+\+\+ exited with 1 \+\+\+", status=1)
    has("flags", r'openat\(AT_FDCWD, "/tmp/file", O_WRONLY\|O_CREAT\|O_APPEND, 0666\) = 3',
        r'write\(1, "text\\n", 5\) = 5', r"exit_group\(3\) = \?", status=3)
    assert "read(" not in script_cases["flags"][1]
    has("read", r'read\(0, "con"\.\.\., 100\) = 13', r'write\(1, "con"\.\.\., 13\) = 13')
    has("vector", r'writev\(3, \[\{iov_base="exit_group\(1\) = \?\\n\+\+\+ exited wit"\.\.\., iov_len=40\}, .*\], 2\) = 40', status=1)
    assert 'execve("/bin/echo"' not in script_cases["alone"][0] and "write(" not in script_cases["alone"][0]
    has("followed", r'\[pid \d+\] execve\("/bin/echo", \["/bin/echo", "of", "the", "child"\], .*\) = 0',
        r'\[pid \d+\] write\(1, "of the child\\n", 13\) = 13', r"\[pid \d+\] \+\+\+ exited with 0 \+\+\+")
    assert len(set(re.findall(r"\[pid (\d+)\]", script_cases["followed"][0]))) == 2
    has("pointed", r"pipe2?\(\[3, 4\].*\) = 0", r'newfstatat\(AT_FDCWD, "/tmp/file", \{st_dev=\d+, .*st_size=13, .*\}, 0\) = 0',
        r'newfstatat\(AT_FDCWD, "/nowhere", 0x[0-9a-f]+, 0\) = -1 ENOENT \(No such file or directory\)', status=1)
    has("counted", r" +[\d.]+ +[\d.]+ +\d+ +1 +execve", r"100\.00 +[\d.]+ +\d+ +\d+ +\d+ total", status=1)
    has("signal", r"kill\(\d+, SIGTERM\) = 0", r"--- SIGTERM \{.*\} ---", r"\+\+\+ killed by SIGTERM \+\+\+", status=143)
    has("nobody", "strace: trace 99999: No such process", status=1)
    has("word", "strace: no call is named 'nonsense'", status=2)
    has("option", "strace: what is '--nonsense'.*", status=2)
    has("help", "usage: strace .*", "  -f .*")
    has("missing", "strace: no-such-program: not found", status=1)
    has("busy", r"strace: trace \d+: (Resource|Device or resource) busy", status=1)
    has("malformed", ".*Invalid argument", status=1)
    has("running", r"strace: Process \d+ attached", r"--- SIGTERM \{.*\} ---", r"\+\+\+ killed by SIGTERM \+\+\+")
    has("killed", "it goes on", r"exit_group\(0\) = \?")


def test_polyglot_trace(run_inside):
    result = run_inside(WORLD, timeout=200)
    text = result.stdout.decode().replace("\r", "")
    assert result.status == 0, text + result.stderr
    lines = text.splitlines()
    world = next(line for line in lines if line.startswith("world "))
    assert re.match(r'world 1 True -2 \w*stat\w*\(.*"/no-such-file-of-the-world", .*\) = -1 ENOENT \(No such file or directory\)$', world)
    assert any(re.match(r"second (Device or r|R)esource busy", line) for line in lines)
    assert "lost True" in lines and "closed True" in lines
    assert re.search(r"^command \['openat\(AT_FDCWD, \"/none\", O_RDONLY\) = -1 ENOENT .*'\] \+\+\+ exited with 1 \+\+\+ end$", text, re.M)
    assert "exit_group(5) = ?" in lines and "+++ exited with 5 +++" in lines
    assert "both either a pid or a command is traced" in lines
    assert "left [] True" in lines
