//! Which video mode to take from those that the firmware offers.

const std = @import("std");
const command_line = @import("command_line.zig");
const cpu = @import("cpu.zig");
const Size = command_line.Size;

pub const Mode = struct { number: u32, size: Size };

/// Without a wish and without a known screen.
const default_size: Size = .{ .width = 1024, .height = 768 };

/// The wish (boot option video=WxH) if it can be met; else the screen's own size; else 1024x768;
/// else the largest. An emulated screen has no size of its own: there the smaller picture is
/// preferred, because drawing costs. Null without modes.
pub fn choose(modes: []const Mode, wish: ?Size, native: ?Size) ?Mode {
    const sizes = [_]?Size{ wish, if (cpu.isVirtual()) null else native, default_size };
    for (sizes) |maybe| {
        const size = maybe orelse continue;
        for (modes) |mode| {
            if (mode.size.width == size.width and mode.size.height == size.height) return mode;
        }
    }
    var best: ?Mode = null;
    for (modes) |mode| {
        if (best == null or area(mode) > area(best.?)) best = mode;
    }
    return best;
}

fn area(mode: Mode) u64 {
    return @as(u64, mode.size.width) * mode.size.height;
}

/// The preferred mode of a screen: the first detailed timing (VESA E-EDID A.2, 3.10.2).
pub fn preferredByEdid(edid: []const u8) ?Size {
    if (edid.len < 128 or !std.mem.eql(u8, edid[0..8], "\x00\xff\xff\xff\xff\xff\xff\x00")) return null;
    const timing = edid[54..72];
    if (timing[0] == 0 and timing[1] == 0) return null; // no timing but a text
    const width = @as(u32, timing[2]) | @as(u32, timing[4] >> 4) << 8;
    const height = @as(u32, timing[5]) | @as(u32, timing[7] >> 4) << 8;
    if (width == 0 or height == 0) return null;
    return .{ .width = width, .height = height };
}

test "choice of the mode" {
    const modes = [_]Mode{
        .{ .number = 1, .size = .{ .width = 640, .height = 480 } },
        .{ .number = 2, .size = .{ .width = 1024, .height = 768 } },
        .{ .number = 3, .size = .{ .width = 800, .height = 600 } },
    };
    try std.testing.expectEqual(3, choose(&modes, .{ .width = 800, .height = 600 }, null).?.number);
    try std.testing.expectEqual(2, choose(&modes, .{ .width = 1, .height = 600 }, null).?.number);
    try std.testing.expectEqual(1, choose(modes[0..1], null, null).?.number);
    try std.testing.expectEqual(null, choose(&.{}, null, null));
}
