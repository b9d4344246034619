//! Disk reads by the BIOS: EDD extended reads into a buffer below 1 MiB, copied
//! to where they belong. Works with any disk the BIOS can boot from, USB sticks
//! included; the drivers beside it are faster.

const std = @import("std");
const bios = @import("bios.zig");
const ide = @import("ide.zig");
const pci = @import("pci.zig");
const disk_module = @import("disk.zig");
const Disk = disk_module.Disk;

/// EDD-1.1, 2.1: the disk address packet.
const Packet = extern struct {
    size: u8 = 16,
    reserved: u8 = 0,
    count: u16,
    offset: u16,
    segment: u16,
    lba: u64,
};

/// EDD 3.0, table 6: the result of INT 13h AH=48h, as far as it is used.
pub const Parameters = extern struct {
    size: u16 align(1),
    flags: u16 align(1),
    cylinders: u32 align(1),
    heads: u32 align(1),
    sectors_per_track: u32 align(1),
    sectors: u64 align(1),
    bytes_per_sector: u16 align(1),
    dpte: u32 align(1),
    path_key: u16 align(1),
    path_length: u8 align(1),
    reserved1: [3]u8 align(1),
    host_bus: [4]u8 align(1),
    interface: [8]u8 align(1),
    interface_path: [8]u8 align(1),
    device_path: [8]u8 align(1),
    rest: [10]u8 align(1), // EDD 4 and the checksum, in places that depend on the length

    /// The PCI function that the disk hangs on, if the BIOS says so.
    pub fn pciAddress(self: *const Parameters) ?pci.Address {
        const key_valid = self.path_key == 0xbedd and std.mem.startsWith(u8, &self.host_bus, "PCI");
        const path = self.interface_path;
        if (!key_valid or path[1] > 31 or path[2] > 7) return null;
        return .{ .bus = path[0], .device = @intCast(path[1]), .function = @intCast(path[2]) };
    }

    /// Where an ATA disk is: EDD 1.1, 2.4, the device parameter table extension.
    pub fn ataPlace(self: *const Parameters) ?ide.Place {
        if (self.size < 30 or self.dpte == 0 or self.dpte == 0xffffffff) return null;
        const table = (self.dpte >> 16) * 16 + (self.dpte & 0xffff);
        // Bytes 0-1: the I/O base; byte 4, bit 4: the second device of its channel.
        return .{
            .base = bios.at(u16, table).*,
            .is_second = bios.at(u8, table + 4).* & 0x10 != 0,
        };
    }
};

const retries = 3;
var drive: u8 = 0;

// The BIOS finds both at DS:SI, and DS is 0: they must lie below 64 KiB.
var parameters: Parameters linksection(".low") = undefined;
var packet: Packet linksection(".low") = undefined;

/// What the BIOS knows about a drive; null if it does not answer.
pub fn queryParameters(number: u8) ?Parameters {
    const address: u32 = @intCast(@intFromPtr(&parameters));
    @memset(std.mem.asBytes(&parameters), 0);
    parameters.size = @sizeOf(Parameters);
    var regs: bios.Regs = .{ .eax = 0x4800, .edx = number, .esi = address };
    bios.call(0x13, &regs);
    if (regs.carry()) return null;
    return parameters;
}

pub fn open(number: u8, sectors: u64) Disk {
    drive = number;
    return .{
        .name = "BIOS",
        .depth = 1,
        .max_sectors = 127, // the most that every BIOS takes
        .sectors = sectors,
        .context = &packet,
        .submitFn = submit,
        .completeFn = complete,
    };
}

fn submit(_: *anyopaque, lba: u64, sectors: u32, address: u64) disk_module.Error!void {
    for (0..retries) |_| {
        packet = .{
            .count = @intCast(sectors),
            .offset = 0,
            .segment = bios.bounce_segment,
            .lba = lba,
        };
        var regs: bios.Regs = .{ .eax = 0x4200, .edx = drive, .esi = @intCast(@intFromPtr(&packet)) };
        bios.call(0x13, &regs);
        if (!regs.carry()) {
            const length = sectors * disk_module.sector_size;
            const to: [*]u8 = @ptrFromInt(address);
            @memcpy(to[0..length], bios.bounce[0..length]);
            return;
        }
        var reset: bios.Regs = .{ .edx = drive };
        bios.call(0x13, &reset);
    }
    return error.ReadFailed;
}

fn complete(_: *anyopaque) disk_module.Error!void {}
