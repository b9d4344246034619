//! Reads files of the ESP into memory and takes their checksum on the way, with
//! the disk reading ahead while the CPU checks.

const std = @import("std");
const common = @import("common");
const disk_module = @import("disk.zig");
const fat = @import("fat.zig");
const XxHash64 = std.hash.XxHash64;

const sector_size = disk_module.sector_size;
const max_depth = 32;
/// Small enough to check one piece while the next is read, large enough that the
/// cost of a request does not show.
const piece_sectors = 2048;

/// Memory for a file: whole pages, because the last sector is read whole.
pub fn bufferSize(size: u64) u64 {
    return common.memory_map.alignUp(size, common.memory_map.page_size);
}

/// Reads `file` to `buffer`, which has bufferSize(file.size) bytes; zeroes what
/// follows the file's end. Returns its XXH64.
/// `name` is for telling how far a slow disk has come.
pub fn read(volume: *fat.Volume, file: fat.Node, name: []const u8, buffer: []u8) fat.Error!u64 {
    var progress: common.Progress = .start(name, file.size);
    var pipeline: Pipeline = .{
        .disk = volume.disk,
        .extents = volume.extents(file),
        .address = @intFromPtr(buffer.ptr),
        .sectors_left = (@as(u64, file.size) + sector_size - 1) / sector_size,
    };
    var hash = XxHash64.init(0);
    var checked: usize = 0;
    while (checked < file.size) {
        try pipeline.fill();
        const sectors = try pipeline.take();
        try pipeline.fill(); // so that the disk is not idle while we check
        const end = @min(checked + @as(u64, sectors) * sector_size, file.size);
        hash.update(buffer[checked..@intCast(end)]);
        checked = @intCast(end);
        progress.update(checked);
    }
    @memset(buffer[@intCast(file.size)..], 0);
    return hash.final();
}

/// The pieces of a file that are being read, in order.
const Pipeline = struct {
    disk: *const disk_module.Disk,
    extents: fat.Extents,
    address: u64,
    sectors_left: u64, // to submit
    extent: fat.Extent = .{ .lba = 0, .sectors = 0 }, // what is left of the current one
    lengths: [max_depth]u32 = undefined, // ring of what is under way, in sectors
    head: usize = 0,
    under_way: usize = 0,

    /// Submits as many pieces as the disk takes.
    fn fill(p: *Pipeline) fat.Error!void {
        while (p.under_way < @min(p.disk.depth, max_depth) and p.sectors_left > 0) {
            if (p.extent.sectors == 0) {
                // This may read the FAT from the same disk: only when nothing is under way.
                if (p.under_way != 0) return;
                p.extent = try p.extents.next() orelse return error.ChainTooShort;
            }
            const largest = @min(piece_sectors, p.disk.max_sectors);
            const sectors: u32 = @intCast(@min(p.sectors_left, @min(p.extent.sectors, largest)));
            try p.disk.submit(p.extent.lba, sectors, p.address);
            p.extent.lba += sectors;
            p.extent.sectors -= sectors;
            p.address += @as(u64, sectors) * sector_size;
            p.sectors_left -= sectors;
            p.lengths[(p.head + p.under_way) % max_depth] = sectors;
            p.under_way += 1;
        }
    }

    /// Waits for the oldest piece and returns its length.
    fn take(p: *Pipeline) fat.Error!u32 {
        try p.disk.complete();
        const sectors = p.lengths[p.head];
        p.head = (p.head + 1) % max_depth;
        p.under_way -= 1;
        return sectors;
    }
};
