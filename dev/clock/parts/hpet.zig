//! The main counter of the High Precision Event Timers (IA-PC HPET Specification 1.0a, 2.3).

pub const Hpet = struct {
    registers: [*]volatile u32,
    hz: u64,
    mask: u64,

    const capabilities = 0x000 / 4;
    const period = 0x004 / 4; // femtoseconds per count
    const configuration = 0x010 / 4;
    const counter = 0x0f0 / 4;
    const enable: u32 = 1;
    const longest_period = 100_000_000; // specification: at least 10 MHz
    const femtoseconds_per_second: u64 = 1_000_000_000_000_000;

    /// null: there is none, or its registers do not look like one's. Starts the counter.
    pub fn init(window: ?*anyopaque) ?Hpet {
        // SAFETY: the caller mapped the register window, which is page aligned.
        const registers: [*]volatile u32 = @ptrCast(@alignCast(window orelse return null));
        const femtoseconds = registers[period];
        if (femtoseconds == 0 or femtoseconds > longest_period) return null;
        registers[configuration] |= enable;
        return .{
            .registers = registers,
            .hz = femtoseconds_per_second / femtoseconds,
            // The low half suffices for the windows measured here, and 32-bit reads are whole on every HPET.
            .mask = 0xffff_ffff,
        };
    }

    pub fn read(self: Hpet) u64 {
        return self.registers[counter];
    }
};
