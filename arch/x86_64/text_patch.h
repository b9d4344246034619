/*
 * Changes the entry of a kernel function while every CPU may be running through it.
 *
 *     text_patch_jump(entry, target)    5-byte nop -> jmp target
 *     text_patch_clear(entry)           jmp        -> 5-byte nop
 *
 * Cross-modifying code by the SDM's rules (vol. 3, 9.1.3), in three steps: the first byte becomes int3; then the other
 * four change; then the first. After each step every CPU executes a serialising instruction (smp_call_others()). Who
 * meets the int3 meanwhile goes to the jump's target at once: text_patch_breakpoint(), from trap.c. So `target` must
 * stay valid for ever, and mean the same as the function until somebody changes what it does: a trampoline.
 *
 * The kernel's text stays read-only and executable: it is written through the direct map.
 *
 * What runs between a breakpoint trap and text_patch_breakpoint(), in NMIs, and before an entry has set the thread's
 * role may not be patched: live/nopatch.c lists it. Left out: functions without the nop (Zig, assembly).
 */
#ifndef ARCH_TEXT_PATCH_H
#define ARCH_TEXT_PATCH_H

#include <lib/types.h>

struct trap_frame;

#define TEXT_PATCH_SIZE 5

/* Has the function at `entry` a nop that can be patched, or that is patched? Context: any. */
bool text_is_patchable(vaddr_t entry);
/*
 * 0; -EOPNOTSUPP: no patchable entry; -ERANGE: `target` is out of reach of a rel32.
 * text_patch_clear: also 0 when it was not patched. Context: a thread, interrupts on, no spinlock held; callers
 * take turns (live/patch.c's mutex).
 */
MUST_CHECK int text_patch_jump(vaddr_t entry, vaddr_t target);
MUST_CHECK int text_patch_clear(vaddr_t entry);

/* A breakpoint in the kernel role: true when it was ours; `frame` then goes on where the function's caller wanted to.
 * Interrupts off. */
bool text_patch_breakpoint(struct trap_frame *frame);

/* Breakpoints met so far: a test wants to see some. */
uint64_t text_patch_breakpoints(void);

#endif
