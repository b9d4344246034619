//! \polyglot\manifest: the files to load, one per line, as tools/mkimage.py
//! writes them:
//!
//!     kernel.elf 1234567 0123456789abcdef
//!
//! name, size in bytes, XXH64 (seed 0) as 16 hexadecimal digits. In boot_info
//! a file is known by its name up to the first dot.

const std = @import("std");
const boot = @import("boot_info.zig");

pub const max_size = 4096;
/// Files without which the system cannot start.
pub const required = [_][]const u8{ "kernel.elf", "world.elf" };

pub const Entry = struct {
    name: []const u8, // points into the manifest's text
    size: u64,
    checksum: u64,

    /// The name in boot_info.
    pub fn shortName(entry: Entry) []const u8 {
        return entry.name[0..(std.mem.indexOfScalar(u8, entry.name, '.') orelse entry.name.len)];
    }
};

pub const Error = error{ Malformed, TooManyFiles };

pub const Manifest = struct {
    entries: [boot.max_files]Entry = undefined,
    count: usize = 0,
    /// 1-based; where parsing stopped, for the message.
    line: usize = 0,

    pub fn parse(manifest: *Manifest, text: []const u8) Error!void {
        var lines = std.mem.splitScalar(u8, text, '\n');
        while (lines.next()) |raw| {
            manifest.line += 1;
            const line = std.mem.trim(u8, raw, " \t\r");
            if (line.len == 0 or line[0] == '#') continue;
            if (manifest.count == boot.max_files) return error.TooManyFiles;
            manifest.entries[manifest.count] = parseLine(line) orelse return error.Malformed;
            manifest.count += 1;
        }
    }

    pub fn list(manifest: *const Manifest) []const Entry {
        return manifest.entries[0..manifest.count];
    }

    /// The first required file that is not listed.
    pub fn firstMissing(manifest: *const Manifest) ?[]const u8 {
        for (required) |name| {
            for (manifest.list()) |entry| {
                if (std.mem.eql(u8, entry.name, name)) break;
            } else return name;
        }
        return null;
    }
};

fn parseLine(line: []const u8) ?Entry {
    var words = std.mem.tokenizeAny(u8, line, " \t");
    const name = words.next() orelse return null;
    const size = words.next() orelse return null;
    const checksum = words.next() orelse return null;
    if (words.next() != null or checksum.len != 16) return null;
    for (name) |c| {
        if (!std.ascii.isAlphanumeric(c) and c != '.' and c != '_' and c != '-') return null;
    }
    const entry: Entry = .{
        .name = name,
        .size = std.fmt.parseInt(u32, size, 10) catch return null,
        .checksum = std.fmt.parseInt(u64, checksum, 16) catch return null,
    };
    if (name.len > 32 or entry.shortName().len == 0 or entry.shortName().len > 15) return null;
    if (entry.size == 0) return null;
    return entry;
}

test "manifest lines" {
    var manifest: Manifest = .{};
    try manifest.parse("# files\r\nkernel.elf 12 00000000000000ff\r\n\nworld.elf 1 0123456789abcdef");
    try std.testing.expectEqual(2, manifest.count);
    try std.testing.expectEqual(255, manifest.entries[0].checksum);
    try std.testing.expectEqualStrings("kernel", manifest.entries[0].shortName());
    try std.testing.expectEqual(null, manifest.firstMissing());
    const bad = [_][]const u8{
        "kernel.elf",                            "kernel.elf 12",
        "kernel.elf 12 12",                      "kernel.elf -1 00000000000000ff",
        "kernel.elf 99999999999 00000000000000ff", ".elf 1 00000000000000ff",
        "../x 1 00000000000000ff",               "a 1 00000000000000ff b",
        "averyveryverylongname 1 00000000000000ff", "a 0 00000000000000ff",
    };
    for (bad) |text| {
        var m: Manifest = .{};
        try std.testing.expectError(error.Malformed, m.parse(text));
    }
}
