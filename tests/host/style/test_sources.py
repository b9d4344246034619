"""Sizes of files and functions, absolute paths, words of a machine: what a reader would trip over.

docs/architecture.md asks for most files below 400 lines and most functions below 50. Longer ones are allowed where
splitting would hurt, so the test demands "most", and prints the list (pytest -rA shows it).
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE_DIRS = ("arch", "boot", "dev", "fs", "kernel", "lib", "live", "abi", "tools", "world", "tests")
SUFFIXES = {".c", ".h", ".S", ".zig", ".py", ".rs", ".sh"}
FOREIGN = {"patched", "target", "vendor"}  # other people's code and build output
GENERATED = tuple(ROOT / "abi" / "bindings" / language for language in ("c", "zig", "rust"))
FILE_LINES, FUNCTION_LINES = 400, 50
HARD_FILE_LINES, HARD_FUNCTION_LINES = 800, 150
MOST = 0.9

C_FUNCTION = re.compile(r"^(?![ \t#}/*])[^;{}\n]*\b(\w+)\([^;{}]*\)\s*\n?\{\n(.*?)^\}", re.M | re.S)
ZIG_FUNCTION = re.compile(r"^( *)(?:pub |export |inline )*fn (\w+)\(.*?\{\n(.*?)^\1\}", re.M | re.S)


def sources(suffixes=SUFFIXES):
    for directory in SOURCE_DIRS:
        for path in sorted((ROOT / directory).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not FOREIGN & set(path.parts) \
                    and not any(path.is_relative_to(place) for place in GENERATED):
                yield path


def functions(path):
    """(name, lines) of a C or Zig file's functions."""
    text = path.read_text()
    if path.suffix == ".zig":
        return [(name, body.count("\n")) for _, name, body in ZIG_FUNCTION.findall(text)]
    return [(name, body.count("\n")) for name, body in C_FUNCTION.findall(text)]


def report(title, long, total):
    print(f"{title}: {len(long)} of {total}")
    for lines, name in sorted(long, reverse=True):
        print(f"  {lines:5} {name}")


def test_most_files_are_short():
    sizes = [(path.read_text().count("\n"), str(path.relative_to(ROOT))) for path in sources()]
    assert len(sizes) > 50
    long = [entry for entry in sizes if entry[0] > FILE_LINES]
    report(f"files above {FILE_LINES} lines", long, len(sizes))
    assert len(long) <= (1 - MOST) * len(sizes)
    assert not [entry for entry in long if entry[0] > HARD_FILE_LINES], "split these files"


def test_most_functions_are_short():
    sizes = [(lines, f"{path.relative_to(ROOT)}:{name}")
             for path in sources({".c", ".zig"}) for name, lines in functions(path)]
    assert len(sizes) > 300
    long = [entry for entry in sizes if entry[0] > FUNCTION_LINES]
    report(f"functions above {FUNCTION_LINES} lines", long, len(sizes))
    assert len(long) <= (1 - MOST) * len(sizes)
    assert not [entry for entry in long if entry[0] > HARD_FUNCTION_LINES], "split these functions"


# A home directory or a scratch path in a source works on one machine only. Paths inside the system that is built
# (/tmp on its own tmpfs, in tests) are fine where they are test data.
MACHINE_PATH = re.compile(r"""["'\s(=](/home/|/root/|/Users/|/work/)""")


def test_no_paths_of_one_machine():
    found = []
    for path in sources(SUFFIXES | {".mk", ".toml", ".ld", ".md", ".txt"}):
        if path == Path(__file__).resolve() or path.is_relative_to(ROOT / "tests" / "system"):
            continue  # whole-system tests name paths inside the system that they boot
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found, "\n".join(found)


def test_sources_open_with_what_they_are():
    """A C, Zig or Python source starts with a comment (tests of pytest and empty package files may be bare)."""
    bare = []
    for path in sources({".c", ".h", ".zig", ".py", ".S"}):
        text = path.read_text()
        if text.strip() and not text.lstrip().startswith(("/*", "//", '"""', "#!", "#", "'''", 'r"""')):
            bare.append(str(path.relative_to(ROOT)))
    assert not bare, "\n".join(bare)
