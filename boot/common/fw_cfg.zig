//! QEMU's fw_cfg device: the part of the boot command line that the host gives
//! (docs/specs/fw_cfg in QEMU's source). Its ports are touched only in a virtual
//! machine, because on a real one they may belong to something else.

const std = @import("std");
const cpu = @import("cpu.zig");
const port = @import("port.zig");

const selector_port = 0x510;
const data_port = 0x511;
const key_signature = 0x0000;
const key_directory = 0x0019;
const max_directory = 4096; // entries; more is nonsense

fn read(out: []u8) void {
    // One instruction for all bytes: an emulator leaves guest code once per byte otherwise.
    var to = out.ptr;
    var count = out.len;
    asm volatile ("cld; rep insb"
        : [to] "+{rdi}" (to),
          [count] "+{rcx}" (count),
        : [port] "{dx}" (@as(u16, data_port)),
        : .{ .memory = true });
}

/// Reads the file `name` into `out` and returns its bytes: cut to out.len, and
/// null if there is no such file or no such device.
pub fn readFile(name: []const u8, out: []u8) ?[]u8 {
    if (!cpu.isVirtual()) return null;
    var signature: [4]u8 = undefined;
    port.outw(selector_port, key_signature);
    read(&signature);
    if (!std.mem.eql(u8, &signature, "QEMU")) return null;

    var count_bytes: [4]u8 = undefined;
    port.outw(selector_port, key_directory);
    read(&count_bytes);
    const count = @min(std.mem.readInt(u32, &count_bytes, .big), max_directory);
    for (0..count) |_| {
        var entry: [64]u8 = undefined; // u32 size, u16 select, u16 reserved, char name[56]
        read(&entry);
        if (!std.mem.eql(u8, std.mem.sliceTo(entry[8..], 0), name)) continue;
        const size = @min(std.mem.readInt(u32, entry[0..4], .big), out.len);
        port.outw(selector_port, std.mem.readInt(u16, entry[4..6], .big));
        read(out[0..size]);
        return out[0..size];
    }
    return null;
}
