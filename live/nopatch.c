/*
 * Which kernel functions cannot be replaced, and why. One table; the ktest `patch.every_refused_name_exists` keeps it
 * true. Functions that have no nop at their entry (assembly, Zig) need no row.
 */
#include <arch/x86_64/text_patch.h>
#include <lib/string.h>
#include <live/patch.h>

static const char in_breakpoint[] = "it runs while a breakpoint is handled, which replacing needs";
static const char in_entry[] = "it is part of the kernel's entry, where a breakpoint cannot be handled";
static const char in_nmi[] = "it runs in non-maskable interrupts, which a breakpoint would cut short";
static const char in_machinery[] = "it is part of what replaces functions";
static const char in_fpu[] = "it moves the FPU's registers, which the guard of a replacement would move, too";
static const char in_boot[] = "it runs once, before there is anything to replace it";

const struct live_nopatch_row live_nopatch_rows[] = {
    { "trap_select_stack", in_breakpoint },
    { "trap_dispatch", in_breakpoint },
    { "trap_has_room", in_breakpoint },
    { "trap_stack_is_usable", in_breakpoint },
    { "trap_is_on_emergency_stack", in_breakpoint },
    { "trap_prepare_return", in_breakpoint },
    { "text_patch_breakpoint", in_breakpoint },
    { "text_patch_late_breakpoint", in_breakpoint },
    { "thread_current", in_breakpoint },
    { "irqs_disable", in_breakpoint },

    { "syscall_dispatch", in_entry },

    { "trap_dispatch_paranoid", in_nmi },
    { "panic_stop_if_panicking", in_nmi },
    { "smp_note_nmi", in_nmi },
    { "smp_halt", in_nmi },

    { "text_patch_write", in_machinery },
    { "text_patch_store", in_machinery },
    { "text_patch_serialise", in_machinery },
    { "text_patch_serialise_all", in_machinery },
    { "smp_call_others", in_machinery },
    { "smp_call_interrupt", in_machinery },
    { "patch_roll_back", in_machinery },
    { "patch_roll_back_one", in_machinery },
    { "patch_version_faulted", in_machinery },
    { "reclaim_main", in_machinery },
    { "reclaim_scan_all", in_machinery }, /* it is on the stack while versions are freed, and that stack nobody looks at */

    { "fpu_save", in_fpu },
    { "fpu_restore", in_fpu },
    { "fpu_reset", in_fpu },
    { "fpu_set_trap", in_fpu },
    { "fpu_switch", in_fpu },
    { "fpu_home", in_fpu },
    { "live_fpu_trapped", in_fpu },
    { "live_fpu_is_wanted", in_fpu },
    { "live_fpu_give", in_fpu },
    { "live_fpu_enter", in_fpu },
    { "live_fpu_leave", in_fpu },

    { "kernel_main", in_boot },
};
const size_t live_nopatch_row_count = ARRAY_COUNT(live_nopatch_rows);

const char *live_patch_refusal(const char *name, vaddr_t entry)
{
    for (size_t i = 0; i < ARRAY_COUNT(live_nopatch_rows); i++)
        if (strcmp(live_nopatch_rows[i].name, name) == 0)
            return live_nopatch_rows[i].reason;
    if (!text_is_patchable(entry))
        return "it has no entry that can be patched: it is assembly, Zig, or no function";
    return NULL;
}
