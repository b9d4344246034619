//! How far a slow disk has come. Says nothing unless loading takes seconds.
//!
//!     var progress: Progress = .start("world.elf", size);
//!     progress.update(done);                              // as often as one likes

const cpu = @import("cpu.zig");
const message = @import("message.zig");

/// Cycles of the TSC until the first line: between one and two seconds on today's machines.
const patience: u64 = 1 << 32;

pub const Progress = struct {
    name: []const u8,
    total: u64,
    started: u64,
    next_tenth: u64 = 1,

    pub fn start(name: []const u8, total: u64) Progress {
        return .{ .name = name, .total = total, .started = cpu.rdtsc() };
    }

    pub fn update(progress: *Progress, done: u64) void {
        const tenth = done * 10 / @max(progress.total, 1);
        if (tenth < progress.next_tenth or cpu.rdtsc() -% progress.started < patience) return;
        progress.next_tenth = tenth + 1;
        message.print("Loading {s}: {d}%\n", .{ progress.name, tenth * 10 });
    }
};
