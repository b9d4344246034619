//! Runs a plan of the conformance suite with the Zig binding: runner.c says what a plan is and what is printed.

const sys = @import("polyglot_syscall");

const most = 256;
const text_room = 4 << 20;

var heap: [8 << 20]u8 align(16) = undefined;
var heap_used: usize = 0;
var text_memory: [text_room]u8 = undefined;
var output: [1 << 16]u8 = undefined;
var output_used: usize = 0;
var buffers: [most][]u8 = undefined;
var results: [most]i64 = undefined;
var in_child = false;

const Words = struct {
    rest: []const u8,

    fn next(self: *Words) []const u8 {
        var start: usize = 0;
        while (start < self.rest.len and self.rest[start] == ' ') start += 1;
        var end = start;
        while (end < self.rest.len and self.rest[end] != ' ') end += 1;
        const word = self.rest[start..end];
        self.rest = self.rest[end..];
        return word;
    }

    fn number(self: *Words) usize {
        return @intCast(parse(self.next()));
    }
};

fn equal(a: []const u8, b: []const u8) bool {
    if (a.len != b.len) return false;
    for (a, b) |x, y| if (x != y) return false;
    return true;
}

fn indexOf(text: []const u8, char: u8) ?usize {
    for (text, 0..) |c, i| if (c == char) return i;
    return null;
}

fn parse(text: []const u8) u64 {
    var value: u64 = 0;
    for (text) |c| value = value *% 10 +% (c - '0');
    return value;
}

fn flush() void {
    var done: usize = 0;
    while (done < output_used) {
        const written = sys.write(1, @ptrCast(&output[done]), output_used - done) catch break;
        done += @intCast(written);
    }
    output_used = 0;
}

fn print(text: []const u8) void {
    for (text) |c| {
        if (output_used == output.len) flush();
        output[output_used] = c;
        output_used += 1;
    }
}

fn printNumber(value: i64) void {
    var digits: [20]u8 = undefined;
    var at: usize = digits.len;
    var left: u64 = @abs(value);
    while (true) {
        at -= 1;
        digits[at] = '0' + @as(u8, @intCast(left % 10));
        left /= 10;
        if (left == 0) break;
    }
    if (value < 0) print("-");
    print(digits[at..]);
}

fn loadValue(text: []const u8) u64 {
    const first = indexOf(text, '.').?;
    const second = first + 1 + indexOf(text[first + 1 ..], '.').?;
    const offset: usize = @intCast(parse(text[first + 1 .. second]));
    const width: usize = @intCast(parse(text[second + 1 .. text.len - 1]));
    const from = buffers[@intCast(parse(text[0..first]))];
    var value: u64 = 0;
    for (0..width) |i| value |= @as(u64, from[offset + i]) << @intCast(8 * i);
    if (text[text.len - 1] != 's' or width == 8) return value;
    const unused: u6 = @intCast(64 - 8 * width);
    return @bitCast(@as(i64, @bitCast(value << unused)) >> unused);
}

fn term(text: []const u8) u64 {
    return switch (text[0]) {
        'r' => @bitCast(results[@intCast(parse(text[1..]))]),
        'b' => @intFromPtr(buffers[@intCast(parse(text[1..]))].ptr),
        'm' => loadValue(text[1..]),
        else => parse(text),
    };
}

fn evaluate(text: []const u8) u64 {
    const plus = indexOf(text, '+') orelse return term(text);
    return term(text[0..plus]) +% evaluate(text[plus + 1 ..]);
}

fn nibble(char: u8) u8 {
    return if (char >= 'a') char - 'a' + 10 else char - '0';
}

fn makeBuffer(words: *Words) void {
    const index = words.number();
    const size = words.number();
    const hex = words.next();
    const memory = heap[heap_used..][0..size];
    heap_used += (size + 31) / 16 * 16;
    @memset(memory, 0);
    if (hex[0] != '-')
        for (0..size) |i| {
            memory[i] = nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]);
        };
    buffers[index] = memory;
}

fn store(words: *Words) void {
    const index = words.number();
    const offset = words.number();
    const width = words.number();
    const value = evaluate(words.next());
    for (0..width) |i| buffers[index][offset + i] = @truncate(value >> @intCast(8 * i));
}

fn makeCall(words: *Words) void {
    const step = words.number();
    const number: i64 = @intCast(words.number());
    const child = words.number() == 1;
    if (child != in_child) {
        if (in_child) _ = sys.exit_group(0) catch {};
        return;
    }
    var arguments: [6]u64 = undefined;
    for (&arguments) |*argument| argument.* = evaluate(words.next());
    flush();
    results[step] = sys.call(number, &arguments) catch |err| -@as(i64, sys.number(err));
    const forks = number == sys.SYS_fork or number == sys.SYS_clone or number == sys.SYS_clone3;
    if (forks and results[step] == 0) in_child = true;
    if (in_child) return;
    print("r ");
    printNumber(@intCast(step));
    print(" ");
    printNumber(results[step]);
    print("\n");
}

fn show(words: *Words) void {
    print("o ");
    print(words.next());
    print(" ");
    print(words.next());
    print(" ");
    for (buffers[words.number()]) |byte| {
        const digits = "0123456789abcdef";
        print(&.{ digits[byte >> 4], digits[byte & 15] });
    }
    print("\n");
}

fn runLine(line: []const u8) void {
    var words = Words{ .rest = line };
    const what = words.next();
    if (equal(what, "buffer")) makeBuffer(&words);
    if (equal(what, "store")) store(&words);
    if (equal(what, "call")) makeCall(&words);
    if (equal(what, "show") and !in_child) show(&words);
}

fn nextLine(rest: *[]u8) ?[]u8 {
    const end = indexOf(rest.*, '\n') orelse return null;
    const line = rest.*[0..end];
    rest.* = rest.*[end + 1 ..];
    return line;
}

fn isCase(text: []const u8) bool {
    return text.len > 5 and equal(text[0..5], "case ");
}

fn runCase(rest: []u8, name: [*:0]const u8) void {
    var lines = rest;
    _ = sys.mkdir(name, 0o755) catch {};
    _ = sys.chdir(name) catch {};
    while (!isCase(lines)) runLine(nextLine(&lines) orelse break);
    if (in_child) _ = sys.exit_group(0) catch {};
    flush();
}

/// The status of a case's process, which is killed after ten seconds.
fn waitFor(child: i32) i32 {
    const step = [1]sys.timespec{.{ .tv_sec = 0, .tv_nsec = 1000000 }};
    var status: i32 = 0;
    for (0..10000) |_| {
        if ((sys.wait4(child, @ptrCast(&status), sys.WNOHANG, null) catch 1) != 0) return status;
        _ = sys.nanosleep(&step, null) catch {};
    }
    _ = sys.kill(child, sys.SIGKILL) catch {};
    _ = sys.wait4(child, @ptrCast(&status), 0, null) catch {};
    return status;
}

fn runPlan(plan: []u8, here: bool) void {
    var rest = plan;
    while (nextLine(&rest)) |line| {
        if (!isCase(line)) continue;
        line.ptr[line.len] = 0; // where the newline was
        const name = line[5..];
        print("case ");
        print(name);
        print("\n");
        flush();
        var status: i32 = 0;
        const child = if (here) 0 else sys.fork() catch -1;
        if (child == 0) {
            runCase(rest, @ptrCast(name.ptr));
            if (!here) _ = sys.exit_group(0) catch {};
            _ = sys.chdir("..") catch {};
            _ = sys.close_range(3, ~@as(u32, 0), 0) catch {};
        } else {
            status = waitFor(@intCast(child));
        }
        print("end ");
        print(name);
        print(" ");
        printNumber(status);
        print("\n");
    }
    flush();
}

fn readPlan(path: [*:0]const u8) ![]u8 {
    const fd = try sys.open(path, sys.O_RDONLY, 0);
    var size: usize = 0;
    while (true) {
        const got = try sys.read(@intCast(fd), @ptrCast(&text_memory[size]), text_room - size);
        if (got == 0) return text_memory[0..size];
        size += @intCast(got);
    }
}

pub fn main(init: @import("std").process.Init.Minimal) u8 {
    const arguments = init.args.vector;
    if (arguments.len < 2) {
        _ = sys.write(2, "usage: runner PLAN [--here]\n", 28) catch 0;
        return 2;
    }
    const plan = readPlan(arguments[1]) catch return 2;
    _ = sys.close_range(3, ~@as(u32, 0), 0) catch {};
    _ = sys.umask(0o22) catch {};
    // Zig's start code has set one up.
    const none = [1]sys.stack{.{ .ss_sp = null, .ss_flags = sys.SS_DISABLE, .ss_size = 0 }};
    _ = sys.sigaltstack(&none, null) catch {};
    runPlan(plan, arguments.len > 2);
    return 0;
}
