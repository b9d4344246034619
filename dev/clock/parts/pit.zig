//! Channel 2 of the 8254 PIT as a counter (data sheet 8254, "Mode 2" and "Counter Latch Command").
//! Port 61h gates it and keeps the speaker off.

const cpu = @import("cpu.zig");

pub const hz = 1_193_182;
pub const mask = 0xffff;

const channel_2 = 0x42;
const command = 0x43;
const gate_port = 0x61;
const gate: u8 = 0x01;
const speaker: u8 = 0x02;
const select_2_both_bytes_mode_2 = 0xb4;
const latch_2 = 0x80;

pub fn start() void {
    cpu.out8(gate_port, cpu.in8(gate_port) & ~speaker | gate);
    cpu.out8(command, select_2_both_bytes_mode_2);
    cpu.out8(channel_2, 0); // 65536, low byte first
    cpu.out8(channel_2, 0);
}

pub fn stop() void {
    cpu.out8(gate_port, cpu.in8(gate_port) & ~(speaker | gate));
}

/// Counts up, modulo 65536: the channel itself counts down.
pub fn read() u64 {
    cpu.out8(command, latch_2);
    const low = cpu.in8(channel_2);
    const high = cpu.in8(channel_2);
    return mask - (@as(u64, high) << 8 | low);
}
