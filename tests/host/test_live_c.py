"""The unit tests of the C prompt's Rust (world/src/live/c): tokens, cells, errors with columns, what libtcc says; and
the same through the hosted world. Linking needs the kernel: tests/system/test_c_prompt.py."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARIES = ROOT / "build/libtcc"  # world/rules.mk makes it
CRATES = ROOT / "build/world/x86_64-unknown-linux-gnu/release/deps"


def test_the_parts_that_need_no_kernel(tmp_path):
    program = tmp_path / "live_c"
    rustc_hash = max(CRATES.glob("librustc_hash-*.rlib"), key=lambda path: path.stat().st_mtime)
    subprocess.run(["rustc", "--edition", "2024", "--test", "-A", "dead_code", ROOT / "world/src/live/c/mod.rs", "-L", LIBRARIES,
                    "--extern", f"rustc_hash={rustc_hash}", "-o", program], check=True, timeout=300)
    result = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "test result: ok" in result.stdout and " 0 passed" not in result.stdout


def test_the_compiler_inside_the_world():
    program = """
import _live_c
cell = _live_c.prepare("int twice(int x) { return 2 * x; } twice(4)", False, "")
assert cell["object"][:4] == b"\\x7fELF" and cell["statements"][:4] == b"\\x7fELF" and cell["type"] == "int", cell
_live_c.commit(cell["number"], 0)
assert _live_c.prepare("twice", False, "")["type"] == "int (int)"
assert _live_c.prepare("int y =\\n  twic(3);", False, "")["error"][1:4] == (2, 3, "'twic' is not declared")
assert not _live_c.is_complete("int f(void) {") and _live_c.is_complete("f()")
"""
    result = subprocess.run([ROOT / "build/world.elf", "-c", program], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr


def test_mutated_sources_are_compiled_or_refused():
    result = subprocess.run([ROOT / "build/world.elf", ROOT / "tests/host/fuzz_c.py", "7", "1500"], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 1, result.stdout
    compiled, refused, _ = (int(word) for word in re.findall(r"\d+", lines[0]))
    assert compiled + refused == 1500 and compiled > 100


def test_a_fault_of_the_compiler_is_an_error():
    program = """
import _live_c
for _ in range(3):
    assert _live_c.prepare("int a;\\n#if defined(X) && \\"x\\"\\nint b;\\n#endif", False, "")["error"][3].startswith("the compiler failed here: ")
    assert _live_c.prepare("int x = " + "!" * 300000 + "1;", False, "")["error"][3].startswith("the compiler failed: ")
    assert _live_c.prepare("1 + 1", False, "")["type"] == "int"
"""
    result = subprocess.run([ROOT / "build/world.elf", "-c", program], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
