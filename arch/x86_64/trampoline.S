/*
 * The first instructions of an application processor. smp_start.c copies them to a
 * page below 1 MiB, fills in the words at the end and sends the start-up IPI with
 * the page's number: the CPU begins in real mode with CS:IP = page:0 (SDM vol. 3,
 * 9.4.4). From real mode it goes straight to 64-bit mode, on page tables that map
 * the first 2 MiB where they are and the upper half like the kernel's.
 *
 * A CPU goes on only if the word `trampoline_expected` is its APIC ID, and takes
 * that word away at once: one that wakes up too late stops here.
 */
#define CODE_SELECTOR 0x08
#define DATA_SELECTOR 0x10
#define CR4_PAE       0x20
#define CR0_START     0x80010033 /* PG WP NE ET MP PE: caches on, too */
#define MSR_EFER      0xc0000080
#define EFER_LME_NXE  0x900
#define CLAIMED       0xffffffff

.section .rodata, "a"
.balign 16
.globl trampoline_start
trampoline_start:
.code16
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl (trampoline_gdtr - trampoline_start)
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    movl (trampoline_root - trampoline_start), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME_NXE, %eax
    wrmsr
    mov $CR0_START, %eax
    mov %eax, %cr0
    ljmpl *(trampoline_far - trampoline_start)
.code64
.globl trampoline_long
trampoline_long:
    mov $DATA_SELECTOR, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $1, %eax
    cpuid
    shr $24, %ebx                /* initial APIC ID: SDM vol. 2A, CPUID leaf 1 */
    mov %ebx, %eax
    mov $CLAIMED, %edx
    lock cmpxchg %edx, trampoline_expected(%rip)
    jne 1f
    mov trampoline_stack(%rip), %rsp
    mov trampoline_argument(%rip), %rdi
    mov trampoline_entry(%rip), %rax
    xor %ebp, %ebp
    push %rbp                    /* no return address: backtraces end here */
    jmp *%rax
1:  cli
    hlt
    jmp 1b

/* Filled in by smp_start.c. */
.balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00af9b000000ffff     /* code, 64-bit */
    .quad 0x00cf93000000ffff     /* data */
.globl trampoline_gdtr
trampoline_gdtr:
    .word 23
    .long trampoline_gdt - trampoline_start /* + the page's address */
.balign 8
.globl trampoline_far
trampoline_far:
    .long trampoline_long - trampoline_start /* + the page's address */
    .word CODE_SELECTOR
.balign 8
.globl trampoline_expected
trampoline_expected:
    .long CLAIMED
.globl trampoline_root
trampoline_root:
    .long 0
.globl trampoline_stack
trampoline_stack:
    .quad 0
.globl trampoline_argument
trampoline_argument:
    .quad 0
.globl trampoline_entry
trampoline_entry:
    .quad 0
.globl trampoline_end
trampoline_end:

.section .note.GNU-stack, "", @progbits
