//! Stage 2 of the BIOS loader, in long mode: from a disk drive's number to the
//! kernel's entry point. stage2_main() is the order of things.

const std = @import("std");
const common = @import("common");
const bios = @import("bios.zig");
const e820 = @import("e820.zig");
const fat = @import("fat.zig");
const files = @import("files.zig");
const gpt = @import("gpt.zig");
const ide = @import("ide.zig");
const int13 = @import("int13.zig");
const vbe = @import("vbe.zig");
const virtio_blk = @import("virtio_blk.zig");
const Disk = @import("disk.zig").Disk;
const boot = common.boot;
const load = common.load;
const message = common.message;

comptime {
    _ = @import("exceptions.zig");
}

pub const panic = std.debug.FullPanic(panicWith);

fn panicWith(text: []const u8, _: ?usize) noreturn {
    message.fail("the loader failed: {s}", .{text});
}

var map: common.memory_map.Map = .{};
var manifest: common.manifest.Manifest = .{};
var manifest_text: [common.manifest.max_size]u8 align(4096) = undefined;
var command_line_text: [4096]u8 align(4096) = undefined;
var fat_window: [32768]u8 align(4096) = undefined;

export fn stage2_main(drive: u8, tsc_start: u64) callconv(.{ .x86_64_sysv = .{} }) noreturn {
    message.init(bios.writeScreen);
    load.checkCpu();
    readMemoryMap();

    const arena: *common.handover.Arena = @ptrFromInt(
        claim("the loader", @sizeOf(common.handover.Arena), 4096, .loader),
    );
    const info = &arena.info;
    load.initInfo(info, .bios, drive, tsc_start);

    const disk = openDisk(drive);
    const partition = gpt.findSystemPartition(&disk) catch |err| failDisk(err);
    var volume = fat.Volume.mount(&disk, partition, &fat_window) catch |err| failDisk(err);
    const folder = findFolder(&volume);

    load.buildCommandLine(info, readSmall(&volume, folder, "cmdline.txt", &command_line_text) orelse "");
    load.parseManifest(&manifest, readSmall(&volume, folder, "manifest", &manifest_text) orelse
        load.failMissing("manifest"));
    for (manifest.list()) |entry| loadFile(&volume, folder, entry, info);
    disk.close();
    info.tsc_loaded = common.cpu.rdtsc();

    const image = load.parseKernel(info);
    info.kernel_size = image.size;
    info.kernel_phys = claim("the kernel", image.size, 2 << 20, .kernel);
    // SAFETY: claim() gave this memory to us alone.
    image.loadInto(@as([*]u8, @ptrFromInt(info.kernel_phys))[0..image.size]);

    info.rsdp = findRsdp();
    map.exportTo(info) catch message.fail("the memory map has more than {d} ranges", .{boot.max_memory});
    // Last, because messages on the screen need text mode.
    info.framebuffer = vbe.setMode(load.wishedSize(info));
    message.dropScreen();
    common.handover.enterKernel(arena, image.entry);
}

fn readMemoryMap() void {
    e820.readMap(&map) catch |err| switch (err) {
        error.NoMap => message.fail("this BIOS has no memory map (INT 15h, E820h)", .{}),
        error.TooManyRanges, error.OutOfMemory => message.fail("the BIOS's memory map has too many ranges", .{}),
    };
    load.checkMemory(map.usableBytes());
    // Stage 2 and what it uses below 512 KiB, see stage2.ld.
    map.set(0x5000, 0x80000, .loader) catch unreachable;
}

/// The fastest driver for the drive that we were started from. The BIOS can read every one; our
/// own drivers are for emulated disks, where mode switches and programmed I/O are slow.
fn openDisk(drive: u8) Disk {
    const parameters = int13.queryParameters(drive) orelse return int13.open(drive, 0);
    if (common.cpu.isVirtual()) {
        if (parameters.pciAddress()) |address| {
            if (virtio_blk.open(address, parameters.sectors)) |disk| return disk;
            if (parameters.ataPlace()) |place| {
                if (ide.open(address, place, parameters.sectors)) |disk| {
                    // The BIOS is still there if this disk or controller is not as it should be.
                    if (disk.read(0, fat_window[0..512])) |_| return disk else |_| {}
                }
            }
        }
    }
    return int13.open(drive, parameters.sectors);
}

fn claim(what: []const u8, size: u64, alignment: u64, kind: boot.MemoryType) u64 {
    return map.claim(size, alignment, kind) catch |err| switch (err) {
        error.OutOfMemory => load.failNoMemory(what, size),
        error.TooManyRanges => message.fail("the BIOS's memory map has too many ranges", .{}),
    };
}

const DiskError = gpt.Error || fat.Error;

fn failDisk(err: DiskError) noreturn {
    switch (err) {
        error.NoPartitionTable => message.fail("the disk has no valid GPT", .{}),
        error.NoSystemPartition => message.fail("the disk has no EFI system partition", .{}),
        error.ReadFailed => message.fail("the disk is unreadable", .{}),
        error.NotFat32 => message.fail("the EFI system partition is not FAT32", .{}),
        error.BadCluster, error.ChainTooShort, error.TooLarge => message.fail("the EFI system partition is damaged", .{}),
    }
}

fn findFolder(volume: *fat.Volume) fat.Node {
    const node = volume.find(volume.root(), load.folder) catch |err| failDisk(err);
    if (node) |folder| if (folder.is_folder) return folder;
    message.fail("the EFI system partition has no folder \\" ++ load.folder, .{});
}

fn findFile(volume: *fat.Volume, folder: fat.Node, name: []const u8) ?fat.Node {
    const node = volume.find(folder, name) catch |err| load.failRead(name, fat.describe(err));
    if (node) |file| if (!file.is_folder) return file;
    return null;
}

/// A small text file, whole; null if it does not exist.
fn readSmall(volume: *fat.Volume, folder: fat.Node, name: []const u8, buffer: []u8) ?[]u8 {
    const file = findFile(volume, folder, name) orelse return null;
    if (files.bufferSize(file.size) > buffer.len) load.failRead(name, fat.describe(error.TooLarge));
    _ = files.read(volume, file, name, buffer) catch |err| load.failRead(name, fat.describe(err));
    return buffer[0..file.size];
}

fn loadFile(volume: *fat.Volume, folder: fat.Node, entry: common.manifest.Entry, info: *boot.BootInfo) void {
    const file = findFile(volume, folder, entry.name) orelse load.failMissing(entry.name);
    load.checkSize(entry, file.size);
    const size = files.bufferSize(entry.size);
    const phys = claim(entry.name, size, 4096, .file);
    // SAFETY: claim() gave this memory to us alone.
    const buffer = @as([*]u8, @ptrFromInt(phys))[0..@intCast(size)];
    const checksum = files.read(volume, file, entry.name, buffer) catch |err| load.failRead(entry.name, fat.describe(err));
    load.checkChecksum(entry, checksum);
    load.addFile(info, entry, phys);
}

fn findRsdp() u64 {
    const ebda = @as(u64, bios.at(u16, 0x40e).*) << 4;
    const places = [_][2]u64{ .{ ebda, 1024 }, .{ 0xe0000, 0x20000 } };
    for (places) |place| {
        if (place[0] < 0x80000 or place[0] + place[1] > 0x100000) continue;
        // SAFETY: identity-mapped BIOS memory.
        const memory = @as([*]const u8, @ptrFromInt(place[0]))[0..place[1]];
        if (common.rsdp.search(memory)) |offset| return place[0] + offset;
    }
    return 0;
}
