//! The page tables that the kernel is entered with (boot_info.h says what they
//! map): SDM volume 3, 4.5, four levels, 2 MiB pages.

const boot = @import("boot_info.zig");

const present = 1 << 0;
const writable = 1 << 1;
const large = 1 << 7;
const two_mib: u64 = 2 << 20;

const Table = [512]u64;

pub const Tables = extern struct {
    root: Table align(4096),
    low: Table, // identity and direct map share it
    low_directories: [4]Table,
    kernel: Table,
    kernel_directory: Table,

    /// Fills the tables, which must lie at their physical address, and returns the value for CR3.
    pub fn build(tables: *Tables, kernel_phys: u64, kernel_size: u64) u64 {
        for ([_]*Table{ &tables.root, &tables.low, &tables.kernel, &tables.kernel_directory }) |table|
            @memset(table, 0);

        tables.root[0] = entry(&tables.low);
        tables.root[index(boot.direct_map_base, 39)] = entry(&tables.low);
        for (&tables.low_directories, 0..) |*directory, gib| {
            tables.low[gib] = entry(directory);
            for (directory, 0..) |*slot, i|
                slot.* = (gib * 512 + i) * two_mib | present | writable | large;
        }

        tables.root[index(boot.kernel_base, 39)] = entry(&tables.kernel);
        tables.kernel[index(boot.kernel_base, 30)] = entry(&tables.kernel_directory);
        var offset: u64 = 0;
        while (offset < kernel_size) : (offset += two_mib)
            tables.kernel_directory[offset / two_mib] = (kernel_phys + offset) | present | writable | large;
        return @intFromPtr(&tables.root);
    }
};

fn index(address: u64, shift: u6) usize {
    return @intCast(address >> shift & 511);
}

fn entry(table: *const Table) u64 {
    return @intFromPtr(table) | present | writable;
}
