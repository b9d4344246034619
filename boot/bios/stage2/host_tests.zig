//! Tests of what reads the disk, run on the host (tests/host/boot_info): a disk
//! in memory, sound and then damaged at random. Nothing that a disk holds may
//! make the loader read outside its buffers, crash or run for ever.

const std = @import("std");
const disk_module = @import("disk.zig");
const fat = @import("fat.zig");
const files = @import("files.zig");
const gpt = @import("gpt.zig");
const Disk = disk_module.Disk;

const sector_size = 512;
const disk_sectors = 256;
const esp_first = 40;
const esp_sectors = 200;
const reserved = 2;
const data_first = reserved + 2; // two FATs of one sector
const per_cluster = 2;

/// Reads are bounded: a loader that ran for ever would hit this.
const most_reads = 20000;

const Fake = struct {
    bytes: [disk_sectors * sector_size]u8 = @splat(0),
    reads: usize = 0,
    under_way: usize = 0,

    fn disk(fake: *Fake) Disk {
        return .{
            .name = "fake",
            .depth = 3,
            .max_sectors = 4,
            .sectors = disk_sectors,
            .context = fake,
            .submitFn = submit,
            .completeFn = complete,
        };
    }

    fn submit(context: *anyopaque, lba: u64, sectors: u32, address: u64) disk_module.Error!void {
        const fake: *Fake = @ptrCast(@alignCast(context));
        std.debug.assert(sectors > 0 and sectors <= 4 and fake.under_way < 3);
        fake.reads += 1;
        if (fake.reads > most_reads) @panic("the loader reads for ever");
        if (lba > disk_sectors or sectors > disk_sectors - lba) return error.ReadFailed;
        const to: [*]u8 = @ptrFromInt(address);
        const from: usize = @intCast(lba * sector_size);
        @memcpy(to[0 .. sectors * sector_size], fake.bytes[from..][0 .. sectors * sector_size]);
        fake.under_way += 1;
    }

    fn complete(context: *anyopaque) disk_module.Error!void {
        const fake: *Fake = @ptrCast(@alignCast(context));
        fake.under_way -= 1;
    }

    fn put(fake: *Fake, comptime T: type, at: usize, value: T) void {
        std.mem.writeInt(T, fake.bytes[at..][0..@sizeOf(T)], value, .little);
    }

    fn cluster(number: usize) usize {
        return (esp_first + data_first + (number - 2) * per_cluster) * sector_size;
    }

    fn link(fake: *Fake, number: usize, next: u32) void {
        for (0..2) |copy| fake.put(u32, (esp_first + reserved + copy) * sector_size + number * 4, next);
    }

    fn shortEntry(fake: *Fake, at: usize, name: *const [11]u8, attributes: u8, first: u16, size: u32) void {
        @memcpy(fake.bytes[at..][0..11], name);
        fake.bytes[at + 11] = attributes;
        fake.put(u16, at + 26, first);
        fake.put(u32, at + 28, size);
    }

    /// Folder "polyglot" in cluster 3 with KERNEL.ELF (clusters 5 7 8) and, by
    /// its long name, initramfs.cpio (cluster 9).
    fn build(fake: *Fake) void {
        const boot = esp_first * sector_size;
        fake.put(u16, boot + 11, sector_size);
        fake.bytes[boot + 13] = per_cluster;
        fake.put(u16, boot + 14, reserved);
        fake.bytes[boot + 16] = 2;
        fake.put(u32, boot + 32, esp_sectors);
        fake.put(u32, boot + 36, 1);
        fake.put(u32, boot + 44, 2);
        fake.put(u16, boot + 510, 0xaa55);
        for ([_]usize{ 2, 3, 8, 9 }) |last| fake.link(last, 0x0fffffff);
        fake.link(5, 7);
        fake.link(7, 8);

        fake.shortEntry(cluster(2), "POLYGLOT   ", 0x10, 3, 0);
        fake.shortEntry(cluster(3), "KERNEL  ELF", 0x20, 5, 2500);
        const short = "INITRA~1CPI";
        var sum: u8 = 0;
        for (short) |byte| sum = std.math.rotr(u8, sum, 1) +% byte;
        fake.longEntry(cluster(3) + 32, 0x42, "o", sum);
        fake.longEntry(cluster(3) + 64, 1, "initramfs.cpi", sum);
        fake.shortEntry(cluster(3) + 96, short, 0x20, 9, 512);
        for (0..3, [_]usize{ 5, 7, 8 }) |i, number|
            @memset(fake.bytes[cluster(number)..][0 .. per_cluster * sector_size], @intCast('a' + i));
        fake.buildGpt();
    }

    fn longEntry(fake: *Fake, at: usize, number: u8, part: []const u8, sum: u8) void {
        @memset(fake.bytes[at..][0..32], 0xff);
        fake.bytes[at] = number;
        fake.bytes[at + 11] = 0x0f;
        fake.bytes[at + 12] = 0;
        fake.bytes[at + 13] = sum;
        const offsets = [13]u8{ 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        for (part, 0..) |byte, i| fake.put(u16, at + offsets[i], byte);
        if (part.len < 13) fake.put(u16, at + offsets[part.len], 0);
    }

    fn buildGpt(fake: *Fake) void {
        const entries = fake.bytes[2 * sector_size ..][0 .. 4 * 128];
        const kind = [16]u8{ 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
        @memcpy(entries[128..144], &kind); // the second entry
        std.mem.writeInt(u64, entries[160..168], esp_first, .little);
        std.mem.writeInt(u64, entries[168..176], esp_first + esp_sectors - 1, .little);
        @memcpy(fake.bytes[sector_size..][0..8], "EFI PART");
        fake.put(u32, sector_size + 12, 92);
        fake.put(u64, sector_size + 24, 1);
        fake.put(u64, sector_size + 72, 2);
        fake.put(u32, sector_size + 80, 4);
        fake.put(u32, sector_size + 84, 128);
        fake.put(u32, sector_size + 88, std.hash.Crc32.hash(entries));
        fake.sealGpt();
    }

    fn sealGpt(fake: *Fake) void {
        fake.put(u32, sector_size + 16, 0);
        fake.put(u32, sector_size + 16, std.hash.Crc32.hash(fake.bytes[sector_size..][0..92]));
    }
};

var window: [32768]u8 align(4096) = undefined;
var buffer: [1 << 20]u8 align(4096) = undefined;
/// Behind what a read may touch.
const guard: u8 = 0x5a;

/// What stage 2 does with a disk: returns the checksum of one file.
fn readFile(fake: *Fake, name: []const u8) !u64 {
    const disk = fake.disk();
    const partition = try gpt.findSystemPartition(&disk);
    var volume = try fat.Volume.mount(&disk, partition, &window);
    const folder = try volume.find(volume.root(), "polyglot") orelse return error.NoFolder;
    if (!folder.is_folder) return error.NoFolder;
    const file = try volume.find(folder, name) orelse return error.NoFile;
    const size = files.bufferSize(file.size);
    if (size >= buffer.len) return error.TooLarge;
    const room = buffer[0..@intCast(size)];
    buffer[room.len] = guard;
    const checksum = try files.read(&volume, file, name, room);
    try std.testing.expectEqual(guard, buffer[room.len]);
    return checksum;
}

test "a sound disk" {
    var fake: Fake = .{};
    fake.build();
    const text = @as([1024]u8, @splat('a')) ++ @as([1024]u8, @splat('b')) ++ @as([452]u8, @splat('c'));
    try std.testing.expectEqual(std.hash.XxHash64.hash(0, &text), try readFile(&fake, "kernel.elf"));
    try std.testing.expectEqualSlices(u8, &text, buffer[0..2500]);
    try std.testing.expectEqual(0, buffer[2500]);
    _ = try readFile(&fake, "INITRAMFS.cpio");
    try std.testing.expectError(error.NoFile, readFile(&fake, "initramfs.cpi"));
    try std.testing.expectError(error.NoFile, readFile(&fake, "world.elf"));
}

test "chains that loop, end early or lead nowhere" {
    const cases = [_]struct { u32, anyerror }{
        .{ 0x0fffffff, error.ChainTooShort },
        .{ 0, error.BadCluster },
        .{ 1, error.BadCluster },
        .{ 0x0ffffff0, error.BadCluster },
    };
    for (cases) |case| {
        var fake: Fake = .{};
        fake.build();
        fake.link(7, case[0]);
        try std.testing.expectError(case[1], readFile(&fake, "kernel.elf"));
    }
    var fake: Fake = .{};
    fake.build();
    fake.link(7, 5);
    _ = try readFile(&fake, "kernel.elf"); // wrong content: the checksum's business
    fake.link(2, 2);
    @memset(fake.bytes[Fake.cluster(2)..][0 .. per_cluster * sector_size], 0xe5);
    try std.testing.expectError(error.NoFolder, readFile(&fake, "kernel.elf"));
}

test "random damage" {
    var prng = std.Random.DefaultPrng.init(3);
    const random = prng.random();
    // Where a changed byte is likely to matter: table, boot sector, FAT, folders.
    const places = [_][2]usize{
        .{ sector_size, 92 },
        .{ esp_first * sector_size, 64 },
        .{ (esp_first + reserved) * sector_size, 40 },
        .{ Fake.cluster(2), 64 },
        .{ Fake.cluster(3), 160 },
    };
    for (0..30000) |_| {
        var fake: Fake = .{};
        fake.build();
        for (0..random.intRangeAtMost(usize, 1, 4)) |_| {
            const place = places[random.uintLessThan(usize, places.len)];
            fake.bytes[place[0] + random.uintLessThan(usize, place[1])] = random.int(u8);
        }
        fake.sealGpt(); // else the checksum hides what lies behind it
        _ = readFile(&fake, if (random.boolean()) "kernel.elf" else "initramfs.cpio") catch |err| switch (err) {
            error.TestExpectedEqual => return err,
            else => continue,
        };
    }
}
