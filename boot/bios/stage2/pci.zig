//! PCI configuration space by ports 0xcf8/0xcfc (PCI 3.0, 3.2.2.3.2), for a
//! device whose address the BIOS names.

const common = @import("common");
const port = common.port;

pub const command_io = 1 << 0;
pub const command_memory = 1 << 1;
pub const command_master = 1 << 2;

pub const Address = struct {
    bus: u8,
    device: u5,
    function: u3,

    fn select(address: Address, register: u8) void {
        port.outl(0xcf8, 1 << 31 | @as(u32, address.bus) << 16 | @as(u32, address.device) << 11 |
            @as(u32, address.function) << 8 | (register & 0xfc));
    }

    /// A 32-bit register; any offset inside it may be given.
    pub fn read(address: Address, register: u8) u32 {
        address.select(register);
        return port.inl(0xcfc);
    }

    pub fn write(address: Address, register: u8, value: u32) void {
        address.select(register);
        port.outl(0xcfc, value);
    }

    pub fn vendor(address: Address) u16 {
        return @truncate(address.read(0));
    }

    pub fn deviceId(address: Address) u16 {
        return @truncate(address.read(0) >> 16);
    }

    /// Base class, subclass and interface: 0xccssii.
    pub fn class(address: Address) u24 {
        return @truncate(address.read(8) >> 8);
    }

    pub fn enable(address: Address, bits: u32) void {
        // The upper half is the status, where a 1 clears.
        address.write(4, (address.read(4) & 0xffff) | bits);
    }

    /// The address in a memory BAR; null if it is none, or above 4 GiB, where nothing is mapped.
    pub fn memoryBar(address: Address, number: u8) ?u64 {
        if (number > 5) return null;
        const register = 0x10 + 4 * number;
        const low = address.read(register);
        if (low & 1 != 0 or low & ~@as(u32, 15) == 0) return null;
        if (low >> 1 & 3 == 2 and (number == 5 or address.read(register + 4) != 0)) return null;
        return low & ~@as(u32, 15);
    }

    pub fn ioBar(address: Address, number: u8) ?u16 {
        const value = address.read(0x10 + 4 * number);
        if (value & 1 == 0 or value >> 16 != 0 or value & 0xfffc == 0) return null;
        return @intCast(value & 0xfffc);
    }
};
