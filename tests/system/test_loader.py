"""The loaders and the image: both firmwares, every kind of disk, every way to fail.

The images hold a test kernel (tests/system/loader_kernel) that checks each promise of boot_info.h and
says so on the serial port. They are built here, below build/tests/loader, from the loaders that
`make image` built. A machine that resets itself (triple fault) ends and fails its test.
"""

import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyglot_vm import machine as machine_module
from polyglot_vm import screen
from polyglot_vm.machine import Machine, MachineOptions
from polyglot_vm.serial_line import CANNOT_START

FIRMWARES = ["bios", pytest.param("uefi", marks=pytest.mark.uefi)]
ROOT = Path(__file__).resolve().parent.parent.parent
LOADERS = ROOT / "build" / "boot"
OUT = ROOT / "build" / "tests" / "loader"
SOURCE = Path(__file__).parent / "loader_kernel"
ZIG_CC = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding"]
# zig takes -mgeneral-regs-only for a matter of the caller's; these reach the code generator.
KERNEL_FLAGS = ["-std=c11", "-O2", "-ffreestanding", "-mcmodel=kernel", "-fno-pic", "-mno-red-zone", "-mno-mmx",
                "-mno-sse", "-mno-sse2", "-fno-sanitize=all", "-nostdlib", "-static", "-Wall", "-Wextra", "-Werror",
                "-I.", f"-Wl,-T,{SOURCE / 'kernel.ld'}", "-Wl,--build-id=none"]
SECTOR = 512
ESP = 2048 * SECTOR
BASE_CMDLINE = "from=disk"
END = rf"^LOADER (OK|BAD)$|{CANNOT_START.pattern}"

DISKS = {
    "virtio-modern": ["-device", "virtio-blk-pci,drive=disk,bootindex=1,disable-legacy=on"],
    "virtio-legacy": ["-device", "virtio-blk-pci,drive=disk,bootindex=1,disable-modern=on"],
    "virtio-scsi": ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk,bootindex=1"],
    "ide-second": ["-device", "piix3-ide,id=pata", "-device", "ide-hd,drive=disk,bus=pata.1,unit=1,bootindex=1"],
    "usb": ["-device", "qemu-xhci", "-device", "usb-storage,drive=disk,bootindex=1"],
    "nvme": ["-device", "nvme,drive=disk,serial=1,bootindex=1"],
}


# --- Images ----------------------------------------------------------------------------------------

def run(*command):
    result = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def noise(size, seed):
    """Bytes that do not repeat: a sector at a wrong place changes the checksum."""
    import random
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="session")
def parts():
    """{argument of mkimage: file}. Sizes with and without a rest of a sector and of a page."""
    for name in ("stage1.bin", "stage2.bin", "BOOTX64.EFI", "xxh64sum"):
        assert (LOADERS / name).exists(), f"{LOADERS / name} is missing. Run: make boot"
    OUT.mkdir(parents=True, exist_ok=True)
    kernel = OUT / "kernel.elf"
    run(*ZIG_CC, *KERNEL_FLAGS, "-o", kernel, SOURCE / "entry.S", SOURCE / "kernel.c")
    (OUT / "world.elf").write_bytes(noise(5_000_123, 1))
    (OUT / "initramfs.cpio").write_bytes(noise(2 * 4096, 2))
    (OUT / "cmdline.txt").write_text(f"  {BASE_CMDLINE}\r\n")
    return {"stage1": LOADERS / "stage1.bin", "stage2": LOADERS / "stage2.bin", "efi": LOADERS / "BOOTX64.EFI",
            "kernel": kernel, "world": OUT / "world.elf", "initramfs": OUT / "initramfs.cpio",
            "cmdline": OUT / "cmdline.txt"}


def make_image(parts, output, **changes):
    arguments = [word for name, path in {**parts, **changes}.items() for word in (f"--{name}", path)]
    run(sys.executable, "tools/mkimage.py", *arguments, "--output", output)
    return output


@pytest.fixture(scope="session")
def base_image(parts):
    return make_image(parts, OUT / "base.img")


@pytest.fixture
def image(base_image, tmp_path):
    """A copy to damage."""
    return Path(shutil.copy(base_image, tmp_path / "disk.img"))


def mtool(name, image, *arguments):
    run(name, "-i", f"{image}@@{ESP}", *arguments)


def read_text(image, path):
    return subprocess.run(["mtype", "-i", f"{image}@@{ESP}", f"::{path}"], capture_output=True, text=True, check=True).stdout


def write_file(image, path, data):
    source = image.with_suffix(".new")
    source.write_bytes(data)
    mtool("mcopy", image, "-o", source, f"::{path}")


def change_bytes(image, offset, data):
    with open(image, "r+b") as file:
        file.seek(offset)
        file.write(data)


class Fat:
    """The FAT32 file system of an image, to do to it what tools refuse to."""

    def __init__(self, image):
        self.data = bytearray(image.read_bytes())
        self.image = image
        per_cluster, reserved, self.fats = struct.unpack_from("<BHB", self.data, ESP + 13)
        self.fat_size = struct.unpack_from("<I", self.data, ESP + 36)[0] * SECTOR
        self.fat = ESP + reserved * SECTOR
        self.area = self.fat + self.fats * self.fat_size
        self.cluster_size = per_cluster * SECTOR

    def entry(self, short_name):
        """Offset of the directory entry of an 8.3 name as stored, such as b"WORLD   ELF"."""
        return self.data.index(short_name, self.area)

    def first(self, entry):
        high, low = struct.unpack_from("<H", self.data, entry + 20)[0], struct.unpack_from("<H", self.data, entry + 26)[0]
        return high << 16 | low

    def set_first(self, entry, cluster):
        struct.pack_into("<H", self.data, entry + 20, cluster >> 16)
        struct.pack_into("<H", self.data, entry + 26, cluster & 0xffff)

    def next(self, cluster):
        return struct.unpack_from("<I", self.data, self.fat + 4 * cluster)[0]

    def link(self, cluster, following):
        for number in range(self.fats):
            struct.pack_into("<I", self.data, self.fat + number * self.fat_size + 4 * cluster, following)

    def chain(self, entry):
        clusters = [self.first(entry)]
        while self.next(clusters[-1]) < 0x0ffffff8:
            clusters.append(self.next(clusters[-1]))
        return clusters

    def place(self, cluster):
        return self.area + (cluster - 2) * self.cluster_size

    def save(self):
        self.image.write_bytes(self.data)


# --- Machines --------------------------------------------------------------------------------------

@pytest.fixture
def start(monkeypatch):
    """start(image, machine="q35", cpu=..., **MachineOptions) -> Machine whose loader has come to an end."""
    machines = []
    for name, arguments in DISKS.items():
        monkeypatch.setitem(machine_module.DISKS, name, arguments)

    def run_loader(image, machine="q35", cpu=None, extra=(), **options):
        arguments = ["-no-reboot", "-machine", machine, *(["-cpu", cpu] if cpu else []), *extra]
        running = Machine(MachineOptions(image=image, extra=arguments, **options))
        machines.append(running)
        running.serial.wait_for(END, timeout=90)
        return running

    yield run_loader
    for running in machines:
        running.__exit__(None, None, None)


def report(machine):
    """{key: [numbers]} of the test kernel's lines, and `memory` as a list of (base, length, type)."""
    text = machine.serial.text
    assert re.search(r"^LOADER OK$", text, re.M), text
    values = {"memory": []}
    for line in text.partition("LOADER KERNEL\n")[2].splitlines():
        words = re.match(r"((?:file )?\w+)((?: [0-9a-f]{16})+)$", line)
        if words:
            numbers = [int(word, 16) for word in words[2].split()]
            if words[1] == "memory":
                values["memory"].append(tuple(numbers))
            else:
                values[words[1]] = numbers
    values["cmdline"] = re.search(r"^cmdline \[(.*)\]$", text, re.M)[1]
    return values


def check_failure(machine, tmp_path, pattern):
    """The message is on the serial port and on the screen, and the CPU is halted for good."""
    text = machine.serial.text
    message = CANNOT_START.search(text)
    assert message and re.search(pattern, message[0]), text
    wait_until_halted(machine)  # the screen is written after the serial port
    if machine.options.firmware == "bios":
        assert "Polyglot OS cannot start: " in vga_text(machine, tmp_path)
    else:
        picture = screen.take_picture(machine, tmp_path)
        assert len(set(picture.rgb[at:at + 3] for at in range(0, len(picture.rgb), 3))) > 1
    assert machine.qmp.execute("query-status")["running"]


def vga_text(machine, tmp_path):
    """The characters of VGA text mode, at 0xb8000."""
    path = tmp_path / "vga"
    machine.qmp.execute("pmemsave", val=0xb8000, size=80 * 25 * 2, filename=str(path))
    return path.read_bytes()[::2].decode("cp437")


def wait_until_halted(machine):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if "HLT=1" in machine.qmp.execute("human-monitor-command", command_line="info registers"):
            return
    raise AssertionError("the CPU runs on after the message")


# --- The image itself ------------------------------------------------------------------------------

def test_image_is_valid(base_image, tmp_path):
    assert "No problems found" in run("sgdisk", "-v", base_image)
    esp = tmp_path / "esp"
    data = base_image.read_bytes()
    first, last = struct.unpack_from("<QQ", data, 2 * SECTOR + 128 + 32)
    esp.write_bytes(data[first * SECTOR:(last + 1) * SECTOR])
    run("fsck.fat", "-n", esp)
    assert data[510:512] == b"\x55\xaa" and data[450] == 0xEE


def test_same_inputs_give_the_same_image(parts, base_image, tmp_path):
    assert make_image(parts, tmp_path / "again.img").read_bytes() == base_image.read_bytes()


def test_mkimage_names_what_is_missing(parts, tmp_path):
    arguments = [word for name, path in parts.items() if name != "world" for word in (f"--{name}", str(path))]
    result = subprocess.run([sys.executable, ROOT / "tools" / "mkimage.py", *arguments, "--world", tmp_path / "none",
                             "--output", tmp_path / "image"], capture_output=True, text=True)
    assert result.returncode != 0 and f"{tmp_path / 'none'} does not exist" in result.stderr
    assert not (tmp_path / "image").exists()


# --- Booting ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("machine, disk, memory", [
    ("q35", "virtio", 256), ("q35", "virtio", 5120), ("pc", "virtio", 1024), ("q35", "virtio-modern", 256),
    ("q35", "virtio-legacy", 256), ("q35", "ahci", 1024), ("q35", "ide", 256), ("pc", "ide", 5120),
    ("pc", "ide-second", 256), ("q35", "usb", 256), ("pc", "usb", 1024), ("q35", "virtio-scsi", 256),
    ("q35", "nvme", 256)])
def test_bios(start, base_image, machine, disk, memory):
    check_boot(start(base_image, machine=machine, disk=disk, memory=memory, append="from=host"), memory, firmware=1)


@pytest.mark.uefi
@pytest.mark.parametrize("machine, disk, memory", [
    ("q35", "virtio", 256), ("q35", "ahci", 1024), ("pc", "ide", 5120), ("q35", "usb", 256)])
def test_uefi(start, base_image, machine, disk, memory):
    running = start(base_image, firmware="uefi", machine=machine, disk=disk, memory=memory, append="from=host")
    check_boot(running, memory, firmware=2)


def check_boot(machine, memory, firmware):
    values = report(machine)
    assert values["firmware"][0] == firmware
    assert values["cmdline"] == f"{BASE_CMDLINE} from=host"
    assert memory * 0.8 < values["usable"][0] / 2**20 <= memory
    assert {"file kernel", "file world", "file initramfs"} <= values.keys()
    if memory > 4096:
        assert any(base >= 1 << 32 and kind == 1 for base, _, kind in values["memory"])
    assert values["framebuffer"][1:4] == [1024, 768, 4096]


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_video_option(start, base_image, tmp_path, firmware):
    """The mode is set, and the framebuffer is what the screen shows: the kernel draws a green line."""
    machine = start(base_image, firmware=firmware, append="video=800x600")
    assert report(machine)["framebuffer"][1:3] == [800, 600]
    picture = screen.take_picture(machine, tmp_path)
    assert (picture.width, picture.height) == (800, 600)
    assert picture.rgb[:3 * 800] == b"\0\xff\0" * 800


def test_impossible_video_option_is_ignored(start, base_image):
    assert report(start(base_image, append="video=1x1 video=nonsense"))["framebuffer"][1:3] == [1024, 768]


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_slow_disk_shows_progress(start, base_image, monkeypatch, firmware):
    drive = f"format=raw,id=slow,if=none,snapshot=on,throttling.bps-read=400000,file={base_image}"
    # QEMU may join pieces that wait in the queue (on a busy host all of them) to one read, which then comes at once.
    device = "virtio-blk-pci,drive=slow,request-merging=off,bootindex=1"
    monkeypatch.setitem(machine_module.DISKS, "slow", ["-drive", drive, "-device", device])
    machine = start(base_image, disk="slow", firmware=firmware)
    report(machine)
    assert re.search(r"^Loading world.elf: \d0%$", machine.serial.text, re.M), machine.serial.text


def test_edited_command_line(start, image):
    write_file(image, "/polyglot/cmdline.txt", b"\tedited by=hand\n\nsecond line\r\n")
    assert report(start(image))["cmdline"] == "edited by=hand second line"


def test_command_line_file_is_optional(start, image):
    mtool("mdel", image, "::/polyglot/cmdline.txt")
    assert report(start(image))["cmdline"] == ""


def test_fragmented_file(start, image):
    """Clusters in descending groups of three."""
    fat = Fat(image)
    entry = fat.entry(b"WORLD   ELF")
    chain = fat.chain(entry)
    groups = [chain[at:at + 3] for at in range(0, len(chain), 3)]
    order = [cluster for group in reversed(groups) for cluster in group]
    content = [bytes(fat.data[fat.place(cluster):fat.place(cluster) + fat.cluster_size]) for cluster in chain]
    for cluster, data in zip(order, content):
        fat.data[fat.place(cluster):fat.place(cluster) + fat.cluster_size] = data
    for cluster, following in zip(order, order[1:] + [0x0fffffff]):
        fat.link(cluster, following)
    fat.set_first(entry, order[0])
    fat.save()
    report(start(image))


def test_backup_partition_table(start, image):
    change_bytes(image, SECTOR, bytes(SECTOR))
    report(start(image))


# --- Failing ---------------------------------------------------------------------------------------

def damage_stage2(image):
    change_bytes(image, 64 * SECTOR + 5000, b"\xff\x00\xff")


def misplace_stage2(image):
    change_bytes(image, 424, struct.pack("<Q", 1 << 40))


def remove_partition_tables(image):
    change_bytes(image, SECTOR, bytes(SECTOR))
    change_bytes(image, image.stat().st_size - SECTOR, bytes(SECTOR))


def retype_esp(image):
    run("sgdisk", "-t", "2:8300", image)


def remove_folder(image):
    mtool("mren", image, "::/polyglot", "::/other")


def edit_manifest(image, pattern, replacement):
    text = read_text(image, "/polyglot/manifest")
    changed = re.sub(pattern, replacement, text, count=1, flags=re.M)
    assert changed != text
    write_file(image, "/polyglot/manifest", changed.encode())


def relink_world(image, place, target):
    """Makes the world's cluster number `place` lead to `target(chain)`."""
    fat = Fat(image)
    chain = fat.chain(fat.entry(b"WORLD   ELF"))
    fat.link(chain[place], target(chain))
    fat.save()


BIOS_DAMAGES = {
    "stage 2 damaged": (damage_stage2, "stage 2 is damaged"),
    "stage 2 unreadable": (misplace_stage2, "disk is unreadable"),
    "no GPT": (remove_partition_tables, "no valid GPT"),
    "no ESP": (retype_esp, "no EFI system partition"),
    "ESP not FAT": (lambda image: change_bytes(image, ESP, bytes(SECTOR)), "not FAT32"),
    "no folder": (remove_folder, r"no folder \\polyglot"),
    "no manifest": (lambda image: mtool("mdel", image, "::/polyglot/manifest"), r"\\polyglot\\manifest is missing"),
    "malformed manifest": (lambda image: edit_manifest(image, r"^(world.elf) ", r"\1:"), "manifest, line 2"),
    "kernel not listed": (lambda image: edit_manifest(image, r"^kernel.elf .*\n", ""), "does not name kernel.elf"),
    "other size": (lambda image: edit_manifest(image, r"^(world.elf) \d+", r"\1 5000122"),
                   r"world.elf is damaged: expected 5000122 bytes, found 5000123"),
    "chain too short": (lambda image: relink_world(image, 100, lambda chain: 0x0fffffff), "world.elf.*too short"),
    "chain out of range": (lambda image: relink_world(image, 100, lambda chain: 0x0ffffff0), "world.elf.*chain is damaged"),
    "chain to a free cluster": (lambda image: relink_world(image, 100, lambda chain: 0), "world.elf.*chain is damaged"),
    "chain loops": (lambda image: relink_world(image, 100, lambda chain: chain[0]), "world.elf is damaged: .*checksum"),
    "folder loops": (lambda image: loop_folder(image), r"file \\polyglot\\manifest is missing"),
    "command line too long": (lambda image: write_file(image, "/polyglot/cmdline.txt", b"word " * 500),
                              "command line is longer than 2047 bytes"),
}


def loop_folder(image):
    """The folder's one cluster leads to itself, and its end mark and the manifest's name are gone."""
    fat = Fat(image)
    entry = fat.entry(b"POLYGLOT   \x10")
    cluster = fat.first(entry)
    fat.link(cluster, cluster)
    place = fat.place(cluster)
    content = fat.data[place:place + fat.cluster_size].replace(b"MANIFEST   ", b"MANIFESX   ")
    for at in range(0, len(content), 32):
        if content[at] == 0:
            content[at] = 0xE5
    fat.data[place:place + fat.cluster_size] = content
    fat.save()


@pytest.mark.parametrize("damage", BIOS_DAMAGES)
def test_bios_damage(start, image, tmp_path, damage):
    change, pattern = BIOS_DAMAGES[damage]
    change(image)
    check_failure(start(image), tmp_path, pattern)


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_missing_file(start, image, tmp_path, firmware):
    mtool("mdel", image, "::/polyglot/world.elf")
    check_failure(start(image, firmware=firmware), tmp_path, r"file \\polyglot\\world.elf is missing")


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_damaged_file(start, parts, image, tmp_path, firmware):
    """One bit is wrong: the message has both checksums."""
    world = bytearray(parts["world"].read_bytes())
    offset = image.read_bytes().index(world[4096:8192])
    world[5000] ^= 1
    change_bytes(image, offset + 5000 - 4096, world[5000:5001])
    (tmp_path / "damaged").write_bytes(world)
    expected, found = run(LOADERS / "xxh64sum", parts["world"], tmp_path / "damaged").split()
    check_failure(start(image, firmware=firmware), tmp_path,
                  rf"file \\polyglot\\world.elf is damaged: expected checksum {expected}, found {found}")


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_kernel_is_no_elf(start, parts, tmp_path, firmware):
    (tmp_path / "kernel").write_bytes(b"\x7fELF but not much of it")
    image = make_image(parts, tmp_path / "image", kernel=tmp_path / "kernel")
    check_failure(start(image, firmware=firmware), tmp_path, "kernel.elf is no kernel: not a 64-bit ELF")


@pytest.mark.parametrize("offset, value, pattern", [
    (64 + 16, 0xffffffff90000000, "segment lies outside the kernel's addresses"),  # p_vaddr
    (64 + 8, 1 << 62, "segment lies outside the file"),                            # p_offset
    (24, 0xffffffff80ffffff, "entry point is not in a code segment"),              # e_entry
    (32, 1 << 40, "program headers are malformed")])                               # e_phoff
def test_kernel_with_bad_headers(start, parts, tmp_path, offset, value, pattern):
    data = bytearray(parts["kernel"].read_bytes())
    struct.pack_into("<Q", data, offset, value)
    (tmp_path / "kernel").write_bytes(data)
    image = make_image(parts, tmp_path / "image", kernel=tmp_path / "kernel")
    check_failure(start(image), tmp_path, pattern)


@pytest.mark.parametrize("disk", ["virtio-blk-pci,drive=bad", "ide-hd,drive=bad,bus=ide.0"])
def test_read_error_in_a_file(start, image, tmp_path, monkeypatch, disk):
    sector = image.read_bytes().index(noise(5_000_123, 1)[:SECTOR]) // SECTOR + 1000
    drive = (f"driver=blkdebug,id=bad,if=none,inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector={sector},"
             f"image.driver=raw,image.file.driver=file,image.file.filename={image}")
    monkeypatch.setitem(machine_module.DISKS, "bad", ["-drive", drive, "-device", f"{disk},bootindex=1"])
    check_failure(start(image, disk="bad"), tmp_path, r"world.elf cannot be read: the disk reports a read error")


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_too_little_memory(start, base_image, tmp_path, firmware):
    machine = start(base_image, firmware=firmware, memory=112)
    check_failure(machine, tmp_path, r"too little memory: \d+ MiB usable, a machine of 128 MiB is the least")


def test_files_do_not_fit(start, parts, tmp_path):
    with open(tmp_path / "world", "wb") as file:
        file.truncate(140 << 20)
    image = make_image(parts, tmp_path / "image", world=tmp_path / "world")
    check_failure(start(image, memory=128), tmp_path, "too little memory: 143360 KiB for world.elf do not fit")


@pytest.mark.parametrize("cpu, pattern", [
    ("qemu32", "no 64-bit mode"), ("qemu64,-nx", "this CPU lacks: NX$"), ("qemu64,-sse2,-pge", "lacks: PGE SSE2$")])
def test_unfit_cpu(start, base_image, tmp_path, cpu, pattern):
    check_failure(start(base_image, cpu=cpu), tmp_path, pattern)


@pytest.mark.uefi
def test_unfit_cpu_under_uefi(start, base_image, tmp_path):
    check_failure(start(base_image, cpu="qemu64,-pat", firmware="uefi"), tmp_path, "this CPU lacks: PAT")
