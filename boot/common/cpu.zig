//! CPU features that the kernel builds on, and registers the loaders need.

const std = @import("std");

const Leaf = struct { eax: u32, ebx: u32, ecx: u32, edx: u32 };

pub fn cpuid(leaf: u32) Leaf {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    var edx: u32 = undefined;
    asm volatile ("cpuid"
        : [a] "={eax}" (eax),
          [b] "={ebx}" (ebx),
          [c] "={ecx}" (ecx),
          [d] "={edx}" (edx),
        : [leaf] "{eax}" (leaf),
          [sub] "{ecx}" (@as(u32, 0)),
    );
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
}

pub inline fn rdtsc() u64 {
    var low: u32 = undefined;
    var high: u32 = undefined;
    asm volatile ("rdtsc"
        : [low] "={eax}" (low),
          [high] "={edx}" (high),
    );
    return @as(u64, high) << 32 | low;
}

const Feature = struct { name: []const u8, bit: u5 };

/// CPUID.1:EDX
const basic = [_]Feature{
    .{ .name = "FPU", .bit = 0 },   .{ .name = "TSC", .bit = 4 },
    .{ .name = "MSR", .bit = 5 },   .{ .name = "PAE", .bit = 6 },
    .{ .name = "CX8", .bit = 8 },   .{ .name = "APIC", .bit = 9 },
    .{ .name = "PGE", .bit = 13 },  .{ .name = "CMOV", .bit = 15 },
    .{ .name = "PAT", .bit = 16 },  .{ .name = "FXSR", .bit = 24 },
    .{ .name = "SSE", .bit = 25 },  .{ .name = "SSE2", .bit = 26 },
};
/// CPUID.80000001h:EDX
const extended = [_]Feature{
    .{ .name = "SYSCALL", .bit = 11 },
    .{ .name = "NX", .bit = 20 },
    .{ .name = "LM", .bit = 29 },
};

/// Writes the names of the missing features, separated by blanks, to `out`;
/// the empty string means that the CPU will do.
pub fn missingFeatures(out: []u8) []const u8 {
    var used: usize = 0;
    append(out, &used, &basic, cpuid(1).edx);
    append(out, &used, &extended, if (cpuid(0x80000000).eax >= 0x80000001) cpuid(0x80000001).edx else 0);
    return out[0..used];
}

fn append(out: []u8, used: *usize, features: []const Feature, bits: u32) void {
    for (features) |feature| {
        if (bits >> feature.bit & 1 != 0) continue;
        const text = std.fmt.bufPrint(out[used.*..], "{s}{s}", .{
            if (used.* == 0) "" else " ", feature.name,
        }) catch return;
        used.* += text.len;
    }
}

/// CR4.LA57: the root of the page tables that are loaded has five levels below it.
pub fn hasFiveLevelPaging() bool {
    const cr4 = asm volatile ("movq %%cr4, %[v]"
        : [v] "=r" (-> u64),
    );
    return cr4 >> 12 & 1 != 0;
}

/// True inside a virtual machine that says so (CPUID.1:ECX[31]).
pub fn isVirtual() bool {
    return cpuid(1).ecx >> 31 != 0;
}
