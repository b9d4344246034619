"""Unpacks the Linux programs of the image from Debian's packages into one tree for the initial root file system.

    python tools/programs/make_tree.py --packages build/packages --output build/programs --list build/programs.txt

The packages are those of tools/image-packages.txt (tools/setup downloaded and verified them). The tree:

    /usr/bin           bash (also as sh), busybox and a link for each of its applets, tcc (also as cc)
    /usr/sbin          links for the applets that busybox places there
    /usr/lib           the dynamic loader, libc, libm, libgcc_s, and what tcc links programs with
    /usr/include       the C library's headers, and the kernel's headers that they include
    /usr/lib/terminfo  what programs know of terminals
    /usr/share         licences
    /bin /sbin /lib /lib64  links to their namesakes below /usr, as on Debian

The kernel's headers come from the pinned Zig compiler, which carries those of Linux: Debian replaces its package of them
every month. Left out: static libraries (5 MB), locales, manuals. The same inputs give the same tree; --list is written
last, and names every file with its size.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TRIPLET = "x86_64-linux-gnu"
LIB = f"usr/lib/{TRIPLET}"
# (package, path in it, path in the tree). A directory is copied with all that is in it.
FILES = [
    ("bash-static", "bin/bash-static", "usr/bin/bash"),
    ("busybox-static", "bin/busybox", "usr/bin/busybox"),
    ("tcc", "usr/bin/tcc", "usr/bin/tcc"),
    ("tcc", f"{LIB}/tcc/libtcc1.a", f"{LIB}/tcc/libtcc1.a"),
    ("tcc", f"{LIB}/tcc/include", f"{LIB}/tcc/include"),
    *(("libc6", f"lib/{TRIPLET}/{name}", f"{LIB}/{name}") for name in
      ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
       "libutil.so.1")),
    ("libgcc-s1", f"lib/{TRIPLET}/libgcc_s.so.1", f"{LIB}/libgcc_s.so.1"),
    *(("libc6-dev", f"{LIB}/{name}", f"{LIB}/{name}") for name in
      ("crt1.o", "Scrt1.o", "crti.o", "crtn.o", "libc.so", "libc_nonshared.a", "libpthread.a", "libdl.a",
       "librt.a", "libutil.a")),
    ("libc6-dev", "usr/include", "usr/include"),
    *(("ncurses-base", f"lib/terminfo/{name}", f"usr/lib/terminfo/{name}") for name in
      ("d/dumb", "l/linux", "v/vt100", "x/xterm", "x/xterm-256color")),
    *((name, f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/copyright") for name in
      ("bash-static", "busybox-static", "tcc", "libc6", "libc6-dev", "ncurses-base")),
]
# Debian's libm.so is a linker script that names libmvec, too: 1 MB that tcc never asks for.
LINKS = {
    "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
    "usr/lib64/ld-linux-x86-64.so.2": f"../lib/{TRIPLET}/ld-linux-x86-64.so.2",
    f"{LIB}/libm.so": "libm.so.6",
    "usr/bin/sh": "bash", "usr/bin/cc": "tcc",
}
# Licences that Debian's copyright files refer to; from the building machine.
LICENCES = Path("/usr/share/common-licenses")
LICENCE_NAMES = ("GPL-2", "GPL-3", "LGPL-2.1")
# Headers of devices and protocols that this system does not have.
HEADERS_LEFT_OUT = ("finclude", "net", "netash", "netatalk", "netax25", "neteconet", "netipx", "netiucv", "netpacket",
                    "netrom", "netrose", "nfs", "protocols", "rpc", "scsi", "resolv.h", "thread_db.h", "proc_service.h")
# Kernel headers that programs include themselves.
KERNEL_HEADERS = ("linux/futex.h", "linux/fs.h", "linux/memfd.h", "linux/input.h", "linux/kd.h", "linux/fb.h",
                  "linux/sched.h", "linux/random.h", "linux/reboot.h", "linux/elf.h", "linux/unistd.h")
# Applets for what this system does not have (networks, disks, modules, log-in, packages), or that act on process 1.
APPLETS_LEFT_OUT = set("""
    acpid adjtimex arp arping blkdiscard blockdev brctl chvt crond crontab deallocvt depmod devmem dhcprelay dnsdomainname dpkg
    dpkg-deb dumpkmap dumpleases fatattr fdisk findfs freeramdisk fsfreeze fstrim ftpget ftpput getty halt httpd hwclock
    i2cdetect i2cdump i2cget i2cset i2ctransfer ifconfig ifdown ifup init insmod ip ipcalc ipneigh klogd last linux32 linux64
    linuxrc loadfont loadkmap login logread losetup lsmod lsscsi mdev microcom mim mkdosfs mke2fs mkswap modinfo modprobe mt
    nameif nc netstat nslookup nuke openvt partprobe passwd ping ping6 pivot_root poweroff rdate reboot resume rmmod
    route rpm rpm2cpio run-init setkeycodes sh ssl_client start-stop-daemon su sulogin svc svok swapoff swapon switch_root
    syslogd tc telnet telnetd tftp traceroute traceroute6 tunctl ubirename udhcpc udhcpd uevent vconfig watchdog wget
    """.split())


class TreeError(Exception):
    """What is missing, for the user."""


def unpack(packages, scratch):
    """Each package below scratch/NAME."""
    for name in sorted({package for package, _, _ in FILES}):
        found = sorted(packages.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise TreeError(f"no package {name} in {packages}: run tools/setup")
        subprocess.run(["dpkg-deb", "-x", found[-1], scratch / name], check=True)


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)  # with its mode, following links


def included(text):
    return re.findall(r'^\s*#\s*include\s*[<"]((?:linux|asm|asm-generic)/[^>"]+)[>"]', text, re.M)


def add_kernel_headers(root, sources):
    """Those of KERNEL_HEADERS and of the C library's headers, and what they include in turn."""
    wanted = list(KERNEL_HEADERS)
    for header in sorted((root / "usr/include").rglob("*.h")):
        wanted += included(header.read_text(errors="replace"))
    done = set()
    while wanted:
        name = wanted.pop()
        if name in done:
            continue
        done.add(name)
        source = next((folder / name for folder in sources if (folder / name).exists()), None)
        if source is None:
            continue  # of another architecture, or of a library's own
        copy(source, root / "usr/include" / name)
        wanted += included(source.read_text(errors="replace"))


def add_links(root):
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    applets = subprocess.run([root / "usr/bin/busybox", "--list-full"], capture_output=True, text=True, check=True).stdout
    for line in applets.split():
        folder, _, name = line.rpartition("/")
        if name in APPLETS_LEFT_OUT:
            continue
        folder = "usr/sbin" if folder.endswith("sbin") else "usr/bin"
        link = root / folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("busybox" if folder == "usr/bin" else "../bin/busybox")


def make_tree(packages, kernel_headers, root):
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".programs-") as scratch:
        unpack(packages, Path(scratch))
        for package, source, target in FILES:
            copy(Path(scratch, package, source), root / target)
    for name in HEADERS_LEFT_OUT:
        path = root / "usr/include" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    add_kernel_headers(root, kernel_headers)
    for name in LICENCE_NAMES:
        if not (LICENCES / name).exists():
            raise TreeError(f"{LICENCES / name} is missing: it is in Debian's package base-files")
        copy(LICENCES / name, root / "usr/share/common-licenses" / name)
    add_links(root)


def write_list(root, path):
    entries = sorted(entry for entry in root.rglob("*") if entry.is_symlink() or entry.is_file())
    sizes = [(0 if entry.is_symlink() else entry.stat().st_size, entry.relative_to(root)) for entry in entries]
    path.write_text("".join(f"{size:8} {name}\n" for size, name in sizes))
    print(f"    {root}: {len(sizes)} files, {sum(size for size, _ in sizes) / 1e6:.1f} MB")


def zig_headers():
    """Linux's headers in the Zig that this Python has: for x86, then for all."""
    import ziglang
    folder = Path(ziglang.__file__).parent / "lib" / "libc" / "include"
    return [folder / "x86-linux-any", folder / "any-linux-any"]


def main():
    parser = argparse.ArgumentParser(description="Make the tree of Linux programs for the image.")
    for name, text in [("packages", "directory of .deb files"), ("output", "the tree; replaced"), ("list", "file list to write")]:
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    options = parser.parse_args()
    try:
        shutil.rmtree(options.output, ignore_errors=True)
        options.output.mkdir(parents=True)
        make_tree(options.packages, zig_headers(), options.output)
        write_list(options.output, options.list)
    except TreeError as error:
        sys.exit(f"make_tree: {error}")


if __name__ == "__main__":
    main()
