//! The physical memory map that a loader builds and hands to the kernel.
//!
//!     var map: Map = .{};
//!     try map.set(base, end, .usable);      // firmware ranges, RAM first ...
//!     try map.set(base, end, .reserved);    // ... then what overrides it
//!     map.alignUsable();                    // once all of them are known
//!     const phys = try map.claim(size, alignment, .file);
//!     try map.exportTo(info);
//!
//! The array is sorted and without overlap after every call. A later set()
//! overrides what it covers, so contradictions in the firmware's map end with
//! the more careful reading.

const std = @import("std");
const boot = @import("boot_info.zig");

pub const page_size: u64 = 4096;
/// Everything the loaders hand over lies below this.
pub const low_limit: u64 = 1 << 32;
/// Claims start here if they can, to leave the memory that old DMA devices reach.
const preferred_start: u64 = 16 << 20;
const lowest_claim: u64 = 1 << 20;

pub fn alignUp(value: u64, alignment: u64) u64 {
    return (value +| (alignment - 1)) / alignment * alignment;
}

pub const Error = error{ TooManyRanges, OutOfMemory };

pub const Map = struct {
    const capacity = 1024;
    const Range = struct { base: u64, end: u64, type: boot.MemoryType };

    ranges: [capacity]Range = undefined,
    count: usize = 0,

    /// Makes [base, end) be of the given type, whatever was there.
    pub fn set(map: *Map, base: u64, end: u64, kind: boot.MemoryType) Error!void {
        if (base >= end) return;
        var i: usize = 0;
        while (i < map.count and map.ranges[i].end <= base) i += 1;
        // ranges[i] is the first that ends behind base: cut what overlaps.
        while (i < map.count and map.ranges[i].base < end) {
            const old = map.ranges[i];
            if (old.base < base) {
                map.ranges[i].end = base;
                i += 1;
                if (old.end > end) {
                    try map.insert(i, .{ .base = end, .end = old.end, .type = old.type });
                    break;
                }
            } else if (old.end > end) {
                map.ranges[i].base = end;
                break;
            } else {
                map.remove(i);
            }
        }
        try map.insert(i, .{ .base = base, .end = end, .type = kind });
        map.mergeAround(i);
    }

    fn insert(map: *Map, at: usize, range: Range) Error!void {
        if (map.count == capacity) return error.TooManyRanges;
        var i = map.count;
        while (i > at) : (i -= 1) map.ranges[i] = map.ranges[i - 1];
        map.ranges[at] = range;
        map.count += 1;
    }

    fn remove(map: *Map, at: usize) void {
        map.count -= 1;
        for (at..map.count) |i| map.ranges[i] = map.ranges[i + 1];
    }

    fn mergeAround(map: *Map, at: usize) void {
        var i = if (at > 0) at - 1 else at;
        while (i < at + 1 and i + 1 < map.count) {
            const next = map.ranges[i + 1];
            const this = &map.ranges[i];
            // Two files stay two ranges: each is one struct boot_file's bytes.
            if (this.end == next.base and this.type == next.type and this.type != .file) {
                this.end = next.end;
                map.remove(i + 1);
                if (i == at) break;
            } else i += 1;
        }
    }

    /// Cuts the usable ranges to whole pages and drops the first page of
    /// memory, so that no allocator hands out physical address 0.
    pub fn alignUsable(map: *Map) void {
        var i: usize = 0;
        while (i < map.count) {
            const range = &map.ranges[i];
            if (range.type == .usable) {
                range.base = @max(alignUp(range.base, page_size), page_size);
                range.end = range.end / page_size * page_size;
                if (range.base >= range.end) {
                    map.remove(i);
                    continue;
                }
            }
            i += 1;
        }
    }

    pub fn usableBytes(map: *const Map) u64 {
        var sum: u64 = 0;
        for (map.ranges[0..map.count]) |range| {
            if (range.type == .usable) sum += range.end - range.base;
        }
        return sum;
    }

    /// Finds `size` bytes (rounded up to pages) of usable memory below 4 GiB, gives them the type
    /// `kind` and returns their address, a multiple of `alignment` (a power of two, at least a page).
    pub fn claim(map: *Map, size: u64, alignment: u64, kind: boot.MemoryType) Error!u64 {
        const length = alignUp(size, page_size);
        const base = map.find(length, alignment, preferred_start) orelse
            map.find(length, alignment, lowest_claim) orelse return error.OutOfMemory;
        try map.set(base, base + length, kind);
        return base;
    }

    fn find(map: *const Map, length: u64, alignment: u64, start: u64) ?u64 {
        for (map.ranges[0..map.count]) |range| {
            if (range.type != .usable) continue;
            const base = alignUp(@max(range.base, start), alignment);
            const end = @min(range.end, low_limit);
            if (base < end and end - base >= length) return base;
        }
        return null;
    }

    /// Writes the map to the kernel's structure.
    pub fn exportTo(map: *const Map, info: *boot.BootInfo) Error!void {
        if (map.count > boot.max_memory) return error.TooManyRanges;
        for (map.ranges[0..map.count], info.memory[0..map.count]) |range, *out| {
            out.* = .{ .base = range.base, .length = range.end - range.base, .type = range.type };
        }
        info.memory_count = @intCast(map.count);
    }
};

test "later ranges override, neighbours merge, usable is whole pages" {
    var map: Map = .{};
    try map.set(0x0, 0x9fc00, .usable);
    try map.set(0x9fc00, 0xa0000, .reserved);
    try map.set(0x100000, 0x8000000, .usable);
    try map.set(0x200000, 0x201000, .reserved);
    try map.set(0x201000, 0x202000, .reserved);
    map.alignUsable();
    try std.testing.expectEqual(5, map.count);
    try std.testing.expectEqual(0x1000, map.ranges[0].base);
    try std.testing.expectEqual(0x9f000, map.ranges[0].end);
    try std.testing.expectEqual(0x202000, map.ranges[3].end);
    const phys = try map.claim(5000, 2 << 20, .kernel);
    try std.testing.expectEqual(16 << 20, phys);
    try std.testing.expectError(error.OutOfMemory, map.claim(1 << 30, page_size, .file));
}

test "random ranges stay sorted, disjoint and agree with a byte map" {
    var prng = std.Random.DefaultPrng.init(1);
    const random = prng.random();
    for (0..200) |_| {
        var map: Map = .{};
        var bytes: [256]?boot.MemoryType = @splat(null);
        for (0..40) |_| {
            const base = random.uintLessThan(u64, 256);
            const end = random.uintAtMost(u64, 256);
            const kind = random.enumValue(boot.MemoryType);
            try map.set(base, end, kind);
            if (base < end) @memset(bytes[base..end], kind);
            var seen: [256]?boot.MemoryType = @splat(null);
            var previous: u64 = 0;
            for (map.ranges[0..map.count]) |range| {
                try std.testing.expect(range.base >= previous and range.end > range.base);
                previous = range.end;
                @memset(seen[range.base..range.end], range.type);
            }
            try std.testing.expectEqualSlices(?boot.MemoryType, &bytes, &seen);
        }
    }
}
