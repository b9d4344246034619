"""tools/setup on machines that lack something: it names what is missing and the command."""

import hashlib
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


PIN = "hello 1:2.3-4 " + hashlib.sha256(b"right").hexdigest() + "\n"


@pytest.fixture
def pinned(machine, tmp_path):
    """Like machine, with one package for the image whose content must be "right"."""
    (tmp_path / "tree" / "tools" / "image-packages.txt").write_text("# comment\n" + PIN)
    return machine


def apt_that_downloads(content):
    return f"""#!/bin/sh
echo "apt-get $*"
[ $1 = update ] || printf {content} > hello_1%3a2.3-4_amd64.deb
"""


def test_image_package_is_downloaded_and_verified(pinned, tmp_path):
    result = pinned("--build", tmp_path / "out", dpkg_query=INSTALLED, apt_get=apt_that_downloads("right"))
    assert "apt-get download hello=1:2.3-4\n" in result.stdout
    assert "SHA-256" not in result.stderr
    again = pinned("--build", tmp_path / "out")
    assert "download" not in again.stdout


def test_wrong_image_package_is_refused(pinned, tmp_path):
    result = pinned("--build", tmp_path / "out", dpkg_query=INSTALLED, cargo="#!/bin/sh\n", rustc=rust("1.99.0"),
                    apt_get=apt_that_downloads("wrong"))
    assert result.returncode == 1
    assert "hello_1%3a2.3-4_amd64.deb is not the file whose SHA-256" in result.stderr


def test_image_package_that_is_gone_is_named(pinned, tmp_path):
    result = pinned("--build", tmp_path / "out", dpkg_query=INSTALLED, cargo="#!/bin/sh\n", rustc=rust("1.99.0"),
                    apt_get="#!/bin/sh\nexit 100\n")
    assert result.returncode == 1
    assert "apt-get download hello=1:2.3-4" in result.stderr and "tools/setup --pin" in result.stderr


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
