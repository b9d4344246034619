"""Fatal errors of the kernel: each kind (kernel/test/crash.c) is reported with its cause and place, and ends
QEMU with the panic's status. What the world does wrong is not among them."""

import pytest

KINDS = [
    ("null-read", r"page fault in the kernel: read of 0", "crash_null_read"),
    ("write-text", r"page fault in the kernel: write of", "crash_write_text"),
    ("run-data", r"page fault in the kernel: execution of", "crash_run_data"),
    ("stack", r"kernel stack overflow in thread boot", "crash_recurse"),
    ("guard-page", r"page fault in the kernel: write of", "crash_guard_page"),
    ("lock-order", r"lock order: crash low", "crash_lock_order"),
    ("recursive-lock", r"lock order: crash", "crash_recursive_lock"),
    ("sleep", r"boot sleeps while it holds a spinlock", "crash_sleep"),
    ("double-free", r"kmalloc-64: double free", "crash_double_free"),
]


@pytest.mark.parametrize("kind, cause, place", KINDS, ids=[kind for kind, _, _ in KINDS])
def test_crash(run_inside, kind, cause, place):
    result = run_inside("print('never')", "--append", f"panic={kind}")
    assert result.status == 125 and result.stdout == b""
    assert f"PANIC: {cause}" in result.stderr
    assert f" {place}" in result.stderr
