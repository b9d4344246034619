//! The memory map of a BIOS: INT 15h, EAX=E820h (ACPI 6.5, 15.1).

const common = @import("common");
const bios = @import("bios.zig");
const MemoryType = common.boot.MemoryType;

const smap = 0x534d4150;
const max_entries = 512; // a BIOS that never ends its list is cut here

const Entry = extern struct { base: u64, length: u64, type: u32, attributes: u32 };

/// Which entries win where a BIOS contradicts itself: the later ones.
const order = [_]MemoryType{ .usable, .acpi_reclaim, .acpi_nvs, .reserved, .bad };

fn typeOf(entry: *const Entry) MemoryType {
    return switch (entry.type) {
        1 => .usable,
        3 => .acpi_reclaim,
        4 => .acpi_nvs,
        5 => .bad,
        else => .reserved,
    };
}

var entries: [max_entries]Entry = undefined;

/// Fills the map, and marks what stage 2 itself uses.
pub fn readMap(map: *common.memory_map.Map) error{ NoMap, TooManyRanges, OutOfMemory }!void {
    var count: usize = 0;
    var regs: bios.Regs = .{};
    while (count < max_entries) {
        const buffer: *Entry = @ptrCast(bios.bounce);
        buffer.* = .{ .base = 0, .length = 0, .type = 0, .attributes = 1 };
        regs = .{
            .eax = 0xe820,
            .ebx = regs.ebx,
            .ecx = @sizeOf(Entry),
            .edx = smap,
            .es = bios.bounce_segment,
        };
        bios.call(0x15, &regs);
        if (regs.carry() or regs.eax != smap) break;
        // Attribute bit 0 clear (24-byte entries only): ignore the entry.
        if (regs.ecx <= 20 or buffer.attributes & 1 != 0) {
            entries[count] = buffer.*;
            count += 1;
        }
        if (regs.ebx == 0) break;
    }
    if (count == 0) return error.NoMap;

    for (order) |kind| {
        for (entries[0..count]) |*entry| {
            if (typeOf(entry) == kind) try map.set(entry.base, entry.base +| entry.length, kind);
        }
    }
    map.alignUsable();
}
