//! xxh64sum FILE...: prints each file's XXH64 (seed 0) as 16 hexadecimal digits,
//! one line per file. tools/mkimage.py writes them into the boot manifest; the
//! loaders check them with the same code of Zig's library.

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const io = init.io;
    var out_buffer: [4096]u8 = undefined;
    var out = std.Io.File.stdout().writer(io, &out_buffer);
    var args = init.minimal.args.iterate();
    _ = args.next();
    while (args.next()) |path| {
        const file = try std.Io.Dir.cwd().openFile(io, path, .{});
        defer file.close(io);
        var buffer: [1 << 16]u8 = undefined;
        var reader = file.reader(io, &buffer);
        var hash = std.hash.XxHash64.init(0);
        while (true) {
            const chunk = reader.interface.peekGreedy(1) catch |err| switch (err) {
                error.EndOfStream => break,
                else => return err,
            };
            hash.update(chunk);
            reader.interface.toss(chunk.len);
        }
        try out.interface.print("{x:0>16}\n", .{hash.final()});
    }
    try out.interface.flush();
}
