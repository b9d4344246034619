//! The last step of both loaders: from their own world into the kernel's entry
//! point, in the state that boot_info.h promises.
//!
//!     const arena: *Arena = @ptrFromInt(address);  // @sizeOf(Arena) of .loader memory below 4 GiB
//!     ... fill arena.info ...
//!     handover.enterKernel(arena, entry);
//!
//! The switch of the page tables runs from a copy of the code in the arena,
//! which both the old and the new tables map at its physical address; a UEFI
//! loader itself may lie above 4 GiB.

const std = @import("std");
const boot = @import("boot_info.zig");
const cpu = @import("cpu.zig");
const paging = @import("paging.zig");

const stack_size = 32 << 10;

/// Everything of the loader that the kernel still uses, in one piece.
pub const Arena = extern struct {
    tables: paging.Tables align(4096),
    stack: [stack_size]u8 align(4096),
    code: [256]u8 align(4096),
    gdt: [3]u64,
    gdt_pointer: [10]u8,
    info: boot.BootInfo align(4096),
};

// Registers: RDI, RSI, RDX, RCX, R8 = boot_info, CR3, entry, stack, GDT pointer.
comptime {
    asm (
        \\.text
        \\.globl handover_code
        \\.globl handover_code_end
        \\handover_code:
        \\    lgdt (%r8)
        \\    movq %rsi, %cr3
        \\    movq %rcx, %rsp
        \\    pushq $0x08
        \\    leaq 1f(%rip), %rax
        \\    pushq %rax
        \\    lretq
        \\1:  movl $0x10, %eax
        \\    movl %eax, %ds
        \\    movl %eax, %es
        \\    movl %eax, %ss
        \\    xorl %eax, %eax
        \\    movl %eax, %fs
        \\    movl %eax, %gs
        \\    xorl %ebp, %ebp
        \\    jmpq *%rdx
        \\handover_code_end:
    );
}
extern const handover_code: u8;
extern const handover_code_end: u8;

const cr0_wp: u64 = 1 << 16;
const cr4_pge: u64 = 1 << 7;
const cr4_pcide: u64 = 1 << 17;
const cr4_cet: u64 = 1 << 23;
const msr_efer = 0xc0000080;
const efer_nxe: u32 = 1 << 11;

fn setControlRegisters() void {
    // CET would fault on the far return, PGE keep the firmware's mappings alive.
    const cr4 = asm volatile ("movq %%cr4, %[v]"
        : [v] "=r" (-> u64),
    );
    asm volatile ("movq %[v], %%cr4"
        :
        : [v] "r" (cr4 & ~(cr4_pge | cr4_pcide | cr4_cet)),
        : .{ .memory = true });
    const cr0 = asm volatile ("movq %%cr0, %[v]"
        : [v] "=r" (-> u64),
    );
    asm volatile ("movq %[v], %%cr0"
        :
        : [v] "r" (cr0 | cr0_wp),
        : .{ .memory = true });
    var low: u32 = undefined;
    var high: u32 = undefined;
    asm volatile ("rdmsr"
        : [low] "={eax}" (low),
          [high] "={edx}" (high),
        : [msr] "{ecx}" (@as(u32, msr_efer)),
    );
    asm volatile ("wrmsr"
        :
        : [low] "{eax}" (low | efer_nxe),
          [high] "{edx}" (high),
          [msr] "{ecx}" (@as(u32, msr_efer)),
    );
}

/// Enters the kernel at `entry`. arena.info is complete but for tsc_handover.
/// The firmware is no longer needed, and paging maps the arena 1:1.
pub fn enterKernel(arena: *Arena, entry: u64) noreturn {
    asm volatile ("cli");
    const info = &arena.info;
    const cr3 = arena.tables.build(info.kernel_phys, info.kernel_size);

    const size = @intFromPtr(&handover_code_end) - @intFromPtr(&handover_code);
    // SAFETY: the two labels enclose the code above, `size` bytes long.
    const code = @as([*]const u8, @ptrCast(&handover_code))[0..size];
    @memcpy(arena.code[0..size], code);

    arena.gdt = .{ 0, 0x00af9a000000ffff, 0x00cf92000000ffff };
    std.mem.writeInt(u16, arena.gdt_pointer[0..2], @sizeOf(@TypeOf(arena.gdt)) - 1, .little);
    std.mem.writeInt(u64, arena.gdt_pointer[2..10], boot.direct_map_base + @intFromPtr(&arena.gdt), .little);

    setControlRegisters();
    info.tsc_handover = cpu.rdtsc();
    asm volatile ("jmpq *%[code]"
        :
        : [code] "{rax}" (&arena.code),
          [info] "{rdi}" (boot.direct_map_base + @intFromPtr(info)),
          [cr3] "{rsi}" (cr3),
          [entry] "{rdx}" (entry),
          [stack] "{rcx}" (boot.direct_map_base + @intFromPtr(&arena.stack) + stack_size),
          [gdt] "{r8}" (&arena.gdt_pointer),
        : .{ .memory = true });
    unreachable;
}
