"""Linux programs: the same binaries and scripts run on this Linux and inside, and must print the same bytes.

tests/programs holds the sources. C programs say in their first comment how they are built ("Build: kind"):
    glibc (static; the default), static-pie, dynamic    by cc
    musl                                                static, by zig cc
    tcc                                                 by tcc of the image, inside (and on Linux by the same tcc)
Bash scripts run by the image's Bash with its busybox. Python programs run by world.elf as a ring-3 process, and a second
time by the world itself. Expected results are recorded from Linux in the same run. Inside all run in one boot, and
free pages, open files and processes are compared before and after.
"""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import PATIENCE, ROOT, vm

SOURCES = ROOT / "tests" / "programs"
BUILD = ROOT / "build" / "tests" / "programs"
TREE = ROOT / "build" / "programs"
WORLD = ROOT / "build" / "world.elf"
LIMIT = int(os.environ.get("PROGRAM_LIMIT", 120 * PATIENCE))
COMPILERS = {
    "glibc": ["cc", "-static", "-O1", "-pthread"],
    "static-pie": ["cc", "-static-pie", "-O2", "-pthread"],
    "dynamic": ["cc", "-O1", "-pthread"],
    "musl": [ROOT / "build/venv/bin/python", "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-static", "-O1",
             "-fno-sanitize=undefined"],
}
ZIG_CACHE = {"ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build/zig-cache"), "ZIG_LOCAL_CACHE_DIR": str(ROOT / "build/zig-cache")}
# Reads the kernel's counters when all has settled; printed before and after the suite.
LEAK_CHECK = (SOURCES / "leaks.py").read_text()


def build_kind(source):
    match = re.search(r"Build: ([\w-]+)", source.read_text().split("*/")[0])
    return match[1] if match else "glibc"


def build(source):
    """The program's path, or None if it is built where it runs."""
    kind = build_kind(source)
    if kind == "tcc":
        return None
    target = BUILD / source.stem
    header = SOURCES / "program.h"
    if target.exists() and target.stat().st_mtime > max(source.stat().st_mtime, header.stat().st_mtime):
        return target
    command = [*COMPILERS[kind], "-Wall", "-Wno-unused-result", "-o", target, source]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ZIG_CACHE})
    assert result.returncode == 0, f"{source.name}: {result.stderr}"
    return target


def sources():
    return sorted(path for path in SOURCES.iterdir()
                  if path.suffix in (".c", ".sh", ".py") and path.name not in ("run.py", "leaks.py", "watch.py"))


def case_names():
    """One per program; Python programs have a second one, run by the world itself."""
    names = []
    for source in sources():
        names.append(source.stem)
        if source.suffix == ".py":
            names.append(source.stem + "-world")
    return names


def cases(programs, scripts, bash, world):
    """The plan's list for run.py: where built programs, sources, Bash and world are found."""
    result = []
    for source in sources():
        name, path = source.stem, f"{scripts}/{source.name}"
        if source.suffix == ".sh":
            argv = [bash, source.name]
        elif source.suffix == ".py":
            argv = [world, source.name]
            result.append({"name": f"{name}-world", "argv": [source.name], "script": path, "here": True})
        elif build_kind(source) == "tcc":
            argv = [bash, "-c", f"tcc -I{scripts} -o program {path} -pthread && exec ./program"]
        else:
            argv = [f"{programs}/{name}"]
        result.append({"name": name, "argv": argv, **({} if source.suffix == ".c" else {"script": path})})
    return result


def parse(text):
    lines = [json.loads(line) for line in text.decode().splitlines() if line.startswith("{")]
    return {line["name"]: line for line in lines}


@pytest.fixture(scope="module")
def built():
    BUILD.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(build, [source for source in sources() if source.suffix == ".c"]))


@pytest.fixture(scope="module")
def on_linux(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("linux")
    plan = {"work": str(folder / "work"), "path": f"{TREE}/usr/bin:{TREE}/usr/sbin", "limit": LIMIT,
            "cases": cases(BUILD, SOURCES, f"{TREE}/usr/bin/bash", str(WORLD))}
    (folder / "cases.json").write_text(json.dumps(plan))
    result = subprocess.run([WORLD, SOURCES / "run.py", folder / "cases.json"], capture_output=True, timeout=500 * PATIENCE)
    assert result.returncode == 0, result.stderr.decode()
    return parse(result.stdout)


@pytest.fixture(scope="module")
def inside(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inside")
    share = folder / "share"
    (share / "programs").mkdir(parents=True)
    for source in SOURCES.iterdir():
        if source.is_file():
            (share / source.name).write_bytes(source.read_bytes())
    for source in sources():
        if source.suffix == ".c" and build_kind(source) != "tcc":
            target = share / "programs" / source.stem
            target.write_bytes((BUILD / source.stem).read_bytes())
            target.chmod(0o755)
    (share / "world.elf").write_bytes(WORLD.read_bytes())
    (share / "world.elf").chmod(0o755)
    plan = {"work": "/tmp/work", "path": "/usr/bin:/usr/sbin", "limit": LIMIT,
            "cases": cases("/host/programs", "/host", "/bin/bash", "/host/world.elf")}
    (share / "cases.json").write_text(json.dumps(plan))
    program = folder / "suite.py"
    program.write_text(LEAK_CHECK + "import sys\nsys.path.insert(0, '/host')\nimport run\n"
                       "sys.argv[1:] = ['/host/cases.json']\nsettle('before')\nrun.main()\nsettle('after')\n")
    result = vm("exec", program, "--with", share, "--memory", 1024, "--timeout", 500 * PATIENCE, timeout=560)
    results = parse(result.stdout)
    assert "end" in results, f"status {result.status}, last {list(results)[-1:]}: {result.stderr[-3000:]}"
    return results


@pytest.mark.parametrize("name", case_names())
def test_same_as_linux(name, on_linux, inside):
    expected, found = on_linux[name], inside[name]
    assert expected["output"].strip(), "the program prints nothing on Linux"
    assert expected["status"] != "time" and "failed: E" not in expected["output"]
    assert found["output"].splitlines() == expected["output"].splitlines()
    assert found == expected


def test_there_are_sixty():
    assert len(sources()) >= 60


def test_nothing_is_lost(inside):
    check_leaks(inside)


def check_leaks(results):
    """Compares what tests/programs/leaks.py printed before and after."""
    before, after = (json.loads(results[name]["output"]) for name in ("leaks-before", "leaks-after"))
    assert after["processes"] == before["processes"] == [1] and after["descriptors"] == before["descriptors"]
    # Anonymous pages may be the world's own, whose Python has imported and allocated meanwhile; nobody else is there.
    assert after["pages"]["world"] - after["own"] <= before["pages"]["world"] - before["own"] + 16
    assert after["threads"] == before["threads"]
    for use in ("files",):  # kernel stacks are kept for later threads, page tables of the upper half for ever
        assert after["pages"][use] <= before["pages"][use] + 4, f"{use}: {before['pages']} {after['pages']}"
    # A kept kernel stack of 8 pages has a record in kmalloc-64; the world's own areas are its business.
    allowed = {"kmalloc-64": (after["pages"]["kernel stacks"] - before["pages"]["kernel stacks"]) // 8,
               "area": after["areas"] - before["areas"]}
    grown = {name: (before["objects"].get(name, 0), count) for name, count in after["objects"].items()
             if count > before["objects"].get(name, 0) + 16 + max(0, allowed.get(name, 0)) and name != "dentry"}
    assert not grown
