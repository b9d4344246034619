/*
 * Entry and exit of the kernel: boot, traps, SYSCALL, context switch.
 *
 * Traps. Every vector enters on an IST stack, because interrupted world code
 * uses the red zone below its RSP and may have no stack page at all. The stub
 * saves a struct trap_frame there and asks trap_select_stack() where to go on:
 * a copy of the frame on the thread's kernel stack. From the moment RSP points
 * to the copy the IST stack is free again; interrupts are off until then.
 * NMI, #DF and #MC stay on their IST stacks.
 *
 * SYSCALL at CPL 0 (the world) and CPL 3 come to the same entry; RCX, the
 * return address, tells them apart: upper half is the world. Nothing is pushed
 * on the caller's stack.
 */
#include <arch/x86_64/assembly.inc>

#define FRAME_ROLE       (15 * 8)
#define FRAME_VECTOR     (16 * 8)
#define FRAME_ERROR      (17 * 8)
#define FRAME_RIP        (18 * 8)
#define FRAME_CS         (19 * 8)
#define FRAME_RFLAGS     (20 * 8)
#define FRAME_RSP        (21 * 8)

#define VECTOR_SYSCALL   0x100
#define MSR_GS_BASE      0xc0000101

.section .text.entry, "ax"

/* The loader jumps here: RDI = boot_info (boot/boot_info.h). */
.globl kernel_entry
.type kernel_entry, @function
kernel_entry:
    cli
    cld
    lea __boot_stack_top(%rip), %rsp
    xor %ebp, %ebp
    push %rbp
    push %rbp
    call kernel_main
1:  hlt
    jmp 1b
.size kernel_entry, . - kernel_entry

/* 256 stubs of 16 bytes. Vectors with an error code: 8, 10-14, 17, 21, 29, 30. */
.balign 16
.globl trap_stubs
.type trap_stubs, @function
trap_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push $0
    .endif
    push $vector
    .if (vector == 1) || (vector == 2) || (vector == 8) || (vector == 18)
    jmp trap_entry_paranoid
    .elseif vector == 3
    jmp trap_entry_breakpoint
    .else
    jmp trap_entry
    .endif
    .set vector, vector + 1
.endr
.balign 16
.size trap_stubs, . - trap_stubs

.type trap_entry, @function
trap_entry:
    cld
    push $0                      /* role, filled by trap_select_stack */
    SAVE_REGISTERS
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
1:  xor %ebp, %ebp
    mov %rsp, %rdi
    call trap_select_stack
    mov %rax, %rsp
    mov %rax, %rdi
    call trap_dispatch
    jmp trap_return
.size trap_entry, . - trap_entry

/*
 * A call that meets the breakpoint of an entry which is being patched goes on where that leads, at once: text_patch.c, whose
 * text_patch_breakpoint() is the same in C, for breakpoints that come late. No memory but the IST stack is needed, nor GS.
 */
.globl trap_entry_breakpoint
.type trap_entry_breakpoint, @function
trap_entry_breakpoint:
    push %rax
    push %rcx
    mov 32(%rsp), %rax           /* RIP, above the vector and the error code */
    dec %rax
    cmp text_patch_changing_entry(%rip), %rax
    jne 1f
    mov text_patch_changing_target(%rip), %rcx
    cmp text_patch_changing_entry(%rip), %rax /* still: the target is this one's */
    jne 1f
    mov %rcx, 32(%rsp)
    lock incq text_patch_breakpoint_count(%rip)
    pop %rcx
    pop %rax
    add $16, %rsp                /* vector, error */
    iretq
1:  pop %rcx
    pop %rax
    jmp trap_entry
.size trap_entry_breakpoint, . - trap_entry_breakpoint

/*
 * Resumes the frame at RSP. trap_prepare_return() has done signals and
 * preemption and leaves with interrupts off.
 */
.globl trap_return
.type trap_return, @function
trap_return:
    mov %rsp, %rdi
    call trap_prepare_return
trap_return_prepared:
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
1:  RESTORE_REGISTERS
    add $24, %rsp                /* role, vector, error */
    iretq
.size trap_return, . - trap_return

/*
 * #DB, NMI, #DF, #MC: GS may be the interrupted program's even at CPL 0 (before
 * the swapgs of a ring-3 SYSCALL, or after the one of its return). The sign of
 * the base tells: kernel addresses are negative. RBX keeps whether to swap
 * back. #DB goes on like any trap when it hit ordinary code.
 */
.type trap_entry_paranoid, @function
trap_entry_paranoid:
    cld
    push $0
    SAVE_REGISTERS
    xor %ebx, %ebx
    mov $MSR_GS_BASE, %ecx
    rdmsr
    test %edx, %edx
    js 1f
    swapgs
    inc %ebx
1:  xor %ebp, %ebp
    mov %rsp, %rdi
    mov %ebx, %esi
    call trap_dispatch_paranoid
    test %rax, %rax
    jnz 3f
    test %ebx, %ebx
    jz 2f
    swapgs
2:  RESTORE_REGISTERS
    add $24, %rsp
    iretq
3:  mov %rax, %rsp               /* GS is the kernel's: on like trap_entry */
    mov %rax, %rdi
    call trap_dispatch
    jmp trap_return
.size trap_entry_paranoid, . - trap_entry_paranoid

/*
 * SYSCALL (LSTAR): RCX = return address, R11 = RFLAGS, IF and DF masked by
 * SFMASK, RSP = the caller's.
 */
.balign 16
.globl syscall_entry
.type syscall_entry, @function
syscall_entry:
    test %rcx, %rcx
    jns syscall_from_user
    mov %rsp, %gs:CPU_SYSCALL_RSP
    mov %gs:CPU_CURRENT, %rsp
    mov THREAD_STACK_TOP(%rsp), %rsp
    push $0x10                   /* SS */
    push %gs:CPU_SYSCALL_RSP
    push %r11
    push $0x08                   /* CS */
    push %rcx
    push %rax                    /* error: the call's number */
    push $VECTOR_SYSCALL
    push $1                      /* THREAD_IN_WORLD */
    SAVE_REGISTERS
    xor %ebp, %ebp
    mov %rsp, %rdi
    call syscall_dispatch
    mov %rsp, %rdi
    call trap_prepare_return     /* interrupts are off from here */
    cmpq $VECTOR_SYSCALL, FRAME_VECTOR(%rsp)
    jne trap_return_prepared     /* a frame of another kind, or of ring 3 after execve(2) */
    RESTORE_REGISTERS
    mov (FRAME_RIP - 15 * 8)(%rsp), %rcx
    mov (FRAME_RFLAGS - 15 * 8)(%rsp), %r11
    push %r11
    andl $~0x200, (%rsp)
    popfq
    mov (FRAME_RSP - 15 * 8)(%rsp), %rsp
    sti                          /* takes effect after the jump: nothing can hit between */
    jmp *%rcx

syscall_from_user:
    swapgs
    mov %rsp, %gs:CPU_SYSCALL_RSP
    mov %gs:CPU_CURRENT, %rsp
    mov THREAD_STACK_TOP(%rsp), %rsp
    push $0x1b                   /* SS */
    push %gs:CPU_SYSCALL_RSP
    push %r11
    push $0x23                   /* CS */
    push %rcx
    push %rax
    push $VECTOR_SYSCALL
    push $2                      /* THREAD_IN_USER */
    SAVE_REGISTERS
    xor %ebp, %ebp
    mov %rsp, %rdi
    call syscall_dispatch
    /* iretq always: it alone faults safely on a non-canonical return address. */
    jmp trap_return
.size syscall_entry, . - syscall_entry

/* void context_switch(uint64_t *save_rsp, uint64_t load_rsp) */
.balign 16
.globl context_switch
.type context_switch, @function
context_switch:
    push %rbp
    PUSH_PRESERVED
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    POP_PRESERVED
    pop %rbp
    ret
.size context_switch, . - context_switch

/* First instructions of a new thread: its function in RBX, the argument in R12. */
.globl thread_entry_kernel
.type thread_entry_kernel, @function
thread_entry_kernel:
    call thread_started
    mov %rbx, %rdi
    mov %r12, %rsi
    xor %ebp, %ebp
    call thread_run
    call thread_exit
    ud2
.size thread_entry_kernel, . - thread_entry_kernel

/* A new world or user thread: its trap frame lies at RSP. */
.globl thread_entry_frame
.type thread_entry_frame, @function
thread_entry_frame:
    call thread_started
    jmp trap_return
.size thread_entry_frame, . - thread_entry_frame

/*
 * Usercopy primitives. Each faulting instruction has an entry in .extable; the
 * page-fault handler resumes at the fix-up when the fault cannot be resolved.
 * usercopy.c brackets them with STAC and CLAC for ring-3 memory.
 */
.macro EXTABLE fault, fixup
    .pushsection .extable, "a"
    .balign 8
    .quad \fault, \fixup
    .popsection
.endm

/* uint64_t usercopy_bytes(void *to, const void *from, uint64_t size): bytes NOT copied. */
.balign 16
.globl usercopy_bytes
.type usercopy_bytes, @function
usercopy_bytes:
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
1:  rep movsq
    mov %edx, %ecx
2:  rep movsb
    xor %eax, %eax
    ret
3:  lea (%rdx, %rcx, 8), %rax
    ret
4:  mov %rcx, %rax
    ret
    EXTABLE 1b, 3b
    EXTABLE 2b, 4b
.size usercopy_bytes, . - usercopy_bytes

/* uint64_t usercopy_clear(void *to, uint64_t size): bytes NOT cleared. */
.balign 16
.globl usercopy_clear
.type usercopy_clear, @function
usercopy_clear:
    mov %rsi, %rcx
    xor %eax, %eax
1:  rep stosb
    ret
2:  mov %rcx, %rax
    ret
    EXTABLE 1b, 2b
.size usercopy_clear, . - usercopy_clear

/* int64_t usercopy_string(char *to, const char *from, uint64_t limit):
 * length without the NUL, limit when there is none, -1 on a fault. */
.balign 16
.globl usercopy_string
.type usercopy_string, @function
usercopy_string:
    xor %eax, %eax
1:  cmp %rdx, %rax
    jae 3f
2:  movzbl (%rsi, %rax), %ecx
    mov %cl, (%rdi, %rax)
    test %cl, %cl
    jz 3f
    inc %rax
    jmp 1b
3:  ret
4:  mov $-1, %rax
    ret
    EXTABLE 2b, 4b
.size usercopy_string, . - usercopy_string

/* int usercopy_cmpxchg32(uint32_t *target, uint32_t expected, uint32_t desired, uint32_t *found): 0, or -1 on a fault. */
.balign 16
.globl usercopy_cmpxchg32
.type usercopy_cmpxchg32, @function
usercopy_cmpxchg32:
    mov %esi, %eax
1:  lock cmpxchg %edx, (%rdi)
    mov %eax, (%rcx)
    xor %eax, %eax
    ret
2:  mov $-1, %eax
    ret
    EXTABLE 1b, 2b
.size usercopy_cmpxchg32, . - usercopy_cmpxchg32

/* int usercopy_load32(uint32_t *value, const uint32_t *source): 0, or -1 on a fault. */
.balign 16
.globl usercopy_load32
.type usercopy_load32, @function
usercopy_load32:
1:  mov (%rsi), %eax
    mov %eax, (%rdi)
    xor %eax, %eax
    ret
2:  mov $-1, %eax
    ret
    EXTABLE 1b, 2b
.size usercopy_load32, . - usercopy_load32

.section .note.GNU-stack, "", @progbits
