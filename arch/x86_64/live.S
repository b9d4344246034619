/*
 * The borders of live code: into it from the world (live_enter), from kernel code (live_guard_run) and by
 * trampolines (live_patch_enter), and out of it to the world (live_world_gate). The contracts are in live/guard.h,
 * docs/live.md tells the whole.
 *
 * A fault resumes at guard->resume with RSP = the guard and interrupts off; everything but RSP and the guard
 * is lost by then. RSP and role of a thread change together, with interrupts off, as in natives.S.
 */
#include <arch/x86_64/assembly.inc>

#define KIND_WORLD          1
#define KIND_PATCH          3
#define KIND_BARRIER        4

#define CALL_TARGET         0
#define CALL_STACK_BYTES    8
#define CALL_TIME_LIMIT     16
#define CALL_STATUS         24

#define PATCH_TARGET        0
#define PATCH_STACK_BYTES   16

#define LIVE_THREAD_BASE    0
#define LIVE_THREAD_FAULT   16

#define RFLAGS_IF           0x200
#define RFLAGS_LOOKED_AT    0x40700 /* AC, DF, IF, TF: what live code must leave as the ABI has it */
#define CR0_TS              8
#define VECTOR_RESCHEDULE   0xf1
#define STACK_RESERVE       16384   /* a call that finds less is refused */
#define STACK_BYTES_MAX     4096
#define GATE_STACK_BYTES    128

.section .text, "ax"

/*
 * From the world: R10 = struct live_call, the rest as for its target. Callee-saved registers wait on the world's
 * stack.
 */
.balign 16
.globl live_enter
.type live_enter, @function
live_enter:
    push %rbp
    mov %rsp, %rbp
    PUSH_PRESERVED
    mov %gs:CPU_CURRENT, %r11
    mov THREAD_LIVE_RSP(%r11), %r12
    mov CALL_STACK_BYTES(%r10), %r13
    mov THREAD_LIVE(%r11), %r15
    test %r12, %r12
    jz live_enter_refuse
    cmp $STACK_BYTES_MAX, %r13
    ja live_enter_refuse
    lea -STACK_RESERVE(%r12), %rbx
    cmp LIVE_THREAD_BASE(%r15), %rbx
    jb live_enter_refuse
    lea -GUARD_SIZE(%r12), %rbx
    mov CALL_TARGET(%r10), %r14
    add $LIVE_THREAD_FAULT, %r15
    cli
    mov %r15, GUARD_FAULT(%rbx)
    mov THREAD_LIVE_GUARD(%r11), %r15
    mov %r15, GUARD_OUTER(%rbx)
    lea live_enter_faulted(%rip), %r15
    mov %r15, GUARD_RESUME(%rbx)
    mov %rsp, GUARD_RSP(%rbx)
    mov %rbp, GUARD_RBP(%rbx)
    mov %r10, GUARD_CALL(%rbx)
    mov %r12, GUARD_LIVE_RSP(%rbx)
    movq $0, GUARD_DEADLINE(%rbx)
    movl $KIND_WORLD, GUARD_KIND(%rbx)
    mov %r14, GUARD_FUNCTION(%rbx)
    movl $0, GUARD_TICKS(%rbx)
    stmxcsr GUARD_MXCSR(%rbx)
    fnstcw GUARD_X87(%rbx)
    movl $0, GUARD_HELD_COUNT(%rbx) /* the world holds no locks, and runs with preemption and interrupts on */
    movl $0, GUARD_HELD_FLOOR(%rbx)
    movl $0, GUARD_PREEMPT(%rbx)
    movl $RFLAGS_IF, GUARD_IRQS(%rbx)
    mov %rbx, THREAD_LIVE_GUARD(%r11)
    mov CALL_TIME_LIMIT(%r10), %r12
    mov %rbx, %rsp
    movl $ROLE_KERNEL, THREAD_ROLE(%r11)
    sti
    test %r12, %r12
    jnz 4f
1:  test %r13, %r13
    jz 3f
    sub %r13, %rsp
    and $-16, %rsp
    xor %r15d, %r15d
2:  mov 16(%rbp, %r15), %r12     /* a missing page of the world's stack comes in as for live code */
    mov %r12, (%rsp, %r15)
    add $8, %r15
    cmp %r13, %r15
    jb 2b
3:  call *%r14
    mov %gs:CPU_CURRENT, %r11
    mov THREAD_LIVE_GUARD(%r11), %rbx
    pushfq
    pop %rcx
    and $RFLAGS_LOOKED_AT, %ecx
    cmp $RFLAGS_IF, %ecx
    jne 5f
    cli
    cmpq $0, THREAD_ROLE(%r11)
    jne 8f
    cmpl $0, THREAD_HELD_COUNT(%r11)
    jne 8f
    cmpq $0, THREAD_LIVE_STOP(%r11)
    jne 8f
    cmpq $0, GUARD_DEADLINE(%rbx)
    jne 8f
live_enter_leave:                /* interrupts off */
    mov GUARD_OUTER(%rbx), %rcx
    mov %rcx, THREAD_LIVE_GUARD(%r11)
    mov GUARD_CALL(%rbx), %r10
    mov GUARD_RSP(%rbx), %rsp
    movl $ROLE_WORLD, THREAD_ROLE(%r11)
    xor %ebx, %ebx
    cmpb $0, THREAD_SIGNAL_CHECK(%r11)
    sti
    jne 6f
live_enter_done:
    mov %rbx, CALL_STATUS(%r10)
    POP_PRESERVED
    pop %rbp
    ret

4:  PUSH_ARGUMENTS               /* a time limit: its timer is armed */
    sub $8, %rsp
    mov %rbx, %rdi
    mov %r12, %rsi
    call live_limit_call
    add $8, %rsp
    POP_ARGUMENTS
    jmp 1b

8:  sti
5:  mov %rbx, %rsp               /* something is not as it was: live_check_return repairs it, or ends the call as by a fault */
    cld
    push %rax
    push %rdx
    mov %rbx, %rdi
    call live_check_return       /* interrupts are off from here */
    mov %gs:CPU_CURRENT, %r11
    pop %rdx
    pop %rax
    jmp live_enter_leave

6:  int $VECTOR_RESCHEDULE       /* a signal came meanwhile: a trap's way back to the world delivers it */
    jmp live_enter_done

live_enter_refuse:
    POP_PRESERVED
    pop %rbp
    mov %r10, %rdi
    lea live_refuse_call(%rip), %rax
    jmp native_enter
.size live_enter, . - live_enter

/* A fault ended the call: RSP = its guard. */
.balign 16
.type live_enter_faulted, @function
live_enter_faulted:
    mov %rsp, %rbx
    mov %gs:CPU_CURRENT, %r11
    fninit
    fldcw GUARD_X87(%rbx)
    ldmxcsr GUARD_MXCSR(%rbx)
    mov GUARD_OUTER(%rbx), %rcx
    mov %rcx, THREAD_LIVE_GUARD(%r11)
    mov GUARD_LIVE_RSP(%rbx), %rcx
    mov %rcx, THREAD_LIVE_RSP(%r11)
    mov GUARD_CALL(%rbx), %r10
    mov GUARD_FAULT(%rbx), %rcx
    mov GUARD_RSP(%rbx), %rsp
    mov (%rcx), %ebx             /* the fault's kind */
    xor %eax, %eax
    xor %edx, %edx
    movl $ROLE_WORLD, THREAD_ROLE(%r11)
    cmpb $0, THREAD_SIGNAL_CHECK(%r11)
    sti
    je live_enter_done
    int $VECTOR_RESCHEDULE
    jmp live_enter_done
.size live_enter_faulted, . - live_enter_faulted

/*
 * From live code: *R11 = the world's function, the rest as for it. RBX, which the world keeps, is the barrier; R13 the
 * thread, R14 the function.
 */
.balign 16
.globl live_world_gate
.type live_world_gate, @function
live_world_gate:
    push %rbp
    mov %rsp, %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    mov %gs:CPU_CURRENT, %r13
    mov THREAD_LIVE_GUARD(%r13), %rbx
    mov (%r11), %r14
    test %r14, %r14
    jz 8f
    test %rbx, %rbx
    jz 8f
    cmpl $KIND_WORLD, GUARD_KIND(%rbx)
    jne 8f
    cmpq $0, THREAD_ROLE(%r13)   /* the kernel's, preemption on */
    jne 8f
    cmpl $0, THREAD_HELD_COUNT(%r13)
    jne 8f
    pushfq
    testl $RFLAGS_IF, (%rsp)
    lea 8(%rsp), %rsp
    jz 8f
    mov GUARD_RSP(%rbx), %r12
    sub $(2 * GATE_STACK_BYTES), %r12
    and $-16, %r12
    sub $GUARD_SIZE, %rsp
.set offset, 0
.rept GATE_STACK_BYTES / 8       /* above 16(%rbp) lies the guard at least: it can be read */
    mov (offset + 16)(%rbp), %r11
    mov %r11, offset(%r12)
    .set offset, offset + 8
.endr
    cli
    mov %rbx, GUARD_OUTER(%rsp)
    movl $KIND_BARRIER, GUARD_KIND(%rsp)
    movq $0, GUARD_FUNCTION(%rsp)
    mov %r14, GUARD_CALL(%rsp)
    mov THREAD_LIVE_RSP(%r13), %rbx
    mov %rbx, GUARD_LIVE_RSP(%rsp)
    mov %rsp, %rbx
    mov %rbx, THREAD_LIVE_GUARD(%r13)
    mov %rbx, THREAD_LIVE_RSP(%r13)
    mov %r12, %rsp
    movl $ROLE_WORLD, THREAD_ROLE(%r13)
    sti
    call *%r14
    mov %gs:CPU_CURRENT, %r13
    cli
    mov %rbx, %rsp
    movl $ROLE_KERNEL, THREAD_ROLE(%r13)
    mov GUARD_OUTER(%rbx), %rcx
    mov %rcx, THREAD_LIVE_GUARD(%r13)
    mov GUARD_LIVE_RSP(%rbx), %rcx
    mov %rcx, THREAD_LIVE_RSP(%r13)
    sti
    cmpq $0, THREAD_LIVE_STOP(%r13)
    jne 9f
7:  add $GUARD_SIZE, %rsp
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
8:  mov %r11, %rdi
    call live_refuse_gate        /* does not return */
    ud2
9:  push %rax
    push %rdx
    mov GUARD_CALL(%rbx), %rdi
    call live_check_callback     /* returns if there is nothing to do */
    pop %rdx
    pop %rax
    jmp 7b
.size live_world_gate, . - live_world_gate

/* uint64_t live_guard_run(struct live_guard *guard, function, a, b, uint64_t *result): 0, or 1 after a fault. */
.balign 16
.globl live_guard_run
.type live_guard_run, @function
live_guard_run:
    push %rbp
    mov %rsp, %rbp
    push %rdi
    push %r8
    mov %rbp, GUARD_RSP(%rdi)
    GUARD_KEEP_PRESERVED %rdi
    lea live_guard_run_faulted(%rip), %rax
    mov %rax, GUARD_RESUME(%rdi)
    mov %gs:CPU_CURRENT, %r11
    mov %rdi, THREAD_LIVE_GUARD(%r11)
    mov %rsi, %rax
    mov %rdx, %rdi
    mov %rcx, %rsi
    call *%rax
    mov -16(%rbp), %r8
    mov %rax, (%r8)
    xor %eax, %eax
    leave
    ret
.size live_guard_run, . - live_guard_run

.balign 16
.type live_guard_run_faulted, @function
live_guard_run_faulted:
    mov %rsp, %rdi
    GUARD_LOAD_PRESERVED %rdi
    mov GUARD_RSP(%rdi), %rsp
    mov $1, %eax
    pop %rbp
    ret
.size live_guard_run_faulted, . - live_guard_run_faulted

/* From a trampoline: R11 = struct live_patch_call. Guard and fault lie on the caller's stack. */
.balign 16
.globl live_patch_enter
.type live_patch_enter, @function
live_patch_enter:
    push %rbp
    mov %rsp, %rbp
    sub $(GUARD_SIZE + FAULT_SIZE), %rsp
    mov %rbp, GUARD_RSP(%rsp)
    GUARD_KEEP_PRESERVED %rsp
    GUARD_KEEP_ARGUMENTS %rsp
    mov %r11, GUARD_CALL(%rsp)
    lea GUARD_SIZE(%rsp), %r10
    mov %r10, GUARD_FAULT(%rsp)
    lea live_patch_faulted(%rip), %r10
    mov %r10, GUARD_RESUME(%rsp)
    movq $0, GUARD_DEADLINE(%rsp)
    movl $KIND_PATCH, GUARD_KIND(%rsp)
    movq $0, GUARD_FUNCTION(%rsp)  /* a replacement's module is held meanwhile */
    movl $0, GUARD_TICKS(%rsp)
    pushfq
    pop %r10
    and $RFLAGS_IF, %r10d
    mov %r10d, GUARD_IRQS(%rsp)
    mov %gs:CPU_CURRENT, %r10
    movq $0, GUARD_FPU_AREA(%rsp)
    mov THREAD_FPU_TRAP(%r10), %ebx
    xor $1, %ebx
    mov %ebx, GUARD_FPU_SET(%rsp)
    jz 1f
    movl $1, THREAD_FPU_TRAP(%r10) /* as live_fpu_enter() */
    mov %cr0, %rbx
    or $CR0_TS, %rbx
    mov %rbx, %cr0
1:  mov THREAD_LIVE_GUARD(%r10), %rbx
    mov %rbx, GUARD_OUTER(%rsp)
    mov THREAD_LIVE_RSP(%r10), %rbx
    mov %rbx, GUARD_LIVE_RSP(%rsp)
    mov THREAD_HELD_COUNT(%r10), %ebx
    mov %ebx, GUARD_HELD_COUNT(%rsp)
    mov THREAD_HELD_FLOOR(%r10), %ebx
    mov %ebx, GUARD_HELD_FLOOR(%rsp)
    mov THREAD_PREEMPT(%r10), %ebx
    mov %ebx, GUARD_PREEMPT(%rsp)
    mov %rsp, %rbx
    mov %rbx, THREAD_LIVE_GUARD(%r10)
    mov PATCH_STACK_BYTES(%r11), %r12
    test %r12, %r12
    jz 2f
    sub %r12, %rsp
    and $-16, %rsp
    xor %r13d, %r13d
1:  mov 16(%rbp, %r13), %r14
    mov %r14, (%rsp, %r13)
    add $8, %r13
    cmp %r12, %r13
    jb 1b
2:  call *PATCH_TARGET(%r11)
    mov %gs:CPU_CURRENT, %r11
    mov THREAD_LIVE_GUARD(%r11), %r10
    cmpq $0, GUARD_FPU_AREA(%r10)
    jne 5f
    cmpl $0, GUARD_FPU_SET(%r10)
    je 4f
    movl $0, THREAD_FPU_TRAP(%r11)
    clts
4:  mov GUARD_OUTER(%r10), %rbx
    mov %rbx, THREAD_LIVE_GUARD(%r11)
live_patch_leave:                /* R10 = the guard; RAX and RDX are returned */
    mov GUARD_RSP(%r10), %rsp
    GUARD_LOAD_PRESERVED %r10
    pop %rbp
    ret
5:  mov %r10, %rsp               /* it used the FPU */
    push %rax
    push %rdx
    mov %r10, %rbx
    mov %r10, %rdi
    call live_fpu_leave
    pop %rdx
    pop %rax
    mov %rbx, %r10
    mov %gs:CPU_CURRENT, %r11
    jmp 4b
.size live_patch_enter, . - live_patch_enter

.balign 16
.type live_patch_faulted, @function
live_patch_faulted:
    mov %rsp, %rbx
    mov %rbx, %rdi
    call live_patch_ended        /* takes the guard off the thread, interrupts as they were: RAX = code to run instead, or 0; RDX = value */
    mov %rbx, %r10
    test %rax, %rax
    jnz 1f
    mov %rdx, %rax
    xor %edx, %edx
    jmp live_patch_leave
1:  mov %rax, %r11
    GUARD_LOAD_ARGUMENTS %r10
    GUARD_LOAD_PRESERVED %r10
    mov GUARD_RSP(%r10), %rsp
    pop %rbp
    jmp *%r11
.size live_patch_faulted, . - live_patch_faulted

/* In place of a live function of a table: thread->live_gate = struct live_table_call. Two words of stack arguments are passed on. */
.balign 16
.globl live_call_gate
.type live_call_gate, @function
live_call_gate:
    push %rbp
    mov %rsp, %rbp
    mov %gs:CPU_CURRENT, %r11
    mov THREAD_LIVE_GATE(%r11), %r11
    push %r11
    push %r11
    push 24(%rbp)
    push 16(%rbp)
    call live_patch_enter
    mov -8(%rbp), %rdi
    mov %rax, %rsi
    call live_call_returned
    leave
    ret
.size live_call_gate, . - live_call_gate

.balign 16
.globl live_call_refused
.type live_call_refused, @function
live_call_refused:
    mov %gs:CPU_CURRENT, %rdi
    mov THREAD_LIVE_GATE(%rdi), %rdi
    jmp live_call_refuse
.size live_call_refused, . - live_call_refused

/* NORETURN void live_resume(struct live_guard *guard): leaves the call as a fault does, from C. */
.balign 16
.globl live_resume
.type live_resume, @function
live_resume:
    cli
    cld
    mov %rdi, %rsp
    jmp *GUARD_RESUME(%rdi)
.size live_resume, . - live_resume

/* Where a trap's frame is sent whose code is to be stopped: RDI = why, RSI = RIP, RDX = RSP as they were, RBP as it was. */
.balign 16
.globl live_stop_landing
.type live_stop_landing, @function
live_stop_landing:
    mov %rbp, %rcx
    call live_stop_landed
    ud2
.size live_stop_landing, . - live_stop_landing

/* A kernel function returns here in place of live code that is to be stopped. */
.balign 16
.globl live_stop_at_return
.type live_stop_at_return, @function
live_stop_at_return:
    cld
    mov %rsp, %rdi
    mov %rbp, %rsi
    and $-16, %rsp
    call live_stop_returned
    ud2
.size live_stop_at_return, . - live_stop_at_return

.section .note.GNU-stack, "", @progbits
