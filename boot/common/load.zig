//! Steps of loading that do not depend on the firmware. Each ends the boot with
//! a message if it fails.

const std = @import("std");
const boot = @import("boot_info.zig");
const command_line = @import("command_line.zig");
const cpu = @import("cpu.zig");
const elf = @import("elf.zig");
const fw_cfg = @import("fw_cfg.zig");
const manifest_format = @import("manifest.zig");
const message = @import("message.zig");

/// A machine that is sold as having 128 MB; firmware and video keep some of it.
const least_memory: u64 = 120 << 20;

/// Files and command line, all in this folder of the ESP.
pub const folder = "polyglot";

pub fn checkCpu() void {
    var buffer: [128]u8 = undefined;
    const missing = cpu.missingFeatures(&buffer);
    if (missing.len != 0) message.fail("this CPU lacks: {s}", .{missing});
}

pub fn checkMemory(usable: u64) void {
    if (usable < least_memory)
        message.fail("too little memory: {d} MiB usable, a machine of 128 MiB is the least", .{usable >> 20});
}

pub fn failNoMemory(what: []const u8, size: u64) noreturn {
    message.fail("too little memory: {d} KiB for {s} do not fit below 4 GiB", .{ (size + 1023) >> 10, what });
}

/// Parses the manifest and checks that it names what is needed.
pub fn parseManifest(manifest: *manifest_format.Manifest, text: []const u8) void {
    manifest.parse(text) catch |err| switch (err) {
        error.Malformed => message.fail("\\" ++ folder ++ "\\manifest, line {d}: not \"name size xxh64\"", .{manifest.line}),
        error.TooManyFiles => message.fail("\\" ++ folder ++ "\\manifest names more than {d} files", .{boot.max_files}),
    };
    if (manifest.firstMissing()) |name|
        message.fail("\\" ++ folder ++ "\\manifest does not name {s}", .{name});
}

pub fn failMissing(name: []const u8) noreturn {
    message.fail("file \\" ++ folder ++ "\\{s} is missing", .{name});
}

pub fn failRead(name: []const u8, reason: []const u8) noreturn {
    message.fail("file \\" ++ folder ++ "\\{s} cannot be read: {s}", .{ name, reason });
}

pub fn checkSize(entry: manifest_format.Entry, found: u64) void {
    if (found != entry.size)
        message.fail("file \\" ++ folder ++ "\\{s} is damaged: expected {d} bytes, found {d}", .{ entry.name, entry.size, found });
}

pub fn checkChecksum(entry: manifest_format.Entry, found: u64) void {
    if (found != entry.checksum)
        message.fail("file \\" ++ folder ++ "\\{s} is damaged: expected checksum {x:0>16}, found {x:0>16}", .{ entry.name, entry.checksum, found });
}

/// Adds a loaded and checked file to boot_info.
pub fn addFile(info: *boot.BootInfo, entry: manifest_format.Entry, phys: u64) void {
    const file = &info.files[info.file_count];
    file.* = .{ .name = @splat(0), .phys = phys, .size = entry.size, .checksum = entry.checksum };
    const name = entry.shortName();
    @memcpy(file.name[0..name.len], name);
    info.file_count += 1;
}

pub fn parseKernel(info: *const boot.BootInfo) elf.Image {
    for (info.files[0..info.file_count]) |*file| {
        if (!std.mem.eql(u8, std.mem.sliceTo(&file.name, 0), "kernel")) continue;
        // SAFETY: addFile() recorded the file's bytes in identity-mapped memory.
        const bytes = @as([*]const u8, @ptrFromInt(file.phys))[0..file.size];
        return elf.parse(bytes) catch |err|
            message.fail("file \\" ++ folder ++ "\\kernel.elf is no kernel: {s}", .{elf.describe(err)});
    }
    failMissing("kernel.elf");
}

/// Appends the ESP's and then the host's options.
pub fn buildCommandLine(info: *boot.BootInfo, from_disk: []const u8) void {
    var buffer: [boot.cmdline_size]u8 = undefined;
    const from_host = fw_cfg.readFile("opt/polyglot/cmdline", &buffer) orelse "";
    for ([_][]const u8{ from_disk, from_host }) |text| {
        command_line.append(&info.cmdline, text) catch
            message.fail("the boot command line is longer than {d} bytes", .{boot.cmdline_size - 1});
    }
}

/// What the boot option video=WxH asks for.
pub fn wishedSize(info: *const boot.BootInfo) ?command_line.Size {
    return command_line.parseSize(command_line.option(&info.cmdline, "video=") orelse return null);
}

/// Clears `info` and sets what is known from the start.
pub fn initInfo(info: *boot.BootInfo, firmware: boot.Firmware, drive: u32, tsc_start: u64) void {
    @memset(std.mem.asBytes(info), 0);
    info.magic = boot.magic;
    info.version = boot.version;
    info.size = @sizeOf(boot.BootInfo);
    info.firmware = firmware;
    info.boot_drive = drive;
    info.tsc_start = tsc_start;
}
