//! Prints the layout of boot/common/boot_info.zig in the form of layout.c.

const std = @import("std");
const boot = @import("common").boot;

fn printFields(out: *std.Io.Writer, comptime name: []const u8, comptime T: type) !void {
    try out.print("{s} {d}\n", .{ name, @sizeOf(T) });
    inline for (comptime std.meta.fieldNames(T)) |field| {
        try out.print("{s}.{s} {d} {d}\n", .{ name, field, @offsetOf(T, field), @sizeOf(@FieldType(T, field)) });
    }
}

pub fn main(init: std.process.Init) !void {
    var buffer: [4096]u8 = undefined;
    var file_writer = std.Io.File.stdout().writer(init.io, &buffer);
    const out = &file_writer.interface;
    const values = .{
        .{ "BOOT_INFO_MAGIC", boot.magic },           .{ "BOOT_INFO_VERSION", boot.version },
        .{ "BOOT_DIRECT_MAP_BASE", boot.direct_map_base }, .{ "BOOT_KERNEL_BASE", boot.kernel_base },
        .{ "BOOT_MAX_MEMORY", boot.max_memory },      .{ "BOOT_MAX_FILES", boot.max_files },
        .{ "BOOT_CMDLINE_SIZE", boot.cmdline_size },
    };
    inline for (values) |value| try out.print("{s} {d}\n", .{ value[0], @as(u64, value[1]) });
    inline for (.{ .{ "BOOT_MEMORY_", boot.MemoryType }, .{ "BOOT_FIRMWARE_", boot.Firmware } }) |pair| {
        inline for (comptime std.enums.values(pair[1])) |value| {
            var name: [32]u8 = undefined;
            try out.print("{s}{s} {d}\n", .{ pair[0], std.ascii.upperString(&name, @tagName(value)), @intFromEnum(value) });
        }
    }
    try printFields(out, "boot_memory", boot.Memory);
    try printFields(out, "boot_file", boot.File);
    try printFields(out, "boot_framebuffer", boot.Framebuffer);
    try printFields(out, "boot_info", boot.BootInfo);
    try out.flush();
}
