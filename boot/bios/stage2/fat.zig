//! Read-only FAT32 (Microsoft FAT specification, 2005), as much as finding a
//! file by its path and walking its clusters takes.
//!
//!     var volume = try Volume.mount(disk, partition);
//!     const folder = try volume.find(volume.root(), "polyglot") orelse ...;
//!     const file = try volume.find(folder, "kernel.elf") orelse ...;
//!     var extents = volume.extents(file);
//!     while (try extents.next()) |extent| ...   // contiguous sectors of the disk
//!
//! Nothing on the disk is trusted: every cluster number is checked, and a chain
//! is followed for as many clusters as the size asks for and no further, so a
//! loop ends. Names compare ASCII case-insensitively, long names included.

const std = @import("std");
const disk_module = @import("disk.zig");
const gpt = @import("gpt.zig");
const Disk = disk_module.Disk;
const sector_size = disk_module.sector_size;

pub const Error = disk_module.Error || error{ NotFat32, BadCluster, ChainTooShort, TooLarge };

pub fn describe(err: Error) []const u8 {
    return switch (err) {
        error.ReadFailed => "the disk reports a read error",
        error.NotFat32 => "the EFI system partition is not FAT32",
        error.BadCluster => "its cluster chain is damaged",
        error.ChainTooShort => "its cluster chain is too short",
        error.TooLarge => "it is too large",
    };
}

pub const Node = struct {
    cluster: u32,
    size: u32, // of a file; folders have none
    is_folder: bool,
};

pub const Extent = struct { lba: u64, sectors: u32 };

/// A folder of 4,096 entries is all that is searched.
const max_folder_bytes = 128 << 10;
const end_of_chain = 0x0ffffff8;
const window_sectors = 64;

pub const Volume = struct {
    disk: *const Disk,
    fat_lba: u64,
    fat_sectors: u64,
    data_lba: u64,
    sectors_per_cluster: u32,
    cluster_count: u32, // clusters are numbered 2 .. cluster_count + 1
    root_cluster: u32,
    window_start: u64, // first sector of the FAT in `window`; maxInt: none
    window: *align(4096) [window_sectors * sector_size]u8,

    /// `window` is memory for a part of the FAT, for as long as the volume is used.
    pub fn mount(
        disk: *const Disk,
        partition: gpt.Partition,
        window: *align(4096) [window_sectors * sector_size]u8,
    ) Error!Volume {
        const boot = window[0..sector_size];
        try disk.read(partition.first, boot);
        const bytes_per_sector = std.mem.readInt(u16, boot[11..13], .little);
        const sectors_per_cluster = boot[13];
        const reserved = std.mem.readInt(u16, boot[14..16], .little);
        const fats = boot[16];
        const root_entries = std.mem.readInt(u16, boot[17..19], .little);
        const fat_size16 = std.mem.readInt(u16, boot[22..24], .little);
        const total = std.mem.readInt(u32, boot[32..36], .little);
        const fat_sectors = std.mem.readInt(u32, boot[36..40], .little);
        const root_cluster = std.mem.readInt(u32, boot[44..48], .little);

        if (boot[510] != 0x55 or boot[511] != 0xaa or bytes_per_sector != sector_size or
            sectors_per_cluster == 0 or !std.math.isPowerOfTwo(sectors_per_cluster) or
            reserved == 0 or fats == 0 or fats > 4 or
            root_entries != 0 or fat_size16 != 0 or fat_sectors == 0 or total > partition.sectors)
            return error.NotFat32;
        const meta = reserved + @as(u64, fats) * fat_sectors;
        if (meta >= total) return error.NotFat32;
        const clusters = (total - meta) / sectors_per_cluster;
        // Each cluster has a 4-byte entry in the FAT.
        if (clusters == 0 or clusters > 0x0ffffff5 or (clusters + 2) * 4 > @as(u64, fat_sectors) * sector_size)
            return error.NotFat32;

        return .{
            .disk = disk,
            .fat_lba = partition.first + reserved,
            .fat_sectors = fat_sectors,
            .data_lba = partition.first + meta,
            .sectors_per_cluster = sectors_per_cluster,
            .cluster_count = @intCast(clusters),
            .root_cluster = root_cluster,
            .window_start = std.math.maxInt(u64),
            .window = window,
        };
    }

    pub fn root(volume: *const Volume) Node {
        return .{ .cluster = volume.root_cluster, .size = 0, .is_folder = true };
    }

    fn isValid(volume: *const Volume, cluster: u32) bool {
        return cluster >= 2 and cluster - 2 < volume.cluster_count;
    }

    fn clusterLba(volume: *const Volume, cluster: u32) u64 {
        return volume.data_lba + @as(u64, cluster - 2) * volume.sectors_per_cluster;
    }

    /// The FAT's entry of a valid cluster.
    fn nextCluster(volume: *Volume, cluster: u32) Error!u32 {
        const sector = @as(u64, cluster) * 4 / sector_size;
        const start = sector / window_sectors * window_sectors;
        if (start != volume.window_start) {
            volume.window_start = std.math.maxInt(u64);
            const count: usize = @intCast(@min(window_sectors, volume.fat_sectors - start));
            try volume.disk.read(volume.fat_lba + start, volume.window[0 .. count * sector_size]);
            volume.window_start = start;
        }
        const at: usize = @intCast(@as(u64, cluster) * 4 - start * sector_size);
        return std.mem.readInt(u32, volume.window[at..][0..4], .little) & 0x0fffffff;
    }

    pub fn extents(volume: *Volume, node: Node) Extents {
        const cluster_bytes = @as(u64, volume.sectors_per_cluster) * sector_size;
        return .{
            .volume = volume,
            .cluster = node.cluster,
            .clusters_left = @intCast((node.size + cluster_bytes - 1) / cluster_bytes),
        };
    }

    /// The entry `name` of a folder; null if there is none.
    pub fn find(volume: *Volume, folder: Node, name: []const u8) Error!?Node {
        std.debug.assert(folder.is_folder);
        var search: Search = .{ .name = name };
        var cluster = folder.cluster;
        var left: u32 = max_folder_bytes;
        while (left >= sector_size) {
            if (!volume.isValid(cluster)) return error.BadCluster;
            for (0..volume.sectors_per_cluster) |i| {
                var sector: [sector_size]u8 align(sector_size) = undefined;
                try volume.disk.read(volume.clusterLba(cluster) + i, &sector);
                switch (search.scan(&sector)) {
                    .found => |node| return node,
                    .end => return null,
                    .more => {},
                }
                left -|= sector_size;
            }
            cluster = try volume.nextCluster(cluster);
            if (cluster >= end_of_chain) return null;
        }
        return null;
    }
};

/// Iterates over a file's clusters as runs of contiguous sectors.
pub const Extents = struct {
    volume: *Volume,
    cluster: u32,
    clusters_left: u32,

    pub fn next(extents: *Extents) Error!?Extent {
        if (extents.clusters_left == 0) return null;
        const volume = extents.volume;
        const first = extents.cluster;
        if (!volume.isValid(first))
            return if (first >= end_of_chain) error.ChainTooShort else error.BadCluster;
        const longest = std.math.maxInt(u32) / volume.sectors_per_cluster;
        var run: u32 = 1;
        while (true) {
            extents.clusters_left -= 1;
            if (extents.clusters_left == 0) break;
            extents.cluster = try volume.nextCluster(first + run - 1);
            if (extents.cluster != first + run or !volume.isValid(first + run) or run == longest) break;
            run += 1;
        }
        return .{ .lba = volume.clusterLba(first), .sectors = run * volume.sectors_per_cluster };
    }
};

/// Looks for a name in the sectors of a folder, in order. Long names stand in
/// pieces of 13 characters before the short entry, last piece first.
const Search = struct {
    name: []const u8,
    long: [max_long]u8 = undefined,
    pieces_left: u8 = 0, // to come before the short entry
    long_length: usize = 0, // 0: no (usable) long name
    checksum: u8 = 0,

    const max_long = 260;
    const Result = union(enum) { found: Node, end, more };

    const attribute_volume = 0x08;
    const attribute_folder = 0x10;
    const attribute_long = 0x0f;

    fn scan(search: *Search, sector: *const [sector_size]u8) Result {
        for (0..sector_size / 32) |i| {
            const entry = sector[i * 32 ..][0..32];
            if (entry[0] == 0) return .end;
            if (entry[0] == 0xe5) {
                search.dropLong();
            } else if (entry[11] & 0x3f == attribute_long) {
                search.addPiece(entry);
            } else {
                const match = search.matches(entry);
                search.dropLong();
                if (match and entry[11] & attribute_volume == 0) return .{ .found = .{
                    .cluster = @as(u32, std.mem.readInt(u16, entry[20..22], .little)) << 16 |
                        std.mem.readInt(u16, entry[26..28], .little),
                    .size = std.mem.readInt(u32, entry[28..32], .little),
                    .is_folder = entry[11] & attribute_folder != 0,
                } };
            }
        }
        return .more;
    }

    fn dropLong(search: *Search) void {
        search.pieces_left = 0;
        search.long_length = 0;
    }

    fn addPiece(search: *Search, entry: *const [32]u8) void {
        const number = entry[0] & 0x3f;
        if (entry[0] & 0x40 != 0) {
            search.dropLong();
            if (number == 0 or @as(usize, number) * 13 > max_long) return;
            search.pieces_left = number;
            search.long_length = @as(usize, number) * 13;
            search.checksum = entry[13];
        }
        if (search.pieces_left == 0 or number != search.pieces_left or entry[13] != search.checksum)
            return search.dropLong();
        search.pieces_left -= 1;
        const offsets = [13]u8{ 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        for (offsets, (@as(usize, number) - 1) * 13..) |offset, at| {
            const unit = std.mem.readInt(u16, entry[offset..][0..2], .little);
            if (unit == 0) {
                search.long_length = @min(search.long_length, at);
            }
            search.long[at] = if (unit < 0x80) @intCast(unit) else 0xff; // never equal to ASCII
        }
    }

    fn matches(search: *const Search, entry: *const [32]u8) bool {
        if (search.long_length != 0 and search.pieces_left == 0 and
            search.checksum == shortChecksum(entry[0..11]) and
            std.ascii.eqlIgnoreCase(search.long[0..search.long_length], search.name)) return true;

        var short: [12]u8 = undefined;
        const base = std.mem.trimEnd(u8, entry[0..8], " ");
        const extension = std.mem.trimEnd(u8, entry[8..11], " ");
        @memcpy(short[0..base.len], base);
        var length = base.len;
        if (extension.len != 0) {
            short[length] = '.';
            @memcpy(short[length + 1 ..][0..extension.len], extension);
            length += 1 + extension.len;
        }
        return std.ascii.eqlIgnoreCase(short[0..length], search.name);
    }

    fn shortChecksum(short: *const [11]u8) u8 {
        var sum: u8 = 0;
        for (short) |byte| sum = std.math.rotr(u8, sum, 1) +% byte;
        return sum;
    }
};
