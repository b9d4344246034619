/*
 * What live code's printf family (live/libc.c) jumps to: the kernel's C cannot read XMM registers, in which doubles come. Each
 * builds the argument list of the System V ABI (3.5.7, struct live_arguments) on the stack and calls NAME_arguments() with the named
 * arguments and the list behind them.
 */
.section .text, "ax"

.macro VARIADIC name, function, named, list
    .balign 16
    .globl \name
    .type \name, @function
\name:
    push %rbp
    mov %rsp, %rbp
    sub $208, %rsp
    mov %rdi, 32(%rsp)
    mov %rsi, 40(%rsp)
    mov %rdx, 48(%rsp)
    mov %rcx, 56(%rsp)
    mov %r8, 64(%rsp)
    mov %r9, 72(%rsp)
    test %al, %al                /* how many vector registers are used, at most */
    jz 1f
    movups %xmm0, 80(%rsp)
    movups %xmm1, 96(%rsp)
    movups %xmm2, 112(%rsp)
    movups %xmm3, 128(%rsp)
    movups %xmm4, 144(%rsp)
    movups %xmm5, 160(%rsp)
    movups %xmm6, 176(%rsp)
    movups %xmm7, 192(%rsp)
1:  movl $(8 * \named), (%rsp)
    movl $48, 4(%rsp)
    lea 16(%rbp), %rax
    mov %rax, 8(%rsp)
    lea 32(%rsp), %rax
    mov %rax, 16(%rsp)
    mov %rsp, \list
    call \function
    leave
    ret
.size \name, . - \name
.endm

VARIADIC printf_entry, vprintf, 1, %rsi
VARIADIC sprintf_entry, vsprintf, 2, %rdx
VARIADIC snprintf_entry, vsnprintf, 3, %rcx
VARIADIC dprintf_entry, vdprintf, 2, %rdx

.section .note.GNU-stack, "", @progbits
