//! Finds the EFI system partition in a GUID partition table (UEFI 2.10, 5.3).

const std = @import("std");
const disk_module = @import("disk.zig");
const Disk = disk_module.Disk;

pub const Error = disk_module.Error || error{ NoPartitionTable, NoSystemPartition };
pub const Partition = struct { first: u64, sectors: u64 };

const Header = extern struct {
    signature: [8]u8,
    revision: u32,
    header_size: u32,
    header_crc: u32,
    reserved: u32,
    my_lba: u64,
    alternate_lba: u64,
    first_usable: u64,
    last_usable: u64,
    disk_guid: [16]u8,
    entries_lba: u64,
    entry_count: u32,
    entry_size: u32,
    entries_crc: u32,
};

/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B as stored.
const system_partition_type = [16]u8{
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
};

/// More than any disk has, less than overflows.
const max_lba = 1 << 47;

/// Large enough for the 128 entries of 128 bytes that the standard asks for.
const max_entries_size = 32 << 10;
var sector: [512]u8 align(512) = undefined;
var entries: [max_entries_size]u8 align(512) = undefined;

/// Reads the primary table, or the backup in the last sector if that is damaged.
pub fn findSystemPartition(disk: *const Disk) Error!Partition {
    return findByHeader(disk, 1) catch |err| {
        if (disk.sectors < 2) return err;
        return findByHeader(disk, disk.sectors - 1) catch return err;
    };
}

fn findByHeader(disk: *const Disk, lba: u64) Error!Partition {
    try disk.read(lba, &sector);
    var header: Header = undefined;
    @memcpy(std.mem.asBytes(&header), sector[0..@sizeOf(Header)]);
    if (!std.mem.eql(u8, &header.signature, "EFI PART")) return error.NoPartitionTable;
    if (header.header_size < 92 or header.header_size > sector.len or header.my_lba != lba)
        return error.NoPartitionTable;
    @memset(sector[16..20], 0);
    if (std.hash.Crc32.hash(sector[0..header.header_size]) != header.header_crc)
        return error.NoPartitionTable;

    const size = @as(u64, header.entry_count) * header.entry_size;
    if (header.entry_size < 128 or size == 0 or size > max_entries_size or header.entries_lba > max_lba)
        return error.NoPartitionTable;
    const bytes = entries[0..@intCast(size)];
    try disk.read(header.entries_lba, entries[0..std.mem.alignForward(usize, bytes.len, 512)]);
    if (std.hash.Crc32.hash(bytes) != header.entries_crc) return error.NoPartitionTable;

    for (0..header.entry_count) |i| {
        const entry = bytes[i * header.entry_size ..][0..128];
        if (!std.mem.eql(u8, entry[0..16], &system_partition_type)) continue;
        const first = std.mem.readInt(u64, entry[32..40], .little);
        const last = std.mem.readInt(u64, entry[40..48], .little);
        if (first == 0 or last < first or last > max_lba) continue;
        return .{ .first = first, .sectors = last - first + 1 };
    }
    return error.NoSystemPartition;
}
