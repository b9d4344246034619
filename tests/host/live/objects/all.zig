//! A Zig module: state, constants, a switch, checks that panic, calls of other languages.
extern fn host_add(a: c_int, b: c_int) c_int;
extern var host_value: c_int;

var counter: c_int = 5;
const words = [_][]const u8{ "zero", "one", "two" };
export var zig_exported: c_int = 17;

export fn zig_twice(x: c_int) c_int {
    return 2 * x;
}

export fn check_all() c_int {
    counter += 1;
    if (host_add(counter, 1) != 7) return 1;
    counter -= 1;
    if (host_value != 1234) return 2;
    if (words[2][1] != 'w') return 3;
    if (zig_twice(zig_exported) != 34) return 4;
    const pointer: *const fn (c_int) callconv(.c) c_int = &zig_twice;
    if (pointer(3) != 6) return 5;
    return 0;
}
