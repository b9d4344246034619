//! The local APIC's timer (SDM vol. 3, 11.5.4): TSC deadlines where CPUID has them, else a
//! one-shot count. xAPIC by its register window, x2APIC by MSRs.

const cpu = @import("cpu.zig");
const Scale = @import("scale.zig").Scale;

const Register = enum(u32) { lvt_timer = 0x320, initial_count = 0x380, current_count = 0x390, divide = 0x3e0 };

const msr_apic_base = 0x1b;
const msr_tsc_deadline = 0x6e0;
const msr_x2apic = 0x800;
const x2apic_enabled = 1 << 10; // of msr_apic_base
const lvt_vector: u32 = 0xff;
const lvt_masked: u32 = 1 << 16;
const lvt_tsc_deadline: u32 = 2 << 17;
const divide_by_16: u32 = 0x3;
const deadline_feature = 1 << 24; // CPUID.1:ECX

/// Set once at boot.
var window: ?[*]volatile u32 = null; // null: x2APIC
var uses_deadline = false;
var counts_per_second: u64 = 0;
var to_counts: Scale = .zero;
var lvt: u32 = 0; // LVT entry of every CPU while armed

fn read(register: Register) u32 {
    if (window) |registers| return registers[@intFromEnum(register) / 4];
    return @truncate(cpu.readMsr(msr_x2apic + @intFromEnum(register) / 16));
}

fn write(register: Register, value: u32) void {
    if (window) |registers| {
        registers[@intFromEnum(register) / 4] = value;
    } else {
        cpu.writeMsr(msr_x2apic + @intFromEnum(register) / 16, value);
    }
}

pub fn init(registers: ?*anyopaque) void {
    // SAFETY: the caller mapped the APIC's page.
    window = if (cpu.readMsr(msr_apic_base) & x2apic_enabled != 0) null else @ptrCast(@alignCast(registers));
    uses_deadline = cpu.cpuid(1).ecx & deadline_feature != 0;
    lvt = read(.lvt_timer) & lvt_vector;
}

/// For calibration: counts down from the top, without an interrupt.
pub fn startFreeRunning() void {
    write(.lvt_timer, lvt | lvt_masked);
    write(.divide, divide_by_16);
    write(.initial_count, ~@as(u32, 0));
}

/// The free-running timer as a counter that counts up; it wraps after a minute at the earliest.
pub const Counter = struct {
    pub fn read(_: Counter) u64 {
        return ~@as(u32, 0) - currentCount();
    }
};

fn currentCount() u32 {
    return read(.current_count);
}

/// Ends calibration on the boot CPU and makes its timer ready, disarmed.
pub fn start(tsc_hz: u64, hz: u64) void {
    counts_per_second = hz;
    to_counts = Scale.ratio(hz, tsc_hz);
    startCpu();
}

pub fn startCpu() void {
    write(.initial_count, 0);
    write(.divide, divide_by_16);
    write(.lvt_timer, if (uses_deadline) lvt | lvt_tsc_deadline else lvt);
    // SDM vol. 3, 11.5.4.1: orders the LVT write in memory before the MSR's.
    if (uses_deadline and window != null) cpu.fence();
}

pub fn countsPerSecond() u64 {
    return if (uses_deadline) 0 else counts_per_second;
}

pub fn arm(tsc_deadline: u64) void {
    if (uses_deadline) {
        cpu.writeMsr(msr_tsc_deadline, @max(tsc_deadline, 1)); // 0 disarms
        return;
    }
    const now = cpu.readTsc();
    const ticks = if (tsc_deadline > now) tsc_deadline - now else 0;
    // Rounded up, so that it does not fire before its time; 0 would stop the timer.
    const counts = to_counts.apply(ticks) +| 1;
    write(.initial_count, @intCast(@min(counts, ~@as(u32, 0))));
}

pub fn disarm() void {
    if (uses_deadline) cpu.writeMsr(msr_tsc_deadline, 0) else write(.initial_count, 0);
}
