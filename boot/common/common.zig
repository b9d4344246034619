//! What the two loaders share. Root of the module "common".

pub const boot = @import("boot_info.zig");
pub const command_line = @import("command_line.zig");
pub const cpu = @import("cpu.zig");
pub const elf = @import("elf.zig");
pub const fw_cfg = @import("fw_cfg.zig");
pub const handover = @import("handover.zig");
pub const load = @import("load.zig");
pub const manifest = @import("manifest.zig");
pub const memory_map = @import("memory_map.zig");
pub const message = @import("message.zig");
pub const port = @import("port.zig");
pub const Progress = @import("progress.zig").Progress;
pub const rsdp = @import("rsdp.zig");
pub const video = @import("video.zig");

test {
    _ = command_line;
    _ = elf;
    _ = manifest;
    _ = memory_map;
    _ = rsdp;
    _ = video;
}
