//! The boot command line: words separated by blanks, from cmdline.txt on the
//! ESP and then from fw_cfg, so that the host's options come last and win.

const std = @import("std");
const boot = @import("boot_info.zig");

pub const Error = error{TooLong};

/// Appends the text with every run of blanks and control characters made one
/// blank. `line` is NUL terminated and zero filled.
pub fn append(line: *[boot.cmdline_size]u8, text: []const u8) Error!void {
    var used = std.mem.indexOfScalar(u8, line, 0) orelse return error.TooLong;
    var words = std.mem.tokenizeAny(u8, text, " \t\r\n\x00");
    while (words.next()) |word| {
        const blank: usize = if (used == 0) 0 else 1;
        if (used + blank + word.len >= line.len) return error.TooLong;
        if (blank == 1) line[used] = ' ';
        @memcpy(line[used + blank ..][0..word.len], word);
        used += blank + word.len;
    }
}

/// The value of the last word that starts with `key`, such as "video=".
pub fn option(line: *const [boot.cmdline_size]u8, key: []const u8) ?[]const u8 {
    var found: ?[]const u8 = null;
    var words = std.mem.tokenizeScalar(u8, std.mem.sliceTo(line, 0), ' ');
    while (words.next()) |word| {
        if (std.mem.startsWith(u8, word, key)) found = word[key.len..];
    }
    return found;
}

pub const Size = struct { width: u32, height: u32 };

/// "1024x768"; null if it is not of that form.
pub fn parseSize(text: []const u8) ?Size {
    const x = std.mem.indexOfScalar(u8, text, 'x') orelse return null;
    return .{
        .width = std.fmt.parseInt(u16, text[0..x], 10) catch return null,
        .height = std.fmt.parseInt(u16, text[x + 1 ..], 10) catch return null,
    };
}

test "command line" {
    var line: [boot.cmdline_size]u8 = @splat(0);
    try append(&line, "quiet  video=800x600\r\n");
    try append(&line, "\n video=1024x768 \x00");
    try std.testing.expectEqualStrings("quiet video=800x600 video=1024x768", std.mem.sliceTo(&line, 0));
    const size = parseSize(option(&line, "video=").?).?;
    try std.testing.expectEqual(1024, size.width);
    try std.testing.expectEqual(null, option(&line, "missing="));
    try std.testing.expectEqual(null, parseSize("1024"));
    const long: [2047]u8 = @splat('a');
    try std.testing.expectError(error.TooLong, append(&line, &long));
    try std.testing.expectEqualStrings("quiet video=800x600 video=1024x768", std.mem.sliceTo(&line, 0));
}
