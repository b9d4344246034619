//! The boot disk: reading sectors of 512 bytes, by whichever driver serves it.
//!
//!     try disk.submit(lba, sectors, address);   // up to disk.depth of them ...
//!     try disk.complete();                      // ... each waits for the oldest
//!
//!     try disk.read(lba, buffer);               // the two in one
//!
//! Memory is identity mapped, so addresses are physical ones. Each submit must
//! have its complete() before the next read().

const std = @import("std");
const common = @import("common");

pub const sector_size = 512;
pub const Error = error{ReadFailed};

/// An end of patience for devices that do not answer: 2^36 cycles of the TSC, half a minute or so.
pub const Deadline = struct {
    end: u64,

    pub fn start() Deadline {
        return .{ .end = common.cpu.rdtsc() + (1 << 36) };
    }

    /// To be asked in polling loops: pauses, so that an emulator gets to serve the device.
    pub fn isOver(deadline: *const Deadline) bool {
        std.atomic.spinLoopHint();
        return common.cpu.rdtsc() > deadline.end;
    }
};

pub const Disk = struct {
    name: []const u8,
    /// Requests that may be under way at a time.
    depth: usize,
    /// Largest request.
    max_sectors: u32,
    /// Sectors on the disk; 0 if it is unknown.
    sectors: u64,
    context: *anyopaque,
    submitFn: *const fn (context: *anyopaque, lba: u64, sectors: u32, address: u64) Error!void,
    completeFn: *const fn (context: *anyopaque) Error!void,
    closeFn: ?*const fn (context: *anyopaque) void = null,

    pub fn submit(disk: *const Disk, lba: u64, sectors: u32, address: u64) Error!void {
        return disk.submitFn(disk.context, lba, sectors, address);
    }

    pub fn complete(disk: *const Disk) Error!void {
        return disk.completeFn(disk.context);
    }

    /// Leaves the device as a driver expects to find it. The disk is not used after it.
    pub fn close(disk: *const Disk) void {
        if (disk.closeFn) |function| function(disk.context);
    }

    /// Reads whole sectors; buffer.len is a multiple of their size.
    pub fn read(disk: *const Disk, lba: u64, buffer: []u8) Error!void {
        var done: usize = 0;
        while (done < buffer.len) {
            const sectors: u32 = @intCast(@min((buffer.len - done) / sector_size, disk.max_sectors));
            try disk.submit(lba + done / sector_size, sectors, @intFromPtr(buffer.ptr) + done);
            try disk.complete();
            done += @as(usize, sectors) * sector_size;
        }
    }
};
