//! Disk reads by virtio-blk over PCI (Virtio 1.1; sections 4.1, 2.6 and 5.2),
//! polled. Several requests are under way at a time, so that the host reads
//! while we take checksums, and no mode switch is needed.
//!
//!     const disk = virtio_blk.open(address, sectors) orelse ...;  // then the BIOS can no longer read it
//!     ...
//!     disk.close();                                               // the device is reset
//!
//! Left out: devices that are only "legacy" (the BIOS reads those), writes,
//! interrupts.

const std = @import("std");
const common = @import("common");
const disk_module = @import("disk.zig");
const pci = @import("pci.zig");
const Deadline = disk_module.Deadline;
const Disk = disk_module.Disk;

const vendor_id = 0x1af4;
const device_transitional = 0x1001;
const device_modern = 0x1042;

/// 4.1.4.3
const CommonConfig = extern struct {
    device_feature_select: u32,
    device_feature: u32,
    driver_feature_select: u32,
    driver_feature: u32,
    msix_config: u16,
    num_queues: u16,
    device_status: u8,
    config_generation: u8,
    queue_select: u16,
    queue_size: u16,
    queue_msix_vector: u16,
    queue_enable: u16,
    queue_notify_off: u16,
    queue_desc_low: u32,
    queue_desc_high: u32,
    queue_driver_low: u32,
    queue_driver_high: u32,
    queue_device_low: u32,
    queue_device_high: u32,
};

const status_acknowledge = 1;
const status_driver = 2;
const status_driver_ok = 4;
const status_features_ok = 8;
const status_failed = 128;

const Descriptor = extern struct { address: u64, length: u32, flags: u16, next: u16 };
const descriptor_next = 1;
const descriptor_write = 2;

/// 5.2.6: what a request starts with.
const Header = extern struct { type: u32 = 0, reserved: u32 = 0, sector: u64 };

/// Requests; each has three descriptors: header, data, status.
const depth = 8;
const queue_size = 32;

const Available = extern struct { flags: u16, index: u16, ring: [queue_size]u16 };
const Used = extern struct { flags: u16, index: u16, ring: [queue_size]extern struct { id: u32, length: u32 } };

const Slot = struct { header: Header, status: u8, done: bool };

var descriptors: [queue_size]Descriptor align(16) = undefined;
var available: Available align(16) = undefined;
var used: Used align(16) = undefined;
var slots: [depth]Slot = undefined;
var config: *volatile CommonConfig = undefined;
var notify: *volatile u16 = undefined;
var submitted: usize = 0;
var completed: usize = 0;
var used_seen: u16 = 0;

/// Takes over the device, if it is one.
pub fn open(address: pci.Address, sectors: u64) ?Disk {
    if (address.vendor() != vendor_id) return null;
    const id = address.deviceId();
    if (id != device_transitional and id != device_modern) return null;
    const structures = findStructures(address) orelse return null;
    config = structures.config;
    address.enable(pci.command_memory | pci.command_master);
    if (!start(structures)) {
        config.device_status = status_failed;
        return null;
    }
    return .{
        .name = "virtio",
        .depth = depth,
        .max_sectors = 4096,
        .sectors = sectors,
        .context = &slots,
        .submitFn = submit,
        .completeFn = complete,
        .closeFn = close,
    };
}

const Structures = struct { config: *volatile CommonConfig, notify_base: u64, notify_multiplier: u32 };

/// Walks the capabilities (4.1.4) for the common configuration and the notification area.
fn findStructures(address: pci.Address) ?Structures {
    const capability_vendor = 9;
    var found_config: ?u64 = null;
    var found_notify: ?u64 = null;
    var multiplier: u32 = 0;
    var at: u8 = @truncate(address.read(0x34) & 0xfc);
    for (0..48) |_| { // as many as fit: a loop in the list ends
        if (at < 0x40) break;
        const head = address.read(at);
        const kind: u8 = @truncate(head >> 24);
        if (head & 0xff == capability_vendor and at <= 0xec and (kind == 1 or kind == 2)) {
            const bar = address.memoryBar(@truncate(address.read(at + 4)));
            const place = if (bar) |base| base + address.read(at + 8) else null;
            if (place != null and place.? < common.memory_map.low_limit - 4096) {
                if (kind == 1 and found_config == null) found_config = place;
                if (kind == 2 and found_notify == null) {
                    found_notify = place;
                    multiplier = address.read(at + 16);
                }
            }
        }
        at = @truncate(head >> 8 & 0xfc);
    }
    const place = found_config orelse return null;
    if (!std.mem.isAligned(place, 4)) return null;
    return .{
        // SAFETY: a device register block below 4 GiB, which is mapped 1:1.
        .config = @ptrFromInt(place),
        .notify_base = found_notify orelse return null,
        .notify_multiplier = multiplier,
    };
}

/// 3.1.1: reset, features, one queue.
fn start(structures: Structures) bool {
    config.device_status = 0;
    var deadline: Deadline = .start();
    while (config.device_status != 0) if (deadline.isOver()) return false;
    config.device_status = status_acknowledge | status_driver;
    config.device_feature_select = 1;
    if (config.device_feature & 1 == 0) return false; // VIRTIO_F_VERSION_1
    config.driver_feature_select = 0;
    config.driver_feature = 0;
    config.driver_feature_select = 1;
    config.driver_feature = 1;
    config.device_status = status_acknowledge | status_driver | status_features_ok;
    if (config.device_status & status_features_ok == 0) return false;

    config.queue_select = 0;
    if (config.queue_size < queue_size) return false;
    config.queue_size = queue_size;
    config.queue_msix_vector = 0xffff;
    @memset(std.mem.asBytes(&available), 0);
    @memset(std.mem.asBytes(&used), 0);
    available.flags = 1; // no interrupts
    submitted = 0;
    completed = 0;
    used_seen = 0;
    // All of these lie in stage 2, below 4 GiB.
    config.queue_desc_low = @intCast(@intFromPtr(&descriptors));
    config.queue_desc_high = 0;
    config.queue_driver_low = @intCast(@intFromPtr(&available));
    config.queue_driver_high = 0;
    config.queue_device_low = @intCast(@intFromPtr(&used));
    config.queue_device_high = 0;
    const offset = @as(u64, config.queue_notify_off) * structures.notify_multiplier;
    const doorbell = structures.notify_base + offset;
    if (doorbell >= common.memory_map.low_limit - 4096 or doorbell % 2 != 0) return false;
    // SAFETY: a device register below 4 GiB, which is mapped 1:1.
    notify = @ptrFromInt(doorbell);
    config.queue_enable = 1;
    config.device_status = status_acknowledge | status_driver | status_features_ok | status_driver_ok;
    return true;
}

fn submit(_: *anyopaque, lba: u64, sectors: u32, address: u64) disk_module.Error!void {
    const number = submitted % depth;
    const slot = &slots[number];
    slot.* = .{ .header = .{ .sector = lba }, .status = 0xff, .done = false };
    const first: u16 = @intCast(number * 3);
    descriptors[first] = .{ .address = @intFromPtr(&slot.header), .length = @sizeOf(Header), .flags = descriptor_next, .next = first + 1 };
    descriptors[first + 1] = .{
        .address = address,
        .length = sectors * disk_module.sector_size,
        .flags = descriptor_next | descriptor_write,
        .next = first + 2,
    };
    descriptors[first + 2] = .{ .address = @intFromPtr(&slot.status), .length = 1, .flags = descriptor_write, .next = 0 };
    const index: *volatile u16 = &available.index;
    available.ring[index.* % queue_size] = first;
    barrier();
    index.* +%= 1;
    barrier();
    notify.* = 0;
    submitted += 1;
}

/// x86 keeps the order of stores, and of loads; a load may pass a store. The compiler keeps neither.
inline fn barrier() void {
    asm volatile ("mfence" ::: .{ .memory = true });
}

fn complete(_: *anyopaque) disk_module.Error!void {
    const slot = &slots[completed % depth];
    const used_index: *volatile u16 = &used.index;
    var deadline: Deadline = .start();
    while (!slot.done) {
        while (used_seen != used_index.*) {
            asm volatile ("" ::: .{ .memory = true });
            const id = used.ring[used_seen % queue_size].id;
            if (id / 3 < depth) slots[id / 3].done = true;
            used_seen +%= 1;
        }
        if (deadline.isOver()) return error.ReadFailed;
    }
    const status: *volatile u8 = &slot.status;
    completed += 1;
    if (status.* != 0) return error.ReadFailed;
}

/// The kernel finds the device reset, and our queue in no one's use.
fn close(_: *anyopaque) void {
    config.device_status = 0;
}
