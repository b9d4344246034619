/*
 * Traps: exceptions, interrupts and SYSCALL, all leaving one struct trap_frame
 * on the thread's kernel stack. entry.S tells how it gets there.
 */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <lib/types.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t role;      /* enum thread_role of what was interrupted */
    uint64_t vector;    /* VECTOR_SYSCALL: may return by the fast path */
    uint64_t error;     /* error code; for SYSCALL the call's number */
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};

#define VECTOR_DIVIDE_ERROR    0
#define VECTOR_DEBUG           1
#define VECTOR_NMI             2
#define VECTOR_BREAKPOINT      3
#define VECTOR_INVALID_OPCODE  6
#define VECTOR_NO_FPU          7
#define VECTOR_DOUBLE_FAULT    8
#define VECTOR_STACK_SEGMENT   12
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT      14
#define VECTOR_FPU_ERROR       16
#define VECTOR_ALIGNMENT_CHECK 17
#define VECTOR_MACHINE_CHECK   18
#define VECTOR_SIMD_ERROR      19
#define VECTOR_IRQ_BASE        32   /* device interrupts: 32 .. 239 */
#define VECTOR_TIMER           0xf0
#define VECTOR_RESCHEDULE      0xf1
#define VECTOR_TLB             0xf2
#define VECTOR_CALL            0xf3
#define VECTOR_SPURIOUS        0xff
#define VECTOR_SYSCALL         0x100
#define VECTOR_SYSCALL_SLOW    0x101 /* a syscall whose frame was changed: returns by iretq */

/* Page-fault error code, SDM vol. 3, 4.7. */
#define FAULT_PRESENT     1
#define FAULT_WRITE       2
#define FAULT_USER        4
#define FAULT_RESERVED    8
#define FAULT_INSTRUCTION 16

const char *trap_name(uint64_t vector);

/* Registers and a backtrace by name, through klog. */
void trap_print(const struct trap_frame *frame);
/* Backtrace of the chain of frame pointers from `rbp`; stops at the first that
 * is not on a kernel stack. */
void backtrace_print(uint64_t rip, uint64_t rbp);
/* `rip` and the return addresses by that chain (`rbp` 0: none), innermost first, at most `most` (>= 1). Returns how many.
 * Nothing is locked, nothing faults; any context, also NMI. */
uint32_t trap_collect_frames(uint64_t rip, uint64_t rbp, uint64_t *frames, uint32_t most);

/* entry.S */
extern char trap_stubs[];         /* 256 stubs, TRAP_STUB_SIZE bytes each */
#define TRAP_STUB_SIZE 16
void syscall_entry(void);
void trap_return(void);           /* resumes the frame at RSP */
void context_switch(uint64_t *save_rsp, uint64_t load_rsp);
void thread_entry_kernel(void);   /* first instruction of a kernel thread */

#endif
