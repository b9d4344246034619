//! The CMOS real-time clock (data sheet MC146818A): the date, as seconds since 1970.

const cpu = @import("cpu.zig");

const index_port = 0x70;
const data_port = 0x71;
const nmi_enabled: u8 = 0x00; // bit 7 of the index port disables NMI

const register_a = 0x0a;
const register_b = 0x0b;
const update_in_progress: u8 = 0x80; // A
const binary_mode: u8 = 0x04; // B
const hours_24: u8 = 0x02; // B
const pm: u8 = 0x80; // in the hours, with 12-hour mode

/// An update takes 2 ms; a read of a port at least 100 ns.
const patience = 100_000;

/// The registers as they are, in their encoding.
const Raw = struct {
    second: u8,
    minute: u8,
    hour: u8,
    day: u8,
    month: u8,
    year: u8,
    century: u8,

    fn equal(a: Raw, b: Raw) bool {
        return a.second == b.second and a.minute == b.minute and a.hour == b.hour and
            a.day == b.day and a.month == b.month and a.year == b.year and a.century == b.century;
    }
};

fn read(index: u8) u8 {
    cpu.out8(index_port, nmi_enabled | index);
    return cpu.in8(data_port);
}

fn readAll(century_register: u8) Raw {
    return .{
        .second = read(0x00),
        .minute = read(0x02),
        .hour = read(0x04),
        .day = read(0x07),
        .month = read(0x08),
        .year = read(0x09),
        .century = if (century_register != 0) read(century_register) else 0,
    };
}

/// The registers between two updates: read until two readings agree, neither during an update.
fn readStable(century_register: u8) ?Raw {
    var previous: ?Raw = null;
    for (0..patience) |_| {
        if (read(register_a) & update_in_progress != 0) {
            previous = null;
            continue;
        }
        const current = readAll(century_register);
        if (previous) |earlier| {
            if (earlier.equal(current)) return current;
        }
        previous = current;
    }
    return null;
}

fn decode(value: u8, binary: bool) u8 {
    return if (binary) value else (value >> 4) *% 10 +% (value & 0x0f);
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
/// the leap day is a year's last: then month m starts (153 * m + 2) / 5 days into the year.
fn daysSince1970(year: u32, month: u32, day: u32) i64 {
    const y = if (month > 2) year else year - 1;
    const m = if (month > 2) month - 3 else month + 9;
    const days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    return @as(i64, days) - 719_468; // 0000-03-01 to 1970-01-01
}

/// Seconds since 1970-01-01 UTC; null when it is no date. `mode` is register B. Without a century
/// the years are 2000 to 2099.
fn toUnix(raw: Raw, mode: u8) ?i64 {
    const binary = mode & binary_mode != 0;
    var hour = decode(if (mode & hours_24 != 0) raw.hour else raw.hour & ~pm, binary);
    if (mode & hours_24 == 0) {
        hour = hour % 12 + if (raw.hour & pm != 0) @as(u8, 12) else 0; // 12 AM is 0, 12 PM is 12
    }
    const minute = decode(raw.minute, binary);
    const second = decode(raw.second, binary);
    const day = decode(raw.day, binary);
    const month = decode(raw.month, binary);
    const year_of_century = decode(raw.year, binary);
    var century = decode(raw.century, binary);
    if (century < 19 or century > 30) century = 20;

    if (hour > 23 or minute > 59 or second > 59 or day < 1 or day > 31 or month < 1 or month > 12 or year_of_century > 99)
        return null;
    const days = daysSince1970(@as(u32, century) * 100 + year_of_century, month, day);
    return days * 86_400 + @as(i64, hour) * 3600 + @as(i64, minute) * 60 + second;
}

/// The clock's date; null when it shows none.
pub fn readUnix(century_register: u8) ?i64 {
    const raw = readStable(century_register) orelse return null;
    return toUnix(raw, read(register_b));
}

test "days since 1970" {
    const expectEqual = @import("std").testing.expectEqual;
    try expectEqual(0, daysSince1970(1970, 1, 1));
    try expectEqual(11_016, daysSince1970(2000, 2, 29));
    try expectEqual(11_017, daysSince1970(2000, 3, 1));
    try expectEqual(19_782, daysSince1970(2024, 2, 29));
    try expectEqual(47_541, daysSince1970(2100, 3, 1)); // 2100 is no leap year
    // Every day of 400 years is one after the day before.
    const lengths = [_]u32{ 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    var expected: i64 = 0;
    var year: u32 = 1970;
    while (year < 2370) : (year += 1) {
        const leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0);
        for (lengths, 1..) |length, month| {
            const days = if (month == 2 and leap) length + 1 else length;
            for (1..days + 1) |day| {
                try expectEqual(expected, daysSince1970(year, @intCast(month), @intCast(day)));
                expected += 1;
            }
        }
    }
}

test "binary-coded decimal" {
    const expectEqual = @import("std").testing.expectEqual;
    try expectEqual(59, decode(0x59, false));
    try expectEqual(0x59, decode(0x59, true));
}

test "register modes" {
    const expectEqual = @import("std").testing.expectEqual;
    // 2026-11-23 13:05:09 UTC
    const bcd: Raw = .{ .second = 0x09, .minute = 0x05, .hour = 0x13, .day = 0x23, .month = 0x11, .year = 0x26, .century = 0x20 };
    try expectEqual(1_795_439_109, toUnix(bcd, hours_24));
    var twelve = bcd;
    twelve.hour = 0x01 | pm;
    twelve.century = 0;
    try expectEqual(1_795_439_109, toUnix(twelve, 0));
    twelve.hour = 0x12; // 12 AM: midnight
    try expectEqual(1_795_439_109 - 13 * 3600, toUnix(twelve, 0));
    const binary: Raw = .{ .second = 9, .minute = 5, .hour = 13, .day = 23, .month = 11, .year = 26, .century = 20 };
    try expectEqual(1_795_439_109, toUnix(binary, hours_24 | binary_mode));
    var wrong = binary;
    wrong.month = 13;
    try expectEqual(null, toUnix(wrong, hours_24 | binary_mode));
}
