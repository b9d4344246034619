//! CPU exceptions inside stage 2: a bug or broken hardware. Says so, instead of
//! a reset by a triple fault. The entries are in entry.S.

const common = @import("common");

const Frame = extern struct { vector: u64, code: u64, rip: u64, cs: u64, rflags: u64, rsp: u64, ss: u64 };

export fn stage2_exception(frame: *const Frame) callconv(.{ .x86_64_sysv = .{} }) noreturn {
    const cr2 = asm volatile ("movq %%cr2, %[v]"
        : [v] "=r" (-> u64),
    );
    common.message.fail("the loader failed: CPU exception {d}, code {x}, at {x}, address {x}", .{
        frame.vector, frame.code, frame.rip, cr2,
    });
}
