//! Linked by test_link.py: what zig makes. It calls the function of Rust.
extern fn rust_add_twice(a: c_int, b: c_int) c_int;

const Point = extern struct { x: c_int, y: c_int };
export var zig_point: Point = .{ .x = 3, .y = -4 };

export fn zig_add_four_times(a: c_int, b: c_int) c_int {
    return rust_add_twice(rust_add_twice(a, b), b);
}

export fn zig_sum(bytes: [*]const u8, count: usize) u64 {
    var sum: u64 = 0;
    for (bytes[0..count]) |byte| sum += byte;
    return sum;
}

noinline fn quotient(a: c_int, b: c_int) c_int {
    return @divTrunc(a, b); // zig divides
}

export fn zig_divide(a: c_int, b: c_int) c_int {
    return quotient(a, b) + 1;
}
