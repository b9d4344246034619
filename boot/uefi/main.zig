//! The UEFI loader, \EFI\BOOT\BOOTX64.EFI: from the firmware's call to the
//! kernel's entry point. main() is the order of things, the same as stage 2's.
//!
//! Leaves out: secure boot, and firmware that runs with five-level paging (it
//! says so).

const std = @import("std");
const common = @import("common");
const memory_module = @import("memory.zig");
const screen = @import("screen.zig");
const volume_module = @import("volume.zig");
const uefi = std.os.uefi;
const boot = common.boot;
const load = common.load;
const message = common.message;
const Memory = memory_module.Memory;
const Volume = volume_module.Volume;

pub const panic = std.debug.FullPanic(panicWith);

fn panicWith(text: []const u8, _: ?usize) noreturn {
    message.fail("the loader failed: {s}", .{text});
}

var manifest: common.manifest.Manifest = .{};
var manifest_text: [common.manifest.max_size]u8 = undefined;
var command_line_text: [4096]u8 = undefined;

pub fn main() noreturn {
    const tsc_start = common.cpu.rdtsc();
    message.init(writeScreen);
    const services = uefi.system_table.boot_services orelse message.fail("no boot services", .{});
    // A message must stay: without this the firmware resets after five minutes.
    services.setWatchdogTimer(0, 0, null) catch {};
    load.checkCpu();
    if (common.cpu.hasFiveLevelPaging())
        message.fail("this firmware uses five-level paging, which is not supported", .{});

    var memory: Memory = .{ .services = services };
    load.checkMemory(memory.usableBytes() catch |err| failMemory(err));
    const arena: *common.handover.Arena = @ptrFromInt(
        claim(&memory, "the loader", @sizeOf(common.handover.Arena), 4096, .loader),
    );
    const info = &arena.info;
    load.initInfo(info, .uefi, 0, tsc_start);

    const volume = Volume.open(services, uefi.handle) catch |err| switch (err) {
        error.NotFound => message.fail("the EFI system partition has no folder \\" ++ load.folder, .{}),
        error.ReadFailed => message.fail("the EFI system partition is unreadable", .{}),
    };
    load.buildCommandLine(info, readSmall(volume, "cmdline.txt", &command_line_text) orelse "");
    load.parseManifest(&manifest, readSmall(volume, "manifest", &manifest_text) orelse load.failMissing("manifest"));
    for (manifest.list()) |entry| loadFile(&memory, volume, entry, info);
    info.tsc_loaded = common.cpu.rdtsc();

    const image = load.parseKernel(info);
    info.kernel_size = image.size;
    info.kernel_phys = claim(&memory, "the kernel", image.size, 2 << 20, .kernel);
    // SAFETY: claim() gave this memory to us alone.
    image.loadInto(@as([*]u8, @ptrFromInt(info.kernel_phys))[0..image.size]);

    info.rsdp = findRsdp();
    info.framebuffer = screen.setMode(services, load.wishedSize(info));
    memory.exitBootServices(uefi.handle, info) catch |err| failMemory(err);
    message.dropScreen();
    common.handover.enterKernel(arena, image.entry);
}

/// Text for message.zig, by the firmware's console.
fn writeScreen(text: []const u8) void {
    const console = uefi.system_table.con_out orelse return;
    for (text) |byte| {
        const wide = [_:0]u16{byte};
        if (byte == '\n') {
            const end_of_line = [_:0]u16{ '\r', '\n' };
            _ = console.outputString(&end_of_line) catch {};
        } else {
            _ = console.outputString(&wide) catch {};
        }
    }
}

fn claim(memory: *Memory, what: []const u8, size: u64, alignment: u64, kind: boot.MemoryType) u64 {
    return memory.claim(size, alignment, kind) catch |err| switch (err) {
        error.OutOfMemory => load.failNoMemory(what, size),
        else => failMemory(err),
    };
}

fn failMemory(err: memory_module.Error) noreturn {
    switch (err) {
        error.TooManyRanges => message.fail("the memory map has more than {d} ranges", .{boot.max_memory}),
        error.OutOfMemory, error.NoMap => message.fail("the firmware gives no memory map", .{}),
        error.ExitRefused => message.fail("the firmware does not end its boot services (ExitBootServices)", .{}),
    }
}

/// A small text file, whole; null if it does not exist.
fn readSmall(volume: Volume, name: []const u8, buffer: []u8) ?[]u8 {
    const file = volume.find(name) catch |err| switch (err) {
        error.NotFound => return null,
        error.ReadFailed => load.failRead(name, unreadable),
    };
    const size = volume_module.sizeOf(file) catch load.failRead(name, unreadable);
    if (size > buffer.len) load.failRead(name, "it is too large");
    _ = volume_module.read(file, name, @intCast(size), buffer) catch load.failRead(name, unreadable);
    return buffer[0..@intCast(size)];
}

const unreadable = "the firmware reports a read error";

fn loadFile(memory: *Memory, volume: Volume, entry: common.manifest.Entry, info: *boot.BootInfo) void {
    const file = volume.find(entry.name) catch |err| switch (err) {
        error.NotFound => load.failMissing(entry.name),
        error.ReadFailed => load.failRead(entry.name, unreadable),
    };
    load.checkSize(entry, volume_module.sizeOf(file) catch load.failRead(entry.name, unreadable));
    const size = common.memory_map.alignUp(entry.size, common.memory_map.page_size);
    const phys = claim(memory, entry.name, size, 4096, .file);
    // SAFETY: claim() gave this memory to us alone.
    const buffer = @as([*]u8, @ptrFromInt(phys))[0..@intCast(size)];
    const checksum = volume_module.read(file, entry.name, @intCast(entry.size), buffer) catch load.failRead(entry.name, unreadable);
    load.checkChecksum(entry, checksum);
    load.addFile(info, entry, phys);
}

/// The ACPI 2 root pointer, else that of ACPI 1; 0 if there is none below 4 GiB.
fn findRsdp() u64 {
    const Table = uefi.tables.ConfigurationTable;
    const tables = uefi.system_table.configuration_table[0..uefi.system_table.number_of_table_entries];
    for ([_]uefi.Guid{ Table.acpi_20_table_guid, Table.acpi_10_table_guid }) |guid| {
        for (tables) |*table| {
            const address = @intFromPtr(table.vendor_table);
            if (table.vendor_guid.eql(guid) and address < common.memory_map.low_limit) return address;
        }
    }
    return 0;
}
