//! BIOS interrupts from long mode, by entry.S's bios_call().
//!
//!     var regs: bios.Regs = .{ .eax = 0xe801 };
//!     bios.call(0x15, &regs);
//!     if (regs.carry()) ...
//!
//! Memory that a call reads or writes must lie below 1 MiB: use `bounce` or
//! lowAddress(). A call costs two mode switches, some 10 us in an emulator.

pub const Regs = extern struct {
    eax: u32 = 0,
    ebx: u32 = 0,
    ecx: u32 = 0,
    edx: u32 = 0,
    esi: u32 = 0, // segment 0: DS is not set
    edi: u32 = 0,
    flags: u32 = 0,
    es: u16 = 0,
    reserved: u16 = 0,

    pub fn carry(regs: *const Regs) bool {
        return regs.flags & 1 != 0;
    }

    /// AX, which most services return their status in.
    pub fn ax(regs: *const Regs) u16 {
        return @truncate(regs.eax);
    }
};

comptime {
    if (@sizeOf(Regs) != 32) @compileError("entry.S knows the layout of Regs");
}

extern var bios_regs: Regs;
extern var bios_vector: u32;
extern fn bios_call() callconv(.{ .x86_64_sysv = .{} }) void;

/// 64 KiB for transfers, on a 64 KiB boundary (stage2.ld). Its content is
/// anyone's until the next BIOS call.
pub const bounce_size = 0x10000;
pub const bounce: *align(4096) [bounce_size]u8 = @ptrFromInt(0x70000);
pub const bounce_segment = 0x7000;

pub fn call(vector: u8, regs: *Regs) void {
    // The interrupt vector table is at address 0, which Zig takes for null.
    const table: [*]allowzero const volatile u32 = @ptrFromInt(0);
    bios_vector = table[vector];
    bios_regs = regs.*;
    bios_call();
    regs.* = bios_regs;
}

/// Teletype output, for message.zig.
pub fn writeScreen(text: []const u8) void {
    for (text) |byte| {
        if (byte == '\n') writeCharacter('\r');
        writeCharacter(byte);
    }
}

fn writeCharacter(byte: u8) void {
    var regs: Regs = .{ .eax = 0x0e00 | @as(u32, byte), .ebx = 7 };
    call(0x10, &regs);
}

/// A pointer to anything in memory, the first page included.
pub fn at(comptime T: type, address: usize) *allowzero align(1) const volatile T {
    return @ptrFromInt(address);
}
