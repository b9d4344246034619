//! Frequencies of the TSC and the local APIC timer, measured together against one reference
//! counter in a window of a few milliseconds.
//!
//! Each end of the window is read several times, and the reading whose TSC bracket is the narrowest
//! counts: a delay (SMI, a host that runs another virtual CPU) between two reads widens the bracket
//! and so is seen. With brackets of a microsecond, 2 ms give 0.1 % at worst; measured: 0.001 %.
//!
//! CPUID may state the TSC's frequency (leaf 15H, hypervisor leaf 40000010H). That is exact, but
//! is taken only if a short measurement agrees.

const cpu = @import("cpu.zig");
const Hpet = @import("hpet.zig").Hpet;
const lapic = @import("lapic.zig");
const pit = @import("pit.zig");

/// Values of enum clock_reference.
pub const Kind = enum(c_uint) { hpet = 0, pit = 1, cpuid = 2 };

pub const Result = struct { kind: Kind, tsc_hz: u64, lapic_hz: u64 };

const full_window_us = 2000;
const short_window_us = 500;
/// How far a short measurement may be off, in parts of the frequency.
const agreement = 200;
const readings = 10;
const attempts = 5;
/// Reads of the reference before it counts as stuck; a read takes at least 100 ns.
const patience = 10_000_000;

/// A counter of known frequency that counts up and wraps at `mask`.
const Reference = union(enum) {
    hpet: Hpet,
    pit: void,

    fn read(self: Reference) u64 {
        return switch (self) {
            .hpet => |hpet| hpet.read(),
            .pit => pit.read(),
        };
    }

    fn hz(self: Reference) u64 {
        return switch (self) {
            .hpet => |hpet| hpet.hz,
            .pit => pit.hz,
        };
    }

    fn mask(self: Reference) u64 {
        return switch (self) {
            .hpet => |hpet| hpet.mask,
            .pit => pit.mask,
        };
    }
};

/// A counter's value and the TSC at that moment.
const Reading = struct { tsc: u64, value: u64 };

/// The reading of `counter` whose bracket of TSC values is the narrowest.
fn sample(counter: anytype) Reading {
    var best: Reading = undefined;
    var best_width: u64 = ~@as(u64, 0);
    for (0..readings) |_| {
        const before = cpu.readTsc();
        const value: u64 = counter.read();
        const width = cpu.readTsc() -% before;
        if (width < best_width) {
            best_width = width;
            best = .{ .tsc = before +% width / 2, .value = value };
        }
    }
    return best;
}

/// Measures over `microseconds`; null when the reference stands still.
fn measure(reference: Reference, microseconds: u64) ?Result {
    lapic.startFreeRunning();
    const start = sample(reference);
    const lapic_start = sample(lapic.Counter{});
    const wanted = reference.hz() * microseconds / 1_000_000;
    var tries: u32 = 0;
    while ((reference.read() -% start.value) & reference.mask() < wanted) : (tries += 1) {
        if (tries == patience) return null;
    }
    const end = sample(reference);
    const lapic_end = sample(lapic.Counter{});
    const elapsed = (end.value -% start.value) & reference.mask();
    if (elapsed == 0) return null;
    const tsc_hz = perSecond(end.tsc -% start.tsc, elapsed, reference.hz());
    return .{
        .kind = if (reference == .hpet) .hpet else .pit,
        .tsc_hz = tsc_hz,
        .lapic_hz = perSecond(lapic_end.value -% lapic_start.value, lapic_end.tsc -% lapic_start.tsc, tsc_hz),
    };
}

/// counts / (elapsed / hz). A window of milliseconds keeps the product within 64 bits up to 100 GHz.
fn perSecond(counts: u64, elapsed: u64, hz: u64) u64 {
    return counts * hz / elapsed;
}

/// The TSC's frequency as CPUID states it; null when it does not.
fn stated() ?u64 {
    if (cpu.cpuid(0).eax >= 0x15) { // SDM vol. 3, 19.7.3
        const leaf = cpu.cpuid(0x15);
        if (leaf.eax != 0 and leaf.ebx != 0 and leaf.ecx != 0)
            return @as(u64, leaf.ecx) * leaf.ebx / leaf.eax;
    }
    if (cpu.cpuid(1).ecx >> 31 != 0 and cpu.cpuid(0x40000000).eax >= 0x40000010) {
        const khz = cpu.cpuid(0x40000010).eax;
        if (khz != 0) return @as(u64, khz) * 1000;
    }
    return null;
}

fn agrees(measured: u64, expected: u64) bool {
    const difference = if (measured > expected) measured - expected else expected - measured;
    return difference <= expected / agreement;
}

pub fn run(hpet_registers: ?*anyopaque) ?Result {
    var reference: Reference = .pit;
    if (Hpet.init(hpet_registers)) |hpet| reference = .{ .hpet = hpet } else pit.start();
    defer if (reference == .pit) pit.stop();

    if (stated()) |tsc_hz| {
        if (measure(reference, short_window_us)) |short| {
            if (agrees(short.tsc_hz, tsc_hz))
                return .{ .kind = .cpuid, .tsc_hz = tsc_hz, .lapic_hz = short.lapic_hz };
        }
    }
    if (reference == .hpet) {
        if (measure(reference, full_window_us)) |result| return result;
        reference = .pit; // the HPET does not count
        pit.start();
    }
    return measureTwice(reference);
}

/// The PIT's 16 bits wrap every 55 ms: a longer delay in the window would go unseen by a single measurement.
fn measureTwice(reference: Reference) ?Result {
    var previous = measure(reference, full_window_us) orelse return null;
    for (0..attempts) |_| {
        const result = measure(reference, full_window_us) orelse return null;
        if (agrees(result.tsc_hz, previous.tsc_hz)) return result;
        previous = result;
    }
    return previous;
}
