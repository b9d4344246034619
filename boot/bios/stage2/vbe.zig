//! The video mode of a BIOS machine: VESA BIOS Extension 2.0 and later.

const std = @import("std");
const common = @import("common");
const bios = @import("bios.zig");
const Framebuffer = common.boot.Framebuffer;
const Mode = common.video.Mode;
const Size = common.command_line.Size;

const success = 0x004f;
const max_modes = 128;
const set_linear = 1 << 14;
const set_without_clearing = 1 << 15; // the kernel draws over all of it

/// VBE 3.0, 4.4: as much as is used.
const ModeInfo = extern struct {
    attributes: u16 align(1),
    unused1: [14]u8,
    bytes_per_line: u16 align(1),
    width: u16 align(1),
    height: u16 align(1),
    unused2: [3]u8,
    bits_per_pixel: u8,
    unused3: u8,
    memory_model: u8,
    unused4: [3]u8,
    red_size: u8,
    red_shift: u8,
    green_size: u8,
    green_shift: u8,
    blue_size: u8,
    blue_shift: u8,
    unused5: [3]u8,
    phys: u32 align(1),
};

comptime {
    std.debug.assert(@offsetOf(ModeInfo, "width") == 18);
    std.debug.assert(@offsetOf(ModeInfo, "red_size") == 31);
    std.debug.assert(@offsetOf(ModeInfo, "phys") == 40);
}

const model_direct_color = 6;
const needed_attributes = 0x0091; // supported, graphics, linear framebuffer

fn call(function: u16, ebx: u32, ecx: u32, edx: u32) bool {
    var regs: bios.Regs = .{
        .eax = function,
        .ebx = ebx,
        .ecx = ecx,
        .edx = edx,
        .es = bios.bounce_segment,
    };
    bios.call(0x10, &regs);
    return regs.ax() == success;
}

/// Sets a mode of 32 bits per pixel and describes it; Framebuffer.none, and text as before, without one.
pub fn setMode(wish: ?Size) Framebuffer {
    var numbers: [max_modes]u16 = undefined;
    var modes: [max_modes]Mode = undefined;
    var count: usize = 0;
    for (listModes(&numbers)) |number| {
        const framebuffer = query(number) orelse continue;
        modes[count] = .{ .number = number, .size = .{ .width = framebuffer.width, .height = framebuffer.height } };
        count += 1;
    }
    const chosen = common.video.choose(modes[0..count], wish, readEdid()) orelse return .none;
    const framebuffer = query(@intCast(chosen.number)) orelse return .none;
    if (!call(0x4f02, chosen.number | set_linear | set_without_clearing, 0, 0)) return .none;
    return framebuffer;
}

/// The mode numbers that the controller lists.
fn listModes(numbers: *[max_modes]u16) []u16 {
    const info = bios.bounce[0..512];
    @memset(info, 0);
    @memcpy(info[0..4], "VBE2");
    if (!call(0x4f00, 0, 0, 0) or !std.mem.eql(u8, info[0..4], "VESA")) return numbers[0..0];
    const offset = std.mem.readInt(u16, info[14..16], .little);
    const segment = std.mem.readInt(u16, info[16..18], .little);
    const list = @as(usize, segment) * 16 + offset;
    var count: usize = 0;
    while (count < numbers.len) : (count += 1) {
        const number = bios.at(u16, list + 2 * count).*;
        if (number == 0xffff) break;
        numbers[count] = number & 0x3fff;
    }
    return numbers[0..count];
}

/// A mode's description; null if it is not of the one kind that the kernel draws on.
fn query(number: u16) ?Framebuffer {
    const info: *ModeInfo = @ptrCast(bios.bounce);
    @memset(bios.bounce[0..256], 0);
    if (!call(0x4f01, 0, number, 0)) return null;
    if (info.attributes & needed_attributes != needed_attributes or info.bits_per_pixel != 32 or
        info.memory_model != model_direct_color) return null;
    if (info.red_size != 8 or info.green_size != 8 or info.blue_size != 8) return null;
    if (info.red_shift > 24 or info.green_shift > 24 or info.blue_shift > 24) return null;
    const bytes = @as(u64, info.bytes_per_line) * info.height;
    if (info.phys == 0 or info.phys + bytes > common.memory_map.low_limit) return null;
    if (info.width == 0 or info.height == 0 or info.bytes_per_line < @as(u32, info.width) * 4) return null;
    return .{
        .phys = info.phys,
        .width = info.width,
        .height = info.height,
        .pitch = info.bytes_per_line,
        .red_shift = info.red_shift,
        .green_shift = info.green_shift,
        .blue_shift = info.blue_shift,
        .bits_per_pixel = 32,
    };
}

/// VBE/DDC 1.1, 4.2: the size that the screen prefers.
fn readEdid() ?Size {
    if (common.cpu.isVirtual()) return null; // not used there, see video.zig
    if (!call(0x4f15, 1, 0, 0)) return null;
    return common.video.preferredByEdid(bios.bounce[0..128]);
}
