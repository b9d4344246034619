//! Memory under UEFI: pages for what is handed over, the final map, and the end
//! of boot services (UEFI 2.10, 7.2 and 7.4.6).
//!
//!     var memory: Memory = .{ .services = ... };
//!     const address = memory.claim(size, alignment, .file) catch ...;
//!     try memory.exitBootServices(image, info);   // fills in info.memory

const std = @import("std");
const common = @import("common");
const uefi = std.os.uefi;
const boot = common.boot;
const Map = common.memory_map.Map;
const page_size = common.memory_map.page_size;

pub const Error = error{ OutOfMemory, TooManyRanges, NoMap, ExitRefused };

/// A machine with a larger map than 1,300 entries is refused.
const map_buffer_size = 64 << 10;
const max_claims = boot.max_files + 2;
/// The map may change between reading it and exiting, by a timer of the firmware.
const exit_attempts = 8;

const Claim = struct { base: u64, end: u64, kind: boot.MemoryType };

var map_buffer: [map_buffer_size]u8 align(16) = undefined;
var map: Map = .{};

pub const Memory = struct {
    services: *uefi.tables.BootServices,
    claims: [max_claims]Claim = undefined,
    claim_count: usize = 0,

    /// Like Map.claim(): whole pages below 4 GiB, of the type `kind` in the final map.
    pub fn claim(memory: *Memory, size: u64, alignment: u64, kind: boot.MemoryType) Error!u64 {
        if (memory.claim_count == max_claims) return error.TooManyRanges;
        const length = common.memory_map.alignUp(size, page_size);
        // The firmware knows no alignment: take more and give back the ends.
        const got = try memory.allocate(length + alignment - page_size);
        const base = common.memory_map.alignUp(got, alignment);
        memory.release(got, base);
        memory.release(base + length, got + length + alignment - page_size);
        memory.claims[memory.claim_count] = .{ .base = base, .end = base + length, .kind = kind };
        memory.claim_count += 1;
        return base;
    }

    fn allocate(memory: *Memory, length: u64) Error!u64 {
        var address: u64 = common.memory_map.low_limit - 1;
        // SAFETY: EFI_PHYSICAL_ADDRESS and the pointer that the binding wants have one representation.
        const status = memory.services._allocatePages(.max_address, .loader_data, length / page_size, @ptrCast(&address));
        return if (status == .success) address else error.OutOfMemory;
    }

    fn release(memory: *Memory, base: u64, end: u64) void {
        if (base >= end) return;
        // A refusal only wastes the memory until the kernel runs.
        _ = memory.services._freePages(@ptrFromInt(base), (end - base) / page_size);
    }

    /// RAM that is free, or will be when boot services end.
    pub fn usableBytes(memory: *Memory) Error!u64 {
        _ = try memory.readMap();
        return map.usableBytes();
    }

    /// Ends boot services; `info` gets the memory map that is valid then. Nothing of the firmware
    /// may be called after it, not even to print.
    pub fn exitBootServices(memory: *Memory, image: uefi.Handle, info: *boot.BootInfo) Error!void {
        for (0..exit_attempts) |_| {
            const key = try memory.readMap();
            for (memory.claims[0..memory.claim_count]) |c| try map.set(c.base, c.end, c.kind);
            try map.exportTo(info);
            if (memory.services._exitBootServices(image, key) == .success) return;
        }
        return error.ExitRefused;
    }

    /// Reads the firmware's map into `map` and returns its key.
    fn readMap(memory: *Memory) Error!uefi.tables.MemoryMapKey {
        var size: usize = map_buffer.len;
        var key: uefi.tables.MemoryMapKey = undefined;
        var descriptor_size: usize = 0;
        var version: u32 = 0;
        switch (memory.services._getMemoryMap(&size, &map_buffer, &key, &descriptor_size, &version)) {
            .success => {},
            .buffer_too_small => return error.TooManyRanges,
            else => return error.NoMap,
        }
        if (descriptor_size < @sizeOf(uefi.tables.MemoryDescriptor)) return error.NoMap;
        map.count = 0;
        var at: usize = 0;
        while (at + descriptor_size <= size) : (at += descriptor_size) {
            var descriptor: uefi.tables.MemoryDescriptor = undefined;
            @memcpy(std.mem.asBytes(&descriptor), map_buffer[at..][0..@sizeOf(uefi.tables.MemoryDescriptor)]);
            const base = descriptor.physical_start;
            try map.set(base, base +| descriptor.number_of_pages *| page_size, typeOf(descriptor.type));
        }
        map.alignUsable();
        return key;
    }
};

fn typeOf(kind: uefi.tables.MemoryType) boot.MemoryType {
    return switch (kind) {
        .conventional_memory, .boot_services_code, .boot_services_data => .usable,
        .loader_code, .loader_data => .loader,
        .acpi_reclaim_memory => .acpi_reclaim,
        .acpi_memory_nvs => .acpi_nvs,
        .unusable_memory => .bad,
        else => .reserved,
    };
}

/// A firmware whose memory map changes, so that the first exits are refused.
const FakeFirmware = struct {
    var refusals: usize = 0;
    var key: usize = 100;

    fn getMemoryMap(
        size: *usize,
        buffer: ?[*]align(@alignOf(uefi.tables.MemoryDescriptor)) u8,
        map_key: *uefi.tables.MemoryMapKey,
        descriptor_size: *usize,
        version: *u32,
    ) callconv(uefi.cc) uefi.Status {
        const stride = 48; // larger than the structure, as firmware has it
        const descriptors = [_]uefi.tables.MemoryDescriptor{
            descriptor(.conventional_memory, 0, 0x9f),
            descriptor(.runtime_services_data, 0x9f000, 1),
            descriptor(.boot_services_data, 0x100000, 0x1000),
            descriptor(.loader_data, 0x1100000, 0x100),
        };
        for (&descriptors, 0..) |*d, i| @memcpy(buffer.?[i * stride ..][0..@sizeOf(@TypeOf(d.*))], std.mem.asBytes(d));
        size.* = descriptors.len * stride;
        key += 1;
        map_key.* = @enumFromInt(key);
        descriptor_size.* = stride;
        version.* = 1;
        return .success;
    }

    fn descriptor(kind: uefi.tables.MemoryType, base: u64, pages: u64) uefi.tables.MemoryDescriptor {
        return .{
            .type = kind,
            .physical_start = base,
            .virtual_start = 0,
            .number_of_pages = pages,
            .attribute = @bitCast(@as(u64, 0)),
        };
    }

    fn exit(_: uefi.Handle, map_key: uefi.tables.MemoryMapKey) callconv(uefi.cc) uefi.Status {
        if (refusals == 0) return if (@intFromEnum(map_key) == key) .success else .invalid_parameter;
        refusals -= 1;
        return .invalid_parameter;
    }
};

test "boot services end after refusals, with the map of the last try" {
    var services: uefi.tables.BootServices = undefined;
    services._getMemoryMap = FakeFirmware.getMemoryMap;
    services._exitBootServices = FakeFirmware.exit;
    var memory: Memory = .{ .services = &services };
    memory.claims[0] = .{ .base = 0x1100000, .end = 0x1140000, .kind = .file };
    memory.claim_count = 1;
    // SAFETY: a handle is never dereferenced.
    const image: uefi.Handle = @ptrFromInt(0x1000);
    var info: boot.BootInfo = undefined;

    FakeFirmware.refusals = 3;
    try memory.exitBootServices(image, &info);
    try std.testing.expectEqual(5, info.memory_count);
    try std.testing.expectEqual(0x1000, info.memory[0].base);
    try std.testing.expectEqual(.file, info.memory[3].type);
    try std.testing.expectEqual(.loader, info.memory[4].type);

    FakeFirmware.refusals = exit_attempts;
    try std.testing.expectError(error.ExitRefused, memory.exitBootServices(image, &info));
}
