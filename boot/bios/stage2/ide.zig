//! Disk reads from an IDE (parallel ATA) disk by bus-master DMA, polled
//! (Programming Interface for Bus Master IDE Controller, 1994; ATA-6). Emulated
//! disks are very slow by the programmed I/O that the BIOS uses.
//!
//! The BIOS can read the disk again at any time: nothing is left changed. So a
//! failure is no end: the caller tries a read and goes back to the BIOS.
//!
//! Left out: disks without 48-bit commands, native-mode controllers.

const common = @import("common");
const disk_module = @import("disk.zig");
const pci = @import("pci.zig");
const port = common.port;
const Deadline = disk_module.Deadline;
const Disk = disk_module.Disk;

const class_ide_bus_master = 0x010180; // of the interface byte, bit 7 only

// Task file registers, from the channel's base.
const reg_count = 2;
const reg_lba_low = 3;
const reg_lba_mid = 4;
const reg_lba_high = 5;
const reg_device = 6;
const reg_command = 7; // read: status

const status_error = 0x01;
const status_request = 0x08;
const status_fault = 0x20;
const status_busy = 0x80;

const command_read_dma_ext = 0x25;
const control_no_interrupt = 2;

// Bus master registers.
const master_command = 0;
const master_status = 2;
const master_table = 4;
const master_to_memory = 8;
const master_start = 1;
const master_active = 1;
const master_failed = 2;
const master_interrupt = 4;

const max_sectors = 2048;
/// One entry of the table for each 64 KiB boundary that a request touches.
const max_regions = max_sectors * disk_module.sector_size / 0x10000 + 1;
const Region = extern struct { address: u32, length: u16, flags: u16 };
const region_last = 0x8000;

var regions: [max_regions]Region align(256) = undefined; // must not cross 64 KiB
var base: u16 = 0;
var control: u16 = 0;
var master: u16 = 0;
var device: u8 = 0;

/// What the BIOS tells about a disk's place (EDD 1.1, 2.4: the device parameter table extension).
pub const Place = struct { base: u16, is_second: bool };

pub fn open(address: pci.Address, place: Place, sectors: u64) ?Disk {
    if (address.class() & 0xffff80 != class_ide_bus_master) return null;
    const secondary = switch (place.base) {
        0x1f0 => false,
        0x170 => true,
        else => return null,
    };
    const masters = address.ioBar(4) orelse return null;
    base = place.base;
    control = if (secondary) 0x376 else 0x3f6;
    master = masters + @as(u16, if (secondary) 8 else 0);
    device = if (place.is_second) 0x50 else 0x40; // LBA addressing
    address.enable(pci.command_io | pci.command_master);
    return .{
        .name = "IDE",
        .depth = 1,
        .max_sectors = max_sectors,
        .sectors = sectors,
        .context = &regions,
        .submitFn = submit,
        .completeFn = complete,
        .closeFn = null,
    };
}

fn submit(_: *anyopaque, lba: u64, sectors: u32, address: u64) disk_module.Error!void {
    buildTable(address, sectors * disk_module.sector_size);
    try waitIdle();
    port.outb(base + reg_device, device);
    try waitIdle();
    port.outb(control, control_no_interrupt);
    port.outb(master + master_command, master_to_memory);
    port.outb(master + master_status, master_failed | master_interrupt); // ones clear
    port.outl(master + master_table, @intCast(@intFromPtr(&regions)));

    // The registers are two bytes deep: high bytes first.
    port.outb(base + reg_count, @truncate(sectors >> 8));
    port.outb(base + reg_lba_low, @truncate(lba >> 24));
    port.outb(base + reg_lba_mid, @truncate(lba >> 32));
    port.outb(base + reg_lba_high, @truncate(lba >> 40));
    port.outb(base + reg_count, @truncate(sectors));
    port.outb(base + reg_lba_low, @truncate(lba));
    port.outb(base + reg_lba_mid, @truncate(lba >> 8));
    port.outb(base + reg_lba_high, @truncate(lba >> 16));
    port.outb(base + reg_command, command_read_dma_ext);
    port.outb(master + master_command, master_to_memory | master_start);
}

fn buildTable(address: u64, length: u32) void {
    var at: u32 = @intCast(address);
    var left = length;
    var i: usize = 0;
    while (left > 0) : (i += 1) {
        const part = @min(left, 0x10000 - (at & 0xffff));
        regions[i] = .{ .address = at, .length = @truncate(part), .flags = 0 }; // 0 is 64 KiB
        at +%= part;
        left -= part;
        if (left == 0) regions[i].flags = region_last;
    }
}

fn waitIdle() disk_module.Error!void {
    var deadline: Deadline = .start();
    while (port.inb(base + reg_command) & (status_busy | status_request) != 0) {
        if (deadline.isOver()) return error.ReadFailed;
    }
}

fn complete(_: *anyopaque) disk_module.Error!void {
    var deadline: Deadline = .start();
    var state: u8 = master_active;
    while (state & master_active != 0 and state & master_failed == 0) {
        state = port.inb(master + master_status);
        // A refused command never ends the transfer.
        if (port.inb(base + reg_command) & (status_busy | status_error) == status_error) break;
        if (deadline.isOver()) break;
    }
    port.outb(master + master_command, 0);
    waitIdle() catch {};
    const status = port.inb(base + reg_command);
    port.outb(control, 0);
    if (state & (master_active | master_failed) != 0 or
        status & (status_busy | status_request | status_fault | status_error) != 0) return error.ReadFailed;
}
