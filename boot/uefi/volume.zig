//! Files of the partition that the firmware started us from.

const std = @import("std");
const common = @import("common");
const uefi = std.os.uefi;
const File = uefi.protocol.File;
const XxHash64 = std.hash.XxHash64;

/// Large enough for the firmware's driver to be fast, small enough to stay in the CPU's cache for
/// the checksum.
const piece_size = 1 << 20;

pub const Error = error{ NotFound, ReadFailed };

pub const Volume = struct {
    folder: *File,

    /// Opens the folder that holds our files.
    pub fn open(services: *uefi.tables.BootServices, image: uefi.Handle) Error!Volume {
        const loaded = (services.handleProtocol(uefi.protocol.LoadedImage, image) catch null) orelse return error.ReadFailed;
        const device = loaded.device_handle orelse return error.ReadFailed;
        const system = (services.handleProtocol(uefi.protocol.SimpleFileSystem, device) catch null) orelse return error.ReadFailed;
        const root = system.openVolume() catch return error.ReadFailed;
        return .{ .folder = try openIn(root, common.load.folder) };
    }

    /// A file of the folder, at its start. `name` is ASCII.
    pub fn find(volume: Volume, name: []const u8) Error!*File {
        return openIn(volume.folder, name);
    }
};

fn openIn(folder: *File, name: []const u8) Error!*File {
    var wide: [64:0]u16 = undefined;
    if (name.len >= wide.len) return error.NotFound;
    for (name, 0..) |byte, i| wide[i] = byte;
    wide[name.len] = 0;
    return folder.open(&wide, .read, .{}) catch |err| switch (err) {
        error.NotFound => error.NotFound,
        else => error.ReadFailed,
    };
}

/// UEFI 2.10, 13.5.9: the position of all ones is the file's end.
pub fn sizeOf(file: *File) Error!u64 {
    file.setPosition(std.math.maxInt(u64)) catch return error.ReadFailed;
    const size = file.getPosition() catch return error.ReadFailed;
    file.setPosition(0) catch return error.ReadFailed;
    return size;
}

/// Reads `size` bytes to the start of `buffer`, zeroes the rest, and returns the XXH64 of the bytes.
/// `name` is for telling how far a slow disk has come.
pub fn read(file: *File, name: []const u8, size: usize, buffer: []u8) Error!u64 {
    var progress: common.Progress = .start(name, size);
    var hash = XxHash64.init(0);
    var done: usize = 0;
    while (done < size) {
        const piece = buffer[done..@min(done + piece_size, size)];
        const got = file.read(piece) catch return error.ReadFailed;
        if (got == 0 or got > piece.len) return error.ReadFailed;
        hash.update(piece[0..got]);
        done += got;
        progress.update(done);
    }
    @memset(buffer[size..], 0);
    return hash.final();
}
