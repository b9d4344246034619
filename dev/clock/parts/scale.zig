//! Multiplication by a fixed ratio, without division: value * numerator / denominator.

/// The ratio as a 64.64 fixed-point number, rounded down. The product of two 64-bit numbers has
/// 128 bits, so nothing overflows before the result itself does; the result is at most one too small
/// while value is below 2^63.
pub const Scale = struct {
    whole: u64,
    fraction: u64,

    pub const zero: Scale = .{ .whole = 0, .fraction = 0 };

    pub fn ratio(numerator: u64, denominator: u64) Scale {
        // Long division bit by bit: 128-bit division would need a library routine.
        var remainder: u64 = numerator % denominator;
        var fraction: u64 = 0;
        for (0..64) |_| {
            const carry = remainder >> 63 != 0;
            remainder = remainder << 1;
            fraction = fraction << 1;
            if (carry or remainder >= denominator) {
                remainder -%= denominator;
                fraction |= 1;
            }
        }
        return .{ .whole = numerator / denominator, .fraction = fraction };
    }

    pub fn apply(self: Scale, value: u64) u64 {
        const low: u64 = @truncate(@as(u128, value) * self.fraction >> 64);
        return value *% self.whole +% low;
    }
};

test "a ratio is exact to one count" {
    const expect = @import("std").testing.expect;
    const frequencies = [_]u64{ 1_000_000_000, 14_318_180, 2_394_454_321, 999_999_937, 24_000_000, 7_200_000_001 };
    for (frequencies) |numerator| {
        for (frequencies) |denominator| {
            const scale = Scale.ratio(numerator, denominator);
            var value: u64 = 1;
            while (value < 1 << 60) : (value = value * 3 + 7) {
                const wanted = @as(u128, value) * numerator / denominator;
                if (wanted >= 1 << 63) break;
                const got: u128 = scale.apply(value);
                try expect(got <= wanted and wanted - got <= 1);
            }
        }
    }
}
