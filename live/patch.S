/*
 * Trampolines of replaced kernel functions: one for each slot of live_trampoline_slots. At a function's entry R11 is free
 * and the flags mean nothing; every other register and the stack are as the caller left them.
 */
#define LIVE_TRAMPOLINES 4096

.section .text, "ax"
.balign 16
.globl live_trampolines
.type live_trampolines, @function
live_trampolines:
.set slot, 0
.rept LIVE_TRAMPOLINES
    .balign 16
    mov live_trampoline_slots + slot(%rip), %r11
    lock incq 48(%r11)           /* struct live_version.calls */
    jmp *40(%r11)                /* .enter */
    .set slot, slot + 8
.endr
.balign 16
.size live_trampolines, . - live_trampolines

.section .bss
.balign 64
.globl live_trampoline_slots
.type live_trampoline_slots, @object
live_trampoline_slots:
    .skip LIVE_TRAMPOLINES * 8
.size live_trampoline_slots, . - live_trampoline_slots

.section .note.GNU-stack, "", @progbits
