//! Loads the kernel's ELF file into one contiguous piece of physical memory.
//!
//!     const image = try elf.parse(file);         // checks everything it uses
//!     const memory = allocate(image.size);       // 2 MiB aligned
//!     image.loadInto(memory);
//!
//! Accepted: ELF64, little endian, x86-64, PT_LOAD segments inside the kernel's
//! window at kernel_base. Relocations and dynamic linking are left out: the
//! kernel is linked to its fixed address.

const std = @import("std");
const boot = @import("boot_info.zig");

pub const Error = error{
    NotElf64ForX86,
    BadProgramHeaders,
    SegmentOutsideFile,
    SegmentOutsideWindow,
    SegmentsOverlap,
    EntryOutsideCode,
};

/// What to tell a user about a kernel file that cannot be used.
pub fn describe(err: Error) []const u8 {
    return switch (err) {
        error.NotElf64ForX86 => "not a 64-bit ELF program for x86-64",
        error.BadProgramHeaders => "its program headers are malformed",
        error.SegmentOutsideFile => "a segment lies outside the file",
        error.SegmentOutsideWindow => "a segment lies outside the kernel's addresses",
        error.SegmentsOverlap => "its segments overlap or are not in order",
        error.EntryOutsideCode => "its entry point is not in a code segment",
    };
}

/// ELF-64 Object File Format, version 1.5, figure 2.
const FileHeader = extern struct {
    ident: [16]u8,
    type: u16,
    machine: u16,
    version: u32,
    entry: u64,
    phoff: u64,
    shoff: u64,
    flags: u32,
    ehsize: u16,
    phentsize: u16,
    phnum: u16,
    shentsize: u16,
    shnum: u16,
    shstrndx: u16,
};

/// The same, figure 6.
const ProgramHeader = extern struct {
    type: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    paddr: u64,
    filesz: u64,
    memsz: u64,
    alignment: u64,
};

const et_exec = 2;
const machine_x86_64 = 62;
const pt_load = 1;
const pf_x = 1;
const max_segments = 32;

const Segment = struct {
    bytes: []const u8, // the part that the file holds
    offset: u64, // from kernel_base
    size: u64, // in memory
};

pub const Image = struct {
    entry: u64,
    size: u64, // of all segments, from kernel_base, whole pages
    segments: [max_segments]Segment,
    count: usize,

    /// Copies the segments and clears everything between and behind them.
    pub fn loadInto(image: *const Image, memory: []u8) void {
        var done: u64 = 0;
        for (image.segments[0..image.count]) |segment| {
            @memset(memory[done..segment.offset], 0);
            @memcpy(memory[segment.offset..][0..segment.bytes.len], segment.bytes);
            done = segment.offset + segment.bytes.len;
        }
        @memset(memory[done..], 0);
    }
};

/// A copy of the T at `offset`, or null outside the file; no alignment is needed.
fn readStruct(comptime T: type, file: []const u8, offset: u64) ?T {
    if (offset > file.len or file.len - offset < @sizeOf(T)) return null;
    var value: T = undefined;
    @memcpy(std.mem.asBytes(&value), file[@intCast(offset)..][0..@sizeOf(T)]);
    return value;
}

pub fn parse(file: []const u8) Error!Image {
    const header = readStruct(FileHeader, file, 0) orelse return error.NotElf64ForX86;
    // Class 64, little endian, version 1.
    if (!std.mem.eql(u8, header.ident[0..7], "\x7fELF\x02\x01\x01")) return error.NotElf64ForX86;
    if (header.type != et_exec or header.machine != machine_x86_64) return error.NotElf64ForX86;
    if (header.phentsize != @sizeOf(ProgramHeader) or header.phnum == 0) return error.BadProgramHeaders;

    var image: Image = .{ .entry = header.entry, .size = 0, .segments = undefined, .count = 0 };
    var entry_found = false;
    var end: u64 = 0;
    for (0..header.phnum) |i| {
        const at = header.phoff +| i * @sizeOf(ProgramHeader);
        const program = readStruct(ProgramHeader, file, at) orelse return error.BadProgramHeaders;
        if (program.type != pt_load or program.memsz == 0) continue;
        if (image.count == max_segments or program.filesz > program.memsz) return error.BadProgramHeaders;
        if (program.offset > file.len or program.filesz > file.len - program.offset)
            return error.SegmentOutsideFile;
        if (program.vaddr < boot.kernel_base) return error.SegmentOutsideWindow;
        const offset = program.vaddr - boot.kernel_base;
        if (offset > boot.kernel_window or program.memsz > boot.kernel_window - offset)
            return error.SegmentOutsideWindow;
        if (offset < end) return error.SegmentsOverlap;
        end = offset + program.memsz;
        if (program.flags & pf_x != 0 and header.entry >= program.vaddr and
            header.entry - program.vaddr < program.memsz) entry_found = true;
        image.segments[image.count] = .{
            .bytes = file[@intCast(program.offset)..][0..@intCast(program.filesz)],
            .offset = offset,
            .size = program.memsz,
        };
        image.count += 1;
    }
    if (!entry_found) return error.EntryOutsideCode;
    image.size = (end + 4095) / 4096 * 4096;
    return image;
}

test "damaged headers never read outside the file" {
    var prng = std.Random.DefaultPrng.init(2);
    const random = prng.random();
    var good: [4096]u8 = @splat(0);
    const header: FileHeader = .{
        .ident = "\x7fELF\x02\x01\x01".* ++ @as([9]u8, @splat(0)),
        .type = et_exec,
        .machine = machine_x86_64,
        .version = 1,
        .entry = boot.kernel_base + 0x1010,
        .phoff = 64,
        .shoff = 0,
        .flags = 0,
        .ehsize = 64,
        .phentsize = 56,
        .phnum = 2,
        .shentsize = 0,
        .shnum = 0,
        .shstrndx = 0,
    };
    @memcpy(good[0..64], std.mem.asBytes(&header));
    for (0..2) |i| {
        const program: ProgramHeader = .{
            .type = pt_load,
            .flags = if (i == 0) 5 else 6,
            .offset = 1024 * (i + 1),
            .vaddr = boot.kernel_base + 0x1000 * (i + 1),
            .paddr = 0,
            .filesz = 512,
            .memsz = 600,
            .alignment = 4096,
        };
        @memcpy(good[64 + 56 * i ..][0..56], std.mem.asBytes(&program));
    }
    const image = try parse(&good);
    try std.testing.expectEqual(0x3000, image.size);
    var memory: [0x3000]u8 = @splat(0xaa);
    image.loadInto(&memory);
    try std.testing.expectEqual(0, memory[0x2258]);

    for (0..20000) |_| {
        var bad = good;
        for (0..random.intRangeAtMost(u8, 1, 4)) |_|
            bad[random.uintLessThan(usize, 176)] = random.int(u8);
        const parsed = parse(bad[0..random.intRangeAtMost(usize, 0, bad.len)]) catch continue;
        if (parsed.size <= memory.len) parsed.loadInto(&memory);
    }
}
