"""The Python tests of tests/guest, run inside Polyglot OS (hosted: host/test_guest_hosted.py)."""

import pytest

from conftest import PATIENCE, ROOT, guest_files, unittest_count, vm

GUEST = ROOT / "tests" / "guest"


@pytest.mark.parametrize("name", guest_files())
def test_guest_file_inside(name):
    result = vm("exec", GUEST / "run.py", name, "--with", GUEST, "--timeout", 600 * PATIENCE, timeout=660)
    assert result.status == 0, result.stdout.decode("utf-8", "replace") + result.stderr
    assert unittest_count(result.stderr) > 0
