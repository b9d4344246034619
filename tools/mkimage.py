#!/usr/bin/env python3
"""Writes the bootable disk image.

    mkimage.py --stage1 F --stage2 F --efi F --kernel F --world F --symbols F
               --initramfs F [--cmdline F] --output build/polyglot.img

The image boots by BIOS and by UEFI, from a virtual disk or a USB stick:

    sector 0       protective MBR with stage 1 in its code area
    1 - 33         GPT
    64 - 2047      BIOS boot partition: stage 2, as it is
    2048 -         EFI system partition, FAT32:
                     \\EFI\\BOOT\\BOOTX64.EFI
                     \\polyglot\\kernel.elf world.elf symbols.bin initramfs.cpio
                     \\polyglot\\cmdline.txt   boot options, made to be edited
                     \\polyglot\\manifest      name, size and XXH64 of each file
    the last 33    GPT backup

The same inputs give the same bytes: ids are constants and times are
SOURCE_DATE_EPOCH (2024-01-01 without it). mkfs.fat and mtools do the FAT.

Left out: signatures for UEFI secure boot.
"""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import uuid
import zlib
from pathlib import Path

SECTOR = 512
MIB = 1 << 20
STAGE2_START = 64
ESP_START = 2048
GPT_ENTRIES = 128
GPT_SECTORS = 1 + GPT_ENTRIES * 128 // SECTOR
ESP_ROOM = 16 * MIB  # free space for the user
# UEFI firmware takes a file system with fewer clusters than this for FAT16.
FAT32_CLUSTERS = 65525
DEFAULT_TIME = "1704067200"

TYPE_BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
TYPE_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
DISK_ID = uuid.UUID("9b4d7c5e-2f0a-4d63-8e1b-506f6c79676c")
BIOS_BOOT_ID = uuid.UUID("9b4d7c5e-2f0a-4d63-8e1b-506f6c79676d")
ESP_ID = uuid.UUID("9b4d7c5e-2f0a-4d63-8e1b-506f6c79676e")
FAT_ID = "504f4c59"

# Where stage1.S keeps what is written here: first sector, sum, sectors, signature.
STAGE1_SIZE = 440
STAGE1_PATCH = struct.Struct("<QIHH")
STAGE1_PATCH_AT = 424
STAGE1_SIGNATURE = 0x3253


class ImageError(Exception):
    """What is wrong with the inputs, for the user."""


def sectors_for(size):
    return -(-size // SECTOR)


def run(*command, env):
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise ImageError(f"{command[0]} failed: {result.stdout.strip()}")


def checksums(tool, paths):
    """XXH64 of each file, by the build's own xxh64sum (see boot/rules.mk)."""
    try:
        result = subprocess.run([tool, *paths], stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageError(f"{tool}: {error} (make {tool} builds it)") from error
    return result.stdout.split()


def patched_stage1(stage1, stage2):
    """Stage 1 with the place, size and sum of stage 2 filled in."""
    if len(stage1) != STAGE1_SIZE:
        raise ImageError(f"stage 1 has {len(stage1)} bytes instead of {STAGE1_SIZE}")
    *_, signature = STAGE1_PATCH.unpack_from(stage1, STAGE1_PATCH_AT)
    if signature != STAGE1_SIGNATURE:
        raise ImageError("stage 1 does not carry its signature at offset 438")
    count = len(stage2) // SECTOR
    if count > ESP_START - STAGE2_START:
        raise ImageError(f"stage 2 is too large: {len(stage2)} bytes")
    total = sum(struct.unpack(f"<{len(stage2) // 4}I", stage2)) & 0xFFFFFFFF
    code = bytearray(stage1)
    STAGE1_PATCH.pack_into(code, STAGE1_PATCH_AT, STAGE2_START, total, count, signature)
    return bytes(code)


def protective_mbr(code, sectors):
    """UEFI 2.10, 5.2.3: one partition of type 0xee over the whole disk."""
    entry = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    return code + b"\0" * 6 + entry + b"\0" * 48 + b"\x55\xaa"


def gpt(sectors, partitions):
    """(primary header and entries, backup entries and header). UEFI 2.10, 5.3."""
    entries = b""
    for kind, ident, first, last, name in partitions:
        entries += struct.pack("<16s16sQQQ72s", kind.bytes_le, ident.bytes_le, first, last, 0, name.encode("utf-16-le"))
    entries = entries.ljust(GPT_ENTRIES * 128, b"\0")

    def header(mine, other, entries_at):
        fields = (b"EFI PART", 0x10000, 92, 0, 0, mine, other, 1 + GPT_SECTORS, sectors - GPT_SECTORS - 1,
                  DISK_ID.bytes_le, entries_at, GPT_ENTRIES, 128, zlib.crc32(entries))
        layout = struct.Struct("<8sIIIIQQQQ16sQIII")
        crc = zlib.crc32(layout.pack(*fields))
        return layout.pack(*fields[:3], crc, *fields[4:]).ljust(SECTOR, b"\0")

    last = sectors - 1
    return header(1, last, 2) + entries, entries + header(last, 1, sectors - GPT_SECTORS)


def fat_geometry(content):
    """(sectors of the partition, sectors per cluster) for so many bytes of files."""
    size = -(-(content + ESP_ROOM) // MIB) * MIB
    smallest = (FAT32_CLUSTERS + 1024) * 2 * SECTOR + 2 * MIB  # 1 KiB clusters, and the FATs
    size = max(size, -(-smallest // MIB) * MIB)
    per_cluster = 2
    while per_cluster < 64 and size // (per_cluster * 2 * SECTOR) > FAT32_CLUSTERS + 2048:
        per_cluster *= 2
    return size // SECTOR, per_cluster


def write_esp(image, sectors, per_cluster, files, epoch):
    """Formats the partition in place and copies `files` ({path on it: source})."""
    env = dict(os.environ, SOURCE_DATE_EPOCH=epoch, TZ="UTC", MTOOLS_SKIP_CHECK="1", MTOOLSRC="/dev/null")
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin"
    run("mkfs.fat", "--invariant", "-F", "32", "-S", str(SECTOR), "-s", str(per_cluster), "-i", FAT_ID,
        "-n", "POLYGLOT", "-h", str(ESP_START), "--offset", str(ESP_START), str(image), str(sectors // 2), env=env)
    drive = ["-i", f"{image}@@{ESP_START * SECTOR}"]
    folders = []
    for path in files:
        for parent in reversed(Path(path).parents[:-1]):
            if parent not in folders:
                folders.append(parent)
    for folder in folders:
        run("mmd", *drive, f"::/{folder}", env=env)
    for path, source in files.items():
        os.utime(source, (int(epoch), int(epoch)))
        run("mcopy", "-m", *drive, str(source), f"::/{path}", env=env)


def build(args):
    epoch = os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_TIME)
    named = {"kernel.elf": args.kernel, "world.elf": args.world, "initramfs.cpio": args.initramfs,
             "symbols.bin": args.symbols}
    for name, path in [*named.items(), ("stage 1", args.stage1), ("stage 2", args.stage2), ("UEFI loader", args.efi)]:
        if path is not None and not path.is_file():
            raise ImageError(f"{name}: {path} does not exist")
    named = {name: path for name, path in named.items() if path is not None}
    tool = args.xxh64sum or args.stage1.parent / "xxh64sum"

    stage2 = args.stage2.read_bytes()
    stage2 += b"\0" * (-len(stage2) % SECTOR)
    stage1 = patched_stage1(args.stage1.read_bytes(), stage2)

    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.output.parent, prefix=".mkimage-") as scratch:
        scratch = Path(scratch)
        manifest = "".join(f"{name} {path.stat().st_size} {checksum}\n" for (name, path), checksum
                           in zip(named.items(), checksums(tool, list(named.values()))))
        texts = {"cmdline.txt": args.cmdline.read_bytes() if args.cmdline else b"", "manifest": manifest.encode()}
        files = {}
        # Copies, because mcopy takes the time of the source file.
        for name, path in [("EFI/BOOT/BOOTX64.EFI", args.efi), *((f"polyglot/{n}", p) for n, p in named.items())]:
            files[name] = copy = scratch / Path(name).name
            copy.write_bytes(path.read_bytes())
        for name, data in texts.items():
            files[f"polyglot/{name}"] = copy = scratch / name
            copy.write_bytes(data)

        content = sum(path.stat().st_size for path in files.values())
        esp_sectors, per_cluster = fat_geometry(content)
        sectors = -(-(ESP_START + esp_sectors + GPT_SECTORS) // ESP_START) * ESP_START
        image = scratch / "image"
        primary, backup = gpt(sectors, [
            (TYPE_BIOS_BOOT, BIOS_BOOT_ID, STAGE2_START, ESP_START - 1, "BIOS boot"),
            (TYPE_ESP, ESP_ID, ESP_START, ESP_START + esp_sectors - 1, "EFI system"),
        ])
        with open(image, "wb") as out:
            out.truncate(sectors * SECTOR)
            out.write(protective_mbr(stage1, sectors) + primary)
            out.seek(STAGE2_START * SECTOR)
            out.write(stage2)
            out.seek((sectors - GPT_SECTORS) * SECTOR)
            out.write(backup)
        write_esp(image, esp_sectors, per_cluster, files, epoch)
        image.replace(args.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in [("stage1", "boot sector (440 bytes)"), ("stage2", "BIOS loader"), ("efi", "UEFI loader"),
                       ("kernel", "the kernel's ELF file"), ("output", "image to write")]:
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE", help=text)
    for name, text in [("world", "the world's ELF file"),
                       ("symbols", "names of the world's functions (mksymbols.py)"),
                       ("initramfs", "cpio archive of the first root"),
                       ("cmdline", "boot options, a text file"),
                       ("xxh64sum", "checksum tool (default: beside stage 1)")]:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=text)
    try:
        build(parser.parse_args())
    except ImageError as error:
        sys.exit(f"mkimage: {error}")


if __name__ == "__main__":
    main()
