/* What smp.c, smp_start.c, trap.c and trampoline.S share. */
#ifndef ARCH_SMP_PRIVATE_H
#define ARCH_SMP_PRIVATE_H

#include <lib/types.h>

struct trap_frame;

void smp_set_online(int32_t id);
/* An NMI hit this CPU. */
void smp_note_nmi(const struct trap_frame *frame);

/* trampoline.S, and the words in it that smp_start.c fills in. */
extern char trampoline_start[], trampoline_end[], trampoline_long[], trampoline_gdtr[], trampoline_far[],
    trampoline_expected[], trampoline_root[], trampoline_stack[], trampoline_argument[], trampoline_entry[];

#endif
