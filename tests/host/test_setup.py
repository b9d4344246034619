"""tools/setup on machines that lack something: it names what is missing and the command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED = "#!/bin/sh\nshift 3\nfor p in \"$@\"; do echo \"$p installed\"; done\n"


@pytest.fixture
def machine(tmp_path):
    """run(dpkg=..., ...) -> tools/setup's result, where only the given commands (name=script) exist,
    and pip has no index."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "env", "id"):
        (tools / name).symlink_to(shutil.which(name))
    copy = tmp_path / "tree"
    (copy / "tools").mkdir(parents=True)
    for name in ("setup", "debian-packages.txt", "requirements.txt"):
        shutil.copy(ROOT / "tools" / name, copy / "tools")

    def run(*arguments, **commands):
        for name, script in commands.items():
            path = tools / name.replace("_", "-")
            path.write_text(script)
            path.chmod(0o755)
        return subprocess.run([sys.executable, copy / "tools" / "setup", *arguments], capture_output=True,
                              text=True, env={"PATH": str(tools), "HOME": str(tmp_path), "PIP_NO_INDEX": "1"})

    return run


def rust(version):
    return f"""#!/bin/sh
case "$1" in -vV) echo "release: {version}";; --print) echo /;; esac
"""


def test_missing_debian_package_is_named(machine):
    one_missing = INSTALLED.replace("do echo", "do [ $p = mtools ] || echo")
    result = machine("--dry-run", dpkg_query=one_missing)
    assert result.returncode == 1
    assert "missing: mtools\n" in result.stderr
    assert "Run as root: apt-get install -y --no-install-recommends mtools" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user apt-get is reached through sudo")
def test_missing_package_is_installed_and_lists_refreshed_once(machine, tmp_path):
    dpkg = INSTALLED.replace("do echo", f"do [ $p = mtools ] && ! [ -e {tmp_path}/done ] || echo")
    apt = f"""#!/bin/sh
echo "apt-get $*"
case "$1" in update) : > {tmp_path}/updated;; install) [ -e {tmp_path}/updated ] && : > {tmp_path}/done;; esac
"""
    result = machine("--build", tmp_path / "out", dpkg_query=dpkg, apt_get=apt)
    assert result.stdout.count("apt-get install -y --no-install-recommends mtools") == 2
    assert result.stdout.count("apt-get update") == 1
    assert "cargo is missing" in result.stderr  # the step after the packages


def test_missing_rust_is_named(machine):
    result = machine("--dry-run", dpkg_query=INSTALLED)
    assert result.returncode == 1 and "cargo is missing" in result.stderr and "rustup" in result.stderr


def test_old_rust_is_named(machine):
    result = machine("--dry-run", dpkg_query=INSTALLED, cargo="#!/bin/sh\n", rustc=rust("1.70.0"))
    assert result.returncode == 1 and "rustc 1.70 is too old" in result.stderr
    assert "rustup update stable" in result.stderr


def test_python_package_that_cannot_be_had_is_named(machine, tmp_path):
    result = machine("--build", tmp_path / "out", dpkg_query=INSTALLED, cargo="#!/bin/sh\n", rustc=rust("1.99.0"))
    assert result.returncode == 1
    assert "pip could not install ziglang==0.17.1" in result.stderr
    assert "-m pip install" in result.stderr and "--require-hashes -r tools/requirements.txt" in result.stderr
    assert not (tmp_path / "out" / "setup.mk").exists()


def test_prepared_machine_needs_nothing(machine):
    result = machine("--dry-run", "--build", ROOT / "build", dpkg_query=INSTALLED, cargo="#!/bin/sh\n",
                     rustc=rust("1.99.0"))
    assert result.returncode == 0, result.stderr
