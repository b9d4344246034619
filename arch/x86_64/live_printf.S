/*
 * For live code's printf family (live/libc.c): the kernel's C neither reads nor changes XMM registers, so doubles that a caller
 * passed are still in them.
 */
.section .text, "ax"

/* void live_save_vectors(uint8_t saved[128]): xmm0 .. xmm7 */
.balign 16
.globl live_save_vectors
.type live_save_vectors, @function
live_save_vectors:
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, 32(%rdi)
    movups %xmm3, 48(%rdi)
    movups %xmm4, 64(%rdi)
    movups %xmm5, 80(%rdi)
    movups %xmm6, 96(%rdi)
    movups %xmm7, 112(%rdi)
    ret
.size live_save_vectors, . - live_save_vectors

.section .note.GNU-stack, "", @progbits
