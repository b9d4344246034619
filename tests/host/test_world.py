"""The hosted world as a command: programs and statuses as python3 has them, limits, crashes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WORLD = ROOT / "build" / "world.elf"


def world(*args, stdin="", env=(), timeout=240, **options):
    return subprocess.run([WORLD, *map(str, args)], input=stdin, env={**os.environ, **dict(env)}, timeout=timeout,
                          capture_output=True, text=True, **options)


def test_is_one_static_pie():
    header = subprocess.run(["readelf", "-hld", WORLD], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Type:\s+DYN", header)
    assert "INTERP" not in header
    assert "NEEDED" not in header


def test_contains_no_build_paths():
    data = WORLD.read_bytes()
    for path in (ROOT, Path.home() / ".cargo"):
        assert str(path).encode() + b"/" not in data


@pytest.mark.parametrize("program", [
    "pass",
    "print('out'); import sys; print('err', file=sys.stderr)",
    "import sys; sys.exit()",
    "import sys; sys.exit(7)",
    "import sys; sys.exit(256 + 3)",
    "import sys; sys.exit(-1)",
    "import sys; sys.exit('a message')",
    "import sys; sys.exit(None)",
    "raise SystemExit((1, 2))",
    "1 / 0",
    "x = = 1",
    "import os; os._exit(9)",
    "import sys; print(sys.argv[1:])",
    "import atexit; atexit.register(print, 'at exit'); print('body')",
    "import threading; threading.Thread(target=print, args=('thread',)).start()",
    "import sys; sys.stdout.write('no newline')",
    "print(__name__, __file__ if '__file__' in globals() else None)",
    "import sys; data = sys.stdin.read(); print(len(data))",
    "print('ä€😀')",
])
@pytest.mark.parametrize("how", ["file", "command"])
def test_runs_like_python3(tmp_path, program, how):
    path = tmp_path / "program.py"
    path.write_text(program)
    arguments = [path if how == "file" else "-c"] + ([program] if how == "command" else []) + ["one", "two three"]
    ours = world(*arguments, stdin="typed\n")
    theirs = subprocess.run([sys.executable, *map(str, arguments)], input="typed\n", capture_output=True, text=True,
                            env={**os.environ, "PYTHONUTF8": "1"})
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]


def test_program_from_standard_input():
    assert world("-", "x", stdin="import sys; print(sys.argv)").stdout == "['-', 'x']\n"
    assert world(stdin="print(1 + 1)").stdout == "2\n"


def test_module(tmp_path):
    (tmp_path / "mod.py").write_text("import sys; print(__name__, sys.argv[1:])")
    assert world("-m", "mod", "a", cwd=tmp_path).stdout == "__main__ ['a']\n"
    assert world("-m", "json.tool", stdin='{"a":1}').stdout == '{\n    "a": 1\n}\n'


def test_imports_beside_the_program(tmp_path):
    (tmp_path / "beside.py").write_text("value = 42")
    (tmp_path / "main.py").write_text("import beside; print(beside.value)")
    assert world(tmp_path / "main.py", cwd="/").stdout == "42\n"


def test_missing_file_and_bad_option():
    missing = world("/nowhere/program.py")
    assert missing.returncode == 2 and "can't open file '/nowhere/program.py'" in missing.stderr
    bad = world("-Z")
    assert bad.returncode == 2 and "unknown option -Z" in bad.stderr and "usage:" in bad.stderr


def test_version_and_help():
    assert re.match(r"Python 3\.\d+\.\d+ \(RustPython [\d.]+\)\n$", world("-V").stdout)
    assert "usage: world" in world("--help").stdout


def test_interrupted_program_ends_by_the_signal():
    process = subprocess.Popen([WORLD, "-c", "print('up', flush=True)\nwhile True: pass"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert process.returncode in (-signal.SIGINT, 130)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"


FILLERS = {
    "objects": "items = []\nwhile True: items.append(object())",
    "dict": "items = {}\nwhile True: items[len(items)] = str(len(items))",
    "strings": "items = []\nwhile True: items.append('x' * 100 + str(len(items)))",
    "nested": "items = []\nwhile True: items = [items, {}]",
    "block": "items = bytes(10**12)",
    "native loop": "items = list(range(10**10))",
    "thread": "import threading\nitems = []\ndef fill():\n    while True: items.append(object())\n"
              "thread = threading.Thread(target=fill)\nthread.start()\nthread.join()\nraise MemoryError",
}


@pytest.mark.parametrize("filler", FILLERS)
def test_memory_limit_from_the_environment(filler):
    result = world("-c", FILLERS[filler], env={"POLYGLOT_MEMORY_LIMIT": str(100 << 20)})
    assert result.returncode == 1
    assert "MemoryError" in result.stderr.splitlines()[-1]
    assert "fatal" not in result.stderr


def test_memory_limit_from_the_kernel():
    """ulimit -v: the program ends by MemoryError, not by an abort."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    result = world("-c", FILLERS["objects"], preexec_fn=limit)
    assert result.returncode == 1 and "MemoryError" in result.stderr.splitlines()[-1]


def test_fault_is_reported_with_both_stacks():
    result = world("-c", "import ctypes\ndef reads_address_eight():\n    return ctypes.string_at(8)\nreads_address_eight()")
    assert result.returncode == -signal.SIGSEGV
    assert "fatal: Segmentation fault at address 0x8" in result.stderr
    assert 'in reads_address_eight\n' in result.stderr
    addresses = re.findall(r"^  (0x[0-9a-f]+)$", result.stderr, re.M) # one a line; names are the kernel's to give
    assert addresses
    names = subprocess.run(["addr2line", "-Cfe", ROOT / "build" / "world.sym.elf", *addresses],
                           capture_output=True, text=True).stdout
    assert "run_instructions" in names


def test_abort_is_reported_once():
    result = world("-c", "import os; os.abort()")
    assert result.returncode == -signal.SIGABRT
    assert result.stderr.count("fatal: Aborted") == 1


def test_user_faulthandler_works():
    result = world("-c", "import ctypes, faulthandler; faulthandler.enable(); ctypes.string_at(8)")
    assert result.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in result.stderr


def test_handed_over_program_runs_only_as_process_1(tmp_path):
    """The host channel is looked at by process 1 alone: here it is a namespace's."""
    if subprocess.run(["unshare", "--pid", "--fork", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no right to make namespaces")
    script = f"""
        mount -t tmpfs none /mnt && mkdir /mnt/exec && cp -r {tmp_path}/. /mnt/exec
        mkdir -p /mnt/dev /mnt/proc /mnt/bin && touch /mnt/dev/hostout /mnt/dev/hosterr
        mknod /mnt/dev/null c 1 3; mknod /mnt/dev/random c 1 8; mknod /mnt/dev/urandom c 1 9
        mount -t proc none /mnt/proc
        cp {WORLD} /mnt/bin/world
        exec_status=0; chroot /mnt /bin/world; exec_status=$?
    """
    (tmp_path / "program.py").write_text("import sys; print(sys.argv); print('e', file=sys.stderr); sys.exit(5)")
    (tmp_path / "argv").write_bytes(b"program.py\0one\0two words\0")
    # chroot execs the world, so it is process 1 only if nothing else is: unshare execs chroot itself.
    setup = script.split("exec_status=0")[0]
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", setup + "unshare --pid --fork chroot /mnt /bin/world || echo status $?\n"
         "cat /mnt/dev/hostout; echo --; cat /mnt/dev/hosterr"], capture_output=True, text=True)
    assert run.stdout == "status 5\n['/exec/program.py', 'one', 'two words']\n--\ne\n", run.stderr

    (tmp_path / "argv").write_bytes(b"program.zig\0")
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", setup + "unshare --pid --fork chroot /mnt /bin/world || echo status $?\n"
         "cat /mnt/dev/hosterr"], capture_output=True, text=True)
    assert run.stdout.startswith("status 2\n") and "Zig programs cannot be run yet" in run.stdout
