//! The ACPI root pointer in a BIOS machine's memory (ACPI 6.5, 5.2.5.1): on a
//! 16-byte boundary in the first KiB of the EBDA or in 0xe0000 .. 0xfffff.

const std = @import("std");

/// Its offset in `memory`, if there is a valid one.
pub fn search(memory: []const u8) ?usize {
    var at: usize = 0;
    while (at + 20 <= memory.len) : (at += 16) {
        if (!std.mem.eql(u8, memory[at..][0..8], "RSD PTR ")) continue;
        var sum: u8 = 0;
        for (memory[at..][0..20]) |byte| sum +%= byte;
        if (sum == 0) return at;
    }
    return null;
}

test "root pointer with and without a good checksum" {
    var memory: [1024]u8 = @splat(0);
    try std.testing.expectEqual(null, search(&memory));
    @memcpy(memory[512..520], "RSD PTR ");
    try std.testing.expectEqual(null, search(&memory));
    var sum: u8 = 0;
    for (memory[512..532]) |byte| sum +%= byte;
    memory[520] = 0 -% sum;
    try std.testing.expectEqual(512, search(&memory));
    try std.testing.expectEqual(null, search(memory[0..528]));
}
