//! What kernel Zig takes from the kernel: its panic, also for failed safety checks.

const std = @import("std");

/// kernel/log.h
const c = struct {
    extern fn panic(format: [*:0]const u8, ...) callconv(.c) noreturn;
};

pub const panic = std.debug.FullPanic(kernelPanic);

fn kernelPanic(message: []const u8, _: ?usize) noreturn {
    c.panic("zig: %.*s", @as(c_int, @intCast(@min(message.len, 1000))), message.ptr);
}
