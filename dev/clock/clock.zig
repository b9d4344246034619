//! The clock device behind dev/clock/clock.h: the TSC as the clock, the local APIC timer as the
//! one-shot interrupt, HPET or PIT to measure both, the CMOS clock for the date.
//!
//! Kernel Zig: no SSE, no allocation, no standard library beyond what compiles to plain code.
//! A failed safety check ends in the kernel's panic().

const calibrate = @import("parts/calibrate.zig");
const cpu = @import("parts/cpu.zig");
const kernel = @import("parts/kernel.zig");
const lapic = @import("parts/lapic.zig");
const rtc = @import("parts/rtc.zig");
const Scale = @import("parts/scale.zig").Scale;

pub const panic = kernel.panic;

const EIO = 5; // errno(3)
const nanos_per_second = 1_000_000_000;

/// Set once by clock_device_init(), read-only afterwards.
var tsc_hz: u64 = 0;
var reference: calibrate.Kind = .hpet;
var to_nanos: Scale = .zero;
var to_ticks: Scale = .zero;
var century_register: u8 = 0;

export fn clock_device_init(hpet_registers: ?*anyopaque, lapic_registers: ?*anyopaque, cmos_century_register: u32) c_int {
    century_register = if (cmos_century_register < 0x80) @intCast(cmos_century_register) else 0;
    lapic.init(lapic_registers);
    const result = calibrate.run(hpet_registers) orelse return -EIO;
    reference = result.kind;
    tsc_hz = result.tsc_hz;
    to_ticks = Scale.ratio(tsc_hz, nanos_per_second);
    lapic.start(tsc_hz, result.lapic_hz);
    to_nanos = Scale.ratio(nanos_per_second, tsc_hz);
    return 0;
}

export fn clock_device_init_cpu() void {
    lapic.startCpu();
}

export fn clock_device_tsc_hz() u64 {
    return tsc_hz;
}

export fn clock_device_timer_hz() u64 {
    return lapic.countsPerSecond();
}

export fn clock_device_reference() c_uint {
    return @intFromEnum(reference);
}

export fn clock_device_ticks() u64 {
    return cpu.readTsc();
}

export fn clock_device_now() i64 {
    return clock_device_nanos(cpu.readTsc());
}

export fn clock_device_nanos(ticks: u64) i64 {
    return @bitCast(to_nanos.apply(ticks));
}

export fn clock_device_ticks_for(duration: i64) u64 {
    return to_ticks.apply(@intCast(@max(duration, 0)));
}

export fn clock_device_arm(tsc_deadline: u64) void {
    lapic.arm(tsc_deadline);
}

export fn clock_device_disarm() void {
    lapic.disarm();
}

export fn rtc_read_unix() i64 {
    return rtc.readUnix(century_register) orelse -EIO;
}
