//! What the loaders say: to the screen (through the firmware) and to the first
//! serial port, 115200 baud, 8N1.
//!
//!     message.init(screen);            // before anything can fail
//!     message.print("...", .{...});
//!     message.fail("...", .{...});     // says it and halts for good
//!
//! Leaves out: a screen of its own. After the video mode is set the firmware's
//! text output may be gone, so the loaders set it as their last step.

const std = @import("std");
const port = @import("port.zig");

/// Writes text to the firmware's screen; '\n' alone ends a line.
pub const Screen = *const fn (text: []const u8) void;

const com1 = 0x3f8;
var screen: ?Screen = null;
var failing = false;

pub fn init(show: Screen) void {
    const setup = [_][2]u8{ .{ 1, 0 }, .{ 3, 0x80 }, .{ 0, 1 }, .{ 1, 0 }, .{ 3, 3 }, .{ 2, 7 }, .{ 4, 3 } };
    for (setup) |step| port.outb(com1 + @as(u16, step[0]), step[1]);
    screen = show;
}

/// The screen is no longer the firmware's to write to; only the serial port is left.
pub fn dropScreen() void {
    screen = null;
}

fn serialByte(byte: u8) void {
    // A port that is not there reads as 0xff: "empty". One that hangs is given up.
    var patience: u32 = 1_000_000;
    while (port.inb(com1 + 5) & 0x20 == 0 and patience > 0) patience -= 1;
    port.outb(com1, byte);
}

fn write(text: []const u8) void {
    for (text) |byte| {
        if (byte == '\n') serialByte('\r');
        serialByte(byte);
    }
    if (screen) |show| show(text);
}

/// Prints at most 400 bytes; longer text is cut.
pub fn print(comptime format: []const u8, args: anytype) void {
    var buffer: [400]u8 = undefined;
    const text = std.fmt.bufPrint(&buffer, format, args) catch &buffer;
    write(text);
}

/// Ends the boot: the message, then a halt that only a reset leaves.
pub fn fail(comptime format: []const u8, args: anytype) noreturn {
    if (!failing) {
        failing = true;
        print("\nPolyglot OS cannot start: " ++ format ++ "\n", args);
    }
    while (true) asm volatile ("cli; hlt");
}
