//! The video mode under UEFI: the Graphics Output Protocol (UEFI 2.10, 12.9).

const std = @import("std");
const common = @import("common");
const uefi = std.os.uefi;
const GraphicsOutput = uefi.protocol.GraphicsOutput;
const Framebuffer = common.boot.Framebuffer;
const Size = common.command_line.Size;

const max_modes = 128;

/// Sets the mode and describes it; Framebuffer.none without a usable screen.
pub fn setMode(services: *uefi.tables.BootServices, wish: ?Size) Framebuffer {
    const output = (services.locateProtocol(GraphicsOutput, null) catch null) orelse return .none;

    var modes: [max_modes]common.video.Mode = undefined;
    var count: usize = 0;
    for (0..output.mode.max_mode) |number| {
        if (count == max_modes) break;
        const info = output.queryMode(@intCast(number)) catch continue;
        if (describe(info) == null) continue;
        modes[count] = .{ .number = @intCast(number), .size = sizeOf(info) };
        count += 1;
    }
    // Firmware starts in the screen's own mode, so the current one counts as native.
    const chosen = common.video.choose(modes[0..count], wish, sizeOf(output.mode.info)) orelse return .none;
    if (chosen.number != output.mode.mode) output.setMode(chosen.number) catch {};

    var framebuffer = describe(output.mode.info) orelse return .none;
    framebuffer.phys = output.mode.frame_buffer_base;
    const bytes = @as(u64, framebuffer.pitch) * framebuffer.height;
    if (framebuffer.phys == 0 or framebuffer.phys +| bytes > common.memory_map.low_limit) return .none;
    return framebuffer;
}

fn sizeOf(info: *const GraphicsOutput.Mode.Info) Size {
    return .{ .width = info.horizontal_resolution, .height = info.vertical_resolution };
}

/// The layout of a mode's pixels; null if it is not 32 bits with 8-bit channels.
fn describe(info: *const GraphicsOutput.Mode.Info) ?Framebuffer {
    var framebuffer: Framebuffer = .none;
    switch (info.pixel_format) {
        .red_green_blue_reserved_8_bit_per_color => framebuffer.blue_shift = 16,
        .blue_green_red_reserved_8_bit_per_color => framebuffer.red_shift = 16,
        .bit_mask => {
            const masks = info.pixel_information;
            framebuffer.red_shift = byteShift(masks.red_mask) orelse return null;
            framebuffer.green_shift = byteShift(masks.green_mask) orelse return null;
            framebuffer.blue_shift = byteShift(masks.blue_mask) orelse return null;
        },
        else => return null, // no linear framebuffer
    }
    if (info.pixel_format != .bit_mask) framebuffer.green_shift = 8;
    framebuffer.width = info.horizontal_resolution;
    framebuffer.height = info.vertical_resolution;
    framebuffer.pitch = info.pixels_per_scan_line *| 4;
    framebuffer.bits_per_pixel = 32;
    if (framebuffer.pitch / 4 < framebuffer.width) return null;
    return framebuffer;
}

fn byteShift(mask: u32) ?u8 {
    if (mask == 0) return null;
    const shift = @ctz(mask);
    return if (mask >> @intCast(shift) == 0xff) shift else null;
}
