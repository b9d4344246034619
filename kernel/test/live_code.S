/*
 * Live code of the tests (test_live_guard.c), which calls it all live between live_code_start and live_code_end; and the way
 * in and out of the world's role without a world. Functions that fault take what they need in RDI.
 */
#include <arch/x86_64/assembly.inc>

.section .text, "ax"

.macro FUNCTION name
    .balign 16
    .globl \name
    .type \name, @function
\name:
    push %rbp
    mov %rsp, %rbp
.endm
.macro END
    pop %rbp
    ret
.endm

.balign 16
.globl live_code_start
live_code_start:

/* Wrong values in every register that a caller may rely on. */
.macro CLOBBER
    mov $0x1111, %ebx
    mov $0x2222, %r12d
    mov $0x3333, %r13d
    mov $0x4444, %r14d
    mov $0x5555, %r15d
.endm

.macro CLOBBER_VECTOR number
    pcmpeqd %xmm\number, %xmm\number
.endm

FUNCTION live_code_read
    CLOBBER
    mov (%rdi), %rax
    END
FUNCTION live_code_write
    CLOBBER
    mov %rax, (%rdi)
    END
FUNCTION live_code_jump
    CLOBBER
    call *%rdi
    END
FUNCTION live_code_divide
    CLOBBER
    xor %edx, %edx
    mov $1, %eax
    xor %ecx, %ecx
    div %rcx
    END
FUNCTION live_code_invalid
    CLOBBER
    ud2
    END
FUNCTION live_code_protection
    CLOBBER
    movabs $0x8000000000000000, %rax
    mov (%rax), %rax
    END
FUNCTION live_code_breakpoint
    CLOBBER
    int3
    END
FUNCTION live_code_recurse
    sub $64, %rsp
    call live_code_recurse
    add $64, %rsp
    END
FUNCTION live_code_wild_stack
    CLOBBER
    mov %rdi, %rsp
    push %rax
    mov %rbp, %rsp
    END
FUNCTION live_code_loop
    CLOBBER
1:  pause
    jmp 1b
FUNCTION live_code_loop_with_interrupts_off
    CLOBBER
    cli
1:  pause
    jmp 1b
FUNCTION live_code_leave_interrupts_off
    cli
    END
FUNCTION live_code_turn_direction
    std
    mov %rdi, %rax
    END
/* Calls rdi(rsi) and returns its result plus one. */
FUNCTION live_code_call
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    inc %rax
    END
/* Calls rdi(rsi), then reads from address 16. */
FUNCTION live_code_call_and_fault
    CLOBBER
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    mov 16, %rax
    END
/* Calls rdi(rsi) for ever. */
FUNCTION live_code_call_for_ever
    push %rdi
    push %rsi
1:  mov -8(%rbp), %rax
    mov -16(%rbp), %rdi
    call *%rax
    jmp 1b
/* Calls rdi(rsi) with interrupts off, then faults. */
FUNCTION live_code_fault_with_interrupts_off
    cli
    ud2
/* a + 2b + 3c + 4d + 5e + 6f + 7g + 8h, the last two on the stack; RDX = h. */
FUNCTION live_code_sum
    lea (%rdi, %rsi, 2), %rax
    lea (%rdx, %rdx, 2), %rdx
    add %rdx, %rax
    lea (%rax, %rcx, 4), %rax
    lea (%r8, %r8, 4), %r8
    add %r8, %rax
    imul $6, %r9, %r9
    add %r9, %rax
    imul $7, 16(%rbp), %rdx
    add %rdx, %rax
    mov 24(%rbp), %rdx
    lea (%rax, %rdx, 8), %rax
    END
/* Functions of tables, LIVE_CODE_FAULTY_SIZE bytes each: they fault. */
.balign 32
.globl live_code_faulty
live_code_faulty:
.rept 16
    .balign 32
    push %rbp
    mov %rsp, %rbp
    mov $0x1111, %ebx
    mov $0x2222, %r12d
    ud2
    END
.endr
/* What a linked module has for a function of the world: the slot lies in live_code_gate_slot. */
.balign 16
.globl live_code_gate
.type live_code_gate, @function
live_code_gate:
    lea live_code_gate_slot(%rip), %r11
    jmp live_world_gate
/* Uses its red zone: rounds in RDI; RAX = 0 if all went well. */
FUNCTION live_code_red_zone
1:  mov %rdi, -64(%rsp)
    mov %rdi, -128(%rsp)
    mov $64, %ecx
2:  dec %ecx
    jnz 2b
    cmp %rdi, -64(%rsp)
    jne 3f
    cmp %rdi, -128(%rsp)
    jne 3f
    dec %rdi
    jnz 1b
    xor %eax, %eax
    END
3:  mov $1, %eax
    END

/* Leaves other values in all registers of the FPU, and another rounding and exceptions on. RAX = 7. */
FUNCTION live_code_vectors
.set vector, 0
.rept 16
    .altmacro
    CLOBBER_VECTOR %vector
    .noaltmacro
    .set vector, vector + 1
.endr
.rept 8
    fldpi
.endr
    movl $0x7f00, -8(%rsp)
    ldmxcsr -8(%rsp)
    mov $7, %eax
    END
FUNCTION live_code_misaligned
    CLOBBER
    movaps %xmm0, -40(%rbp)
    END
/* RDI = { rounds, result }: a number that every step before has a part in, by SSE and the x87. */
FUNCTION live_code_numbers
    mov (%rdi), %rcx
    mov $3, %eax
    cvtsi2sd %eax, %xmm0
    cvtsi2sd %eax, %xmm15
    fld1
1:  mulsd %xmm15, %xmm0
    sqrtsd %xmm0, %xmm0
    addsd %xmm15, %xmm0
    movsd %xmm0, -8(%rsp)
    faddl -8(%rsp)
    fsqrt
    dec %rcx
    jnz 1b
    fstpl -8(%rsp)
    addsd -8(%rsp), %xmm0
    movq %xmm0, 8(%rdi)
    movq %xmm0, %rax
    END
/* Calls rdi(rsi) with numbers in the FPU; RAX = 0 if they are there afterwards. */
FUNCTION live_code_numbers_over_call
    push %rbx
    sub $16, %rsp
    mov %rdi, %rax
    mov %rsi, %rdi
    mov $0x1234, %ebx
    movq %rbx, %xmm9
    push %rbx
    fildl (%rsp)
    call *%rax
    fistpl (%rsp)
    pop %rax
    xor %rbx, %rax
    movq %xmm9, %rcx
    xor %rbx, %rcx
    or %rcx, %rax
    add $16, %rsp
    pop %rbx
    END

.globl live_code_end
live_code_end:
    nop

.section .data, "aw"
.balign 8
.globl live_code_gate_slot
live_code_gate_slot:
    .quad 0

.section .text, "ax"

.macro FILL_VECTOR number
    lea \number(%rdi), %rax
    movq %rax, %xmm\number
.endm
.macro CHECK_VECTOR number
    movq %xmm\number, %rcx
    lea \number(%rdi), %rdx
    xor %rdx, %rcx
    or %rcx, %rax
.endm

/*
 * uint64_t live_test_as_world(uint64_t world_rsp, function, argument): calls function(argument) in the world's role on that stack. The
 * thread's kernel stack begins below what is in use of it for that time.
 */
FUNCTION live_test_as_world
    push %rbx
    push %r12
    mov %gs:CPU_CURRENT, %rbx
    mov THREAD_STACK_TOP(%rbx), %r12
    lea -1024(%rsp), %rax
    and $-16, %rax
    sub $8, %rax
    mov %rdx, %rcx
    cli
    mov %rax, THREAD_STACK_TOP(%rbx)
    mov %rsp, (%rdi)
    mov %rdi, %rsp
    movl $1, THREAD_ROLE(%rbx)
    sti
    mov %rcx, %rdi
    sub $16, %rsp
    call *%rsi
    add $16, %rsp
    cli
    movl $0, THREAD_ROLE(%rbx)
    mov (%rsp), %rsp
    mov %r12, THREAD_STACK_TOP(%rbx)
    sti
    pop %r12
    pop %rbx
    END

/*
 * uint64_t live_test_call(struct live_call *call, a, b): live_enter as the world's trampolines do it, with eight arguments: a, b, 3..8. Returns
 * RAX, or UINT64_MAX when a callee-saved register has changed.
 */
FUNCTION live_test_call
    PUSH_PRESERVED
    sub $8, %rsp
    mov $101, %ebx
    mov $102, %r12d
    mov $103, %r13d
    mov $104, %r14d
    mov $105, %r15d
    mov %rdi, %r10
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov $3, %edx
    mov $4, %ecx
    mov $5, %r8d
    mov $6, %r9d
    push $8
    push $7
    call live_enter
    add $16, %rsp
    add $8, %rsp
    lea (%rbx, %r12), %rcx
    add %r13, %rcx
    add %r14, %rcx
    add %r15, %rcx
    cmp $515, %rcx
    je 1f
    mov $-1, %rax
1:  POP_PRESERVED
    END

/* uint64_t live_test_patched(struct live_patch_call *patch, a, b): a call of a function that was replaced, with eight arguments as above. */
FUNCTION live_test_patched
    PUSH_PRESERVED
    sub $8, %rsp
    mov $101, %ebx
    mov $102, %r12d
    mov $103, %r13d
    mov $104, %r14d
    mov $105, %r15d
    mov %rdi, %r11
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov $3, %edx
    mov $4, %ecx
    mov $5, %r8d
    mov $6, %r9d
    push $8
    push $7
    call live_patch_enter
    add $24, %rsp
    lea (%rbx, %r12), %rcx
    add %r13, %rcx
    add %r14, %rcx
    add %r15, %rcx
    cmp $515, %rcx
    je 1f
    mov $-1, %rax
1:  POP_PRESERVED
    END

/* void live_test_fill_vectors(uint64_t seed): numbers in all XMM registers and three of the x87's. */
FUNCTION live_test_fill_vectors
.set vector, 0
.rept 16
    .altmacro
    FILL_VECTOR %vector
    .noaltmacro
    .set vector, vector + 1
.endr
    fninit
    mov %rdi, -8(%rsp)
    fildl -8(%rsp)
    fildl -8(%rsp)
    fildl -8(%rsp)
    END

/* uint64_t live_test_check_vectors(uint64_t seed): 0 if they are as live_test_fill_vectors() left them, MXCSR clean. */
FUNCTION live_test_check_vectors
    xor %eax, %eax
.set vector, 0
.rept 16
    .altmacro
    CHECK_VECTOR %vector
    .noaltmacro
    .set vector, vector + 1
.endr
.rept 3
    fistpl -8(%rsp)
    mov -8(%rsp), %ecx
    xor %edi, %ecx
    or %rcx, %rax
.endr
    fnstsw -8(%rsp)
    movzwl -8(%rsp), %ecx
    and $0x3841, %ecx            /* empty, and no fault of the stack */
    or %rcx, %rax
    stmxcsr -8(%rsp)
    mov -8(%rsp), %ecx
    and $0xffc0, %ecx
    xor $0x1f80, %ecx
    or %rcx, %rax
    END

.section .note.GNU-stack, "", @progbits
