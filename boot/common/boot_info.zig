//! The Zig mirror of boot/boot_info.h, field by field. tests/host/boot_info
//! compares the two. What the fields mean is said there and not repeated here.

pub const magic: u64 = 0x544f4f424c4f5050;
pub const version: u32 = 1;
pub const direct_map_base: u64 = 0xffff800000000000;
pub const kernel_base: u64 = 0xffffffff80000000;
/// The kernel image's window (docs: address space): 0x80000000 .. 0x8fffffff.
pub const kernel_window: u64 = 0x10000000;
pub const max_memory = 256;
pub const max_files = 8;
pub const cmdline_size = 2048;

pub const MemoryType = enum(u32) {
    usable = 1,
    reserved = 2,
    acpi_reclaim = 3,
    acpi_nvs = 4,
    bad = 5,
    loader = 6,
    kernel = 7,
    file = 8,
};

pub const Firmware = enum(u32) { bios = 1, uefi = 2 };

pub const Memory = extern struct {
    base: u64,
    length: u64,
    type: MemoryType,
    reserved: u32 = 0,
};

pub const File = extern struct {
    name: [16]u8,
    phys: u64,
    size: u64,
    checksum: u64,
};

pub const Framebuffer = extern struct {
    phys: u64,
    width: u32,
    height: u32,
    pitch: u32,
    red_shift: u8,
    green_shift: u8,
    blue_shift: u8,
    bits_per_pixel: u8,

    pub const none: Framebuffer = .{
        .phys = 0,
        .width = 0,
        .height = 0,
        .pitch = 0,
        .red_shift = 0,
        .green_shift = 0,
        .blue_shift = 0,
        .bits_per_pixel = 0,
    };
};

pub const BootInfo = extern struct {
    magic: u64,
    version: u32,
    size: u32,
    firmware: Firmware,
    memory_count: u32,
    file_count: u32,
    boot_drive: u32,
    kernel_phys: u64,
    kernel_size: u64,
    rsdp: u64,
    tsc_start: u64,
    tsc_loaded: u64,
    tsc_handover: u64,
    framebuffer: Framebuffer,
    files: [max_files]File,
    memory: [max_memory]Memory,
    cmdline: [cmdline_size]u8,
};
