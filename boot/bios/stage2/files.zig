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
pub fn read(volume: *fat.Volume, file: fat.Node, buffer: []u8) fat.Error!u64 {
    const disk = volume.disk;
    const depth = @min(disk.depth, max_depth);
    const sectors_needed = (@as(u64, file.size) + sector_size - 1) / sector_size;
    var extents = volume.extents(file);
    var extent: fat.Extent = .{ .lba = 0, .sectors = 0 };
    var submitted: u64 = 0; // sectors
    var lengths: [max_depth]u32 = undefined; // ring of pieces under way
    var head: usize = 0;
    var under_way: usize = 0;
    var checked: u64 = 0; // bytes
    var hash = XxHash64.init(0);

    while (checked < file.size) {
        while (under_way < depth and submitted < sectors_needed) {
            if (extent.sectors == 0) {
                // The FAT is read by the same disk: only when nothing is under way.
                if (under_way != 0) break;
                extent = try extents.next() orelse return error.ChainTooShort;
            }
            const sectors: u32 = @intCast(@min(
                sectors_needed - submitted,
                @min(extent.sectors, @min(piece_sectors, disk.max_sectors)),
            ));
            try disk.submit(extent.lba, sectors, @intFromPtr(buffer.ptr) + submitted * sector_size);
            extent.lba += sectors;
            extent.sectors -= sectors;
            submitted += sectors;
            lengths[(head + under_way) % max_depth] = sectors;
            under_way += 1;
        }
        try disk.complete();
        const end = @min(checked + @as(u64, lengths[head]) * sector_size, file.size);
        head = (head + 1) % max_depth;
        under_way -= 1;
        hash.update(buffer[@intCast(checked)..@intCast(end)]);
        checked = end;
    }
    @memset(buffer[@intCast(file.size)..], 0);
    return hash.final();
}
