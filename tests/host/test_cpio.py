"""The archives of tools/polyglot_vm/cpio.py: read back by GNU cpio, aligned, reproducible."""

import io
import os
import subprocess

import pytest

from polyglot_vm.cpio import PAGE, CpioWriter


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "small").write_bytes(b"abc")
    (root / "page").write_bytes(os.urandom(PAGE))
    (root / "deep" / "big").write_bytes(os.urandom(3 * PAGE + 17))
    (root / "deep" / "er" / ("long-" + "n" * 200)).write_bytes(b"x" * 5000)
    (root / "link").symlink_to("deep/big")
    return root


def archive(tree, **options):
    output = io.BytesIO()
    writer = CpioWriter(output, **options)
    writer.add_tree(tree)
    size = writer.finish()
    assert size == len(output.getvalue()) and size % PAGE == 0
    return output.getvalue()


def test_cpio_unpacks_it(tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    subprocess.run(["cpio", "--extract", "--make-directories", "--quiet"], input=archive(tree), cwd=target, check=True)
    subprocess.run(["diff", "-r", "--no-dereference", tree, target], check=True)


def test_big_files_start_on_a_page(tree):
    data = archive(tree)
    for path in (tree / "page", tree / "deep" / "big"):
        assert data.index(path.read_bytes()) % PAGE == 0


def test_same_tree_same_bytes(tree):
    before = archive(tree)
    os.utime(tree / "small", (1, 1))
    assert archive(tree) == before
    assert archive(tree, keep_times=True) != before


def test_mode_of_a_directory():
    output = io.BytesIO()
    writer = CpioWriter(output)
    writer.add_directory("tmp", 0o1777)
    writer.finish()
    listed = subprocess.run(["cpio", "--list", "--verbose", "--quiet"], input=output.getvalue(), capture_output=True, check=True)
    assert listed.stdout.split()[0] == b"drwxrwxrwt"


def test_directories_come_first():
    output = io.BytesIO()
    writer = CpioWriter(output)
    writer.add_bytes("a/b/c", b"1")
    writer.add_bytes("a/d", b"2")
    writer.finish()
    names = subprocess.run(["cpio", "--list", "--quiet"], input=output.getvalue(), capture_output=True, check=True)
    assert names.stdout.split() == [b"a", b"a/b", b"a/b/c", b"a/d"]
