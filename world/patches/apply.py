#!/usr/bin/env python3
"""Makes world/patched/: the crates that we change, unpacked and patched.

usage: apply.py [--check | --save]

Each *.patch here is named after the crate and version it changes. The crates come from cargo itself,
pinned by the checksums in `checksums`; why they are changed is said in docs/decisions.md and in
the first lines of each patch. Does nothing when the result is up to date; --check only says whether
it is (exit status 1: not).

To change a patch: edit world/patched/, build, then --save writes the patches anew (their first lines stay).
"""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WORLD = HERE.parent
PATCHED = WORLD / "patched"
STAMP = PATCHED / "stamp"


def tree_hash():
    """Of everything in world/patched/ but the stamp."""
    digest = hashlib.sha256()
    for path in sorted(PATCHED.rglob("*")):
        if path.is_file() and path != STAMP:
            digest.update(str(path.relative_to(PATCHED)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write_stamp():
    STAMP.write_text(f"{fingerprint()}\n{tree_hash()}\n")


def read_stamp():
    """(fingerprint of the patches, hash of the tree) as of the last apply or save; empty if there is none."""
    lines = STAMP.read_text().split() if STAMP.exists() else []
    return (*lines, "", "")[:2]


def read_checksums():
    """{(name, version): sha256 of the .crate file}"""
    rows = (line.split() for line in (HERE / "checksums").read_text().splitlines() if line.strip())
    return {(name, version): checksum for checksum, name, version in rows}


def fingerprint():
    """Changes whenever a patch, a checksum or this program does."""
    digest = hashlib.sha256()
    for path in sorted(HERE.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def unpatched_lock(checksums):
    """Cargo.lock as it would be without [patch]: the changed crates come from the registry again."""
    lock = (WORLD / "Cargo.lock").read_text()
    for (name, version), checksum in checksums.items():
        entry = f'name = "{name}"\nversion = "{version}"\n'
        if entry not in lock:
            sys.exit(f"apply.py: {name} {version} is not in world/Cargo.lock")
        lock = lock.replace(
            entry,
            entry + 'source = "registry+https://github.com/rust-lang/crates.io-index"\n' + f'checksum = "{checksum}"\n',
        )
    return lock


def fetch_sources(checksums):
    """{name: folder} of the pristine crates in cargo's own cache."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        manifest = (WORLD / "Cargo.toml").read_text()
        manifest = re.sub(r"(?ms)^\[patch\.crates-io\].*?(?=^\[|\Z)", "", manifest)
        manifest = manifest.replace('path = "../', f'path = "{WORLD.parent}/')  # crates of this repository
        (scratch / "Cargo.toml").write_text(manifest)
        (scratch / "Cargo.lock").write_text(unpatched_lock(checksums))
        (scratch / "src").mkdir()
        (scratch / "src" / "main.rs").write_text("fn main() {}\n")
        shutil.copytree(WORLD / ".cargo", scratch / ".cargo")
        metadata = subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"],
            cwd=scratch, check=True, stdout=subprocess.PIPE,
        ).stdout
    wanted = set(checksums)
    return {
        package["name"]: pathlib.Path(package["manifest_path"]).parent
        for package in json.loads(metadata)["packages"]
        if (package["name"], package["version"]) in wanted
    }


def update(source, target):
    """Makes target equal to source and leaves alone what is equal, so that cargo rebuilds only what changed."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in list(target.rglob("*")):
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
    for relative in wanted:
        new, old = source / relative, target / relative
        if not old.exists() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(new, old)


def save(sources, checksums):
    """Writes each patch from what differs between world/patched/ and the pristine crate."""
    for name, version in checksums:
        patch = HERE / f"{name}-{version}.patch"
        why = patch.read_text().partition("--- ")[0] if patch.exists() else "(say why here)\n\n"
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            (scratch / "a").symlink_to(sources[name])
            (scratch / "b").symlink_to(PATCHED / name)
            diff = subprocess.run(["diff", "-urN", "a/", "b/"], cwd=scratch, stdout=subprocess.PIPE, text=True).stdout
        lines = (re.sub(r"^((?:---|\+\+\+) \S+)\t.*", r"\1", line) for line in diff.splitlines(keepends=True))
        patch.write_text(why + "".join(line for line in lines if not line.startswith("diff -urN")))
    write_stamp()


def main():
    if "--save" in sys.argv[1:]:
        checksums = read_checksums()
        save(fetch_sources(checksums), checksums)
        return
    applied, tree = read_stamp()
    current = applied == fingerprint()
    if "--check" in sys.argv[1:]:
        sys.exit(0 if current else 1)
    if current:
        return
    if tree and tree != tree_hash():
        sys.exit("apply.py: world/patched has changes that no patch has, and a patch changed as well.\n"
                 "Run world/patches/apply.py --save to keep the former, or delete world/patched.")
    checksums = read_checksums()
    sources = fetch_sources(checksums)
    for name, version in checksums:
        with tempfile.TemporaryDirectory() as scratch:
            target = pathlib.Path(scratch) / name
            shutil.copytree(sources[name], target)
            patch = HERE / f"{name}-{version}.patch"
            subprocess.run(["patch", "--silent", "-p1", "-i", str(patch)], cwd=target, check=True)
            update(target, PATCHED / name)
    write_stamp()
    print(f"world: patched {', '.join(name for name, _ in checksums)}")


main()
