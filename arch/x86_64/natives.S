/*
 * Stubs of the natives (kernel/natives.h): called by world code on the world's
 * stack, with interrupts on. RSP and the thread's role change together, with
 * interrupts off; the caller's RSP waits in RBP, which the callee preserves.
 */
#include <arch/x86_64/assembly.inc>

.section .text, "ax"

.macro NATIVE name, function
    .balign 16
    .globl \name
    .type \name, @function
\name:
    lea \function(%rip), %rax
    jmp native_enter
    .size \name, . - \name
.endm

.balign 16
.globl native_enter                /* live.S uses it, too */
.type native_enter, @function
native_enter:
    push %rbp
    mov %rsp, %rbp
    cli
    mov %gs:CPU_CURRENT, %r10
    mov THREAD_STACK_TOP(%r10), %rsp
    sub $8, %rsp                 /* 16-aligned before the call */
    movl $ROLE_KERNEL, THREAD_ROLE(%r10)
    sti
    call *%rax
    cli
    mov %gs:CPU_CURRENT, %r10
    movl $ROLE_WORLD, THREAD_ROLE(%r10)
    mov %rbp, %rsp
    sti
    pop %rbp
    ret
.size native_enter, . - native_enter

NATIVE native_clock_monotonic, clock_monotonic
NATIVE native_log_size, klog_size
NATIVE native_symbol_name, symbol_name
NATIVE native_symbol_start, symbol_start
NATIVE native_live_control, live_control
NATIVE native_live_fail_on_return, live_fail_on_return

.section .note.GNU-stack, "", @progbits
