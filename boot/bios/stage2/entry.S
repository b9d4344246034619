/*
 * Stage 2's first and last instructions: real mode on one side, long mode on
 * the other.
 *
 *   _start        entered by stage 1 in real mode at 0x8000, DL = boot drive.
 *                 Opens A20, checks that the CPU can run Zig's x86-64 code, maps
 *                 the first 4 GiB 1:1, enters long mode and calls
 *                 stage2_main(drive, tsc).
 *   bios_call     called in long mode: a BIOS interrupt in real mode with the
 *                 registers of bios_regs (bios.zig), vector in bios_vector.
 *   exception_*   the exception entries of exceptions.zig.
 *
 * All 16-bit code and its data lie in .low, below 64 KiB, so that every segment
 * is 0. The low memory map is in stage2.ld.
 */
        .set    SELECTOR_CODE64, 0x08
        .set    SELECTOR_DATA, 0x10
        .set    SELECTOR_CODE16, 0x18
        .set    SELECTOR_DATA16, 0x20
        .set    CR0_PE, 1
        .set    CR0_WP, 1 << 16
        .set    CR0_PG, 1 << 31
        .set    CR4_PAE, 1 << 5
        .set    MSR_EFER, 0xc0000080
        .set    EFER_LME, 1 << 8
        .set    COM1, 0x3f8

        /* CPUID.1:EDX that the code built by Zig needs: TSC MSR PAE CX8 CMOV. */
        .set    NEEDED_EDX, (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 15)
        .set    LONG_MODE_EDX, 1 << 29  /* CPUID.80000001h:EDX */

        .code16
        .section .low, "awx"
        .globl  _start
_start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $real_stack_top, %esp
        sti
        movb    %dl, boot_drive

        call    check_cpu
        rdtsc
        movl    %eax, tsc_start
        movl    %edx, tsc_start + 4

        int     $0x12                   /* KiB of low memory */
        movw    $message_low_memory, %si
        cmpw    $512, %ax
        jb      real_fail

        call    open_a20
        call    build_page_tables
        cli
        movl    $long_main, %ebx
        jmp     enter_long_mode

/* ------------------------------------------------------------------ checks */

/* Returns if the CPU has long mode and NEEDED_EDX; otherwise says so and stops. */
check_cpu:
        movw    $message_cpu, %si
        pushfl                          /* SDM volume 1, 20.1.2: EFLAGS.ID toggles */
        popl    %eax
        movl    %eax, %ecx
        xorl    $1 << 21, %eax
        pushl   %eax
        popfl
        pushfl
        popl    %eax
        xorl    %ecx, %eax
        testl   $1 << 21, %eax
        jz      real_fail
        movl    $1, %eax
        cpuid
        andl    $NEEDED_EDX, %edx
        cmpl    $NEEDED_EDX, %edx
        jne     real_fail
        movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      real_fail
        movl    $0x80000001, %eax
        cpuid
        testl   $LONG_MODE_EDX, %edx
        jz      real_fail
        ret

/* Tries the BIOS, port 0x92 and the keyboard controller in turn. */
open_a20:
        call    test_a20
        jnz     9f
        movw    $0x2401, %ax
        int     $0x15
        call    test_a20
        jnz     9f
        inb     $0x92, %al
        orb     $2, %al
        andb    $0xfe, %al              /* bit 0 resets the machine */
        outb    %al, $0x92
        call    test_a20
        jnz     9f
        call    keyboard_wait
        movb    $0xd1, %al              /* write the output port ... */
        outb    %al, $0x64
        call    keyboard_wait
        movb    $0xdf, %al              /* ... with A20 on */
        outb    %al, $0x60
        call    keyboard_wait
        call    test_a20
        jnz     9f
        movw    $message_a20, %si
        jmp     real_fail
9:      ret

/* ZF clear if 1 MiB + x is another byte than x. Retries, for slow gates. */
test_a20:
        pushw   %es
        movw    $0xffff, %ax
        movw    %ax, %es
        movw    $1000, %cx
1:      incw    a20_probe
        movw    a20_probe, %ax
        cmpw    %es:a20_probe + 16, %ax
        loope   1b
        popw    %es
        ret

keyboard_wait:
        movw    $0xffff, %cx
1:      inb     $0x64, %al
        testb   $2, %al
        loopnz  1b
        ret

/* Prints the string at SI on the screen and COM1, and halts. */
real_fail:
        movw    $serial_setup, %di
        movw    $(serial_setup_end - serial_setup) / 2, %cx
1:      movzbw  (%di), %dx
        addw    $COM1, %dx
        movb    1(%di), %al
        outb    %al, %dx
        addw    $2, %di
        loop    1b
2:      lodsb
        testb   %al, %al
        jz      4f
        pushw   %ax
        movw    $COM1 + 5, %dx
3:      inb     %dx, %al
        testb   $0x20, %al
        loopz   3b
        popw    %ax
        movw    $COM1, %dx
        outb    %al, %dx
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     2b
4:      hlt
        jmp     4b

/* ------------------------------------------------------------ mode switches */

/* 0 .. 4 GiB 1:1 in 2 MiB pages: one PML4, one PDPT and four page directories
 * at early_page_tables (SDM volume 3, 4.5). */
build_page_tables:
        movw    $early_page_tables_segment, %ax
        movw    %ax, %es
        xorw    %di, %di
        xorl    %eax, %eax
        movw    $0x1000 * 2 / 4, %cx
        rep stosl                       /* PML4 and PDPT */
        movl    $early_page_tables + 0x1003, %es:0
        movl    $early_page_tables + 0x2003, %eax
        movw    $0x1000, %di
        movw    $4, %cx
1:      movl    %eax, %es:(%di)
        addl    $0x1000, %eax
        addw    $8, %di
        loop    1b
        movw    $0x2000, %di
        movl    $0x83, %eax             /* present, writable, 2 MiB page */
        movw    $4 * 512, %cx
2:      stosl
        movl    $0, %es:(%di)
        addw    $4, %di
        addl    $0x200000, %eax
        loop    2b
        xorw    %ax, %ax
        movw    %ax, %es
        ret

/* From real mode, interrupts off, to 64-bit code at EBX. SDM volume 3, 9.8.5:
 * PE and PG may be set by one write once LME and PAE are on. */
enter_long_mode:
        lgdtl   gdt_pointer
        movl    $early_page_tables, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $CR0_PE | CR0_WP | CR0_PG, %eax
        movl    %eax, %cr0
        ljmpl   $SELECTOR_CODE64, $long_entry

        .code64
long_entry:
        movl    $SELECTOR_DATA, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        lidt    idt_pointer
        movl    %ebx, %ebx
        jmp     *%rbx

long_main:
        movl    $stage2_stack_top, %esp
        movl    $__bss_start, %edi
        movl    $__bss_end, %ecx
        subl    %edi, %ecx
        shrl    $3, %ecx
        xorl    %eax, %eax
        rep stosq
        movzbl  boot_drive, %edi
        movq    tsc_start, %rsi
        xorl    %ebp, %ebp
        call    stage2_main
1:      hlt
        jmp     1b

/* void bios_call(void), C calling convention: calls the real-mode handler at
 * bios_vector (offset, segment) with the registers in bios_regs, and stores
 * there what it returns. */
        .globl  bios_call
bios_call:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, long_stack
        lidt    real_idt_pointer
        pushq   $SELECTOR_CODE16
        pushq   $leave_long_mode
        lretq
back_in_long_mode:
        movq    long_stack, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        cld
        ret

        .code16
leave_long_mode:                        /* compatibility mode, 16-bit segment */
        movl    %cr0, %eax
        andl    $~CR0_PG, %eax
        movl    %eax, %cr0              /* leaves IA-32e mode */
        movw    $SELECTOR_DATA16, %ax   /* 64 KiB limits: real mode keeps what is cached */
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    %cr0, %eax
        andl    $~CR0_PE, %eax
        movl    %eax, %cr0
        ljmp    $0, $in_real_mode
in_real_mode:
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $real_stack_top, %esp

        movl    bios_regs + 0, %eax
        movl    bios_regs + 4, %ebx
        movl    bios_regs + 8, %ecx
        movl    bios_regs + 12, %edx
        movl    bios_regs + 16, %esi
        movl    bios_regs + 20, %edi
        movw    bios_regs + 28, %es
        sti
        pushfw
        cli                             /* as the INT instruction does */
        lcallw  *bios_vector            /* the handler's iret or lret $2 pops both */
        cli
        cld
        pushfw
        pushw   %ds
        pushw   $0
        popw    %ds
        movl    %eax, bios_regs + 0
        movl    %ebx, bios_regs + 4
        movl    %ecx, bios_regs + 8
        movl    %edx, bios_regs + 12
        movl    %esi, bios_regs + 16
        movl    %edi, bios_regs + 20
        movw    %es, bios_regs + 28
        popw    %ax
        popw    %ax
        movzwl  %ax, %eax
        movl    %eax, bios_regs + 24
        movl    $back_in_long_mode, %ebx
        jmp     enter_long_mode

/* -------------------------------------------------------------- exceptions */

/* One 16-byte stub per vector: pushes an error code of 0 where the CPU pushes
 * none (SDM volume 3, table 6-1) and the vector. */
        .code64
        .balign 16
exception_stubs:
        .set    vector, 0
        .rept   32
        .balign 16
        .if     (0x60227d00 >> vector) & 1      /* 8 10-14 17 21 29 30 */
        .else
        pushq   $0
        .endif
        pushq   $vector
        jmp     exception_common
        .set    vector, vector + 1
        .endr
exception_common:
        movq    %rsp, %rdi
        andq    $-16, %rsp
        call    stage2_exception        /* does not return */

/* -------------------------------------------------------------------- data */

        .balign 16
gdt:
        .quad   0
        .quad   0x00af9a000000ffff      /* SELECTOR_CODE64 */
        .quad   0x00cf92000000ffff      /* SELECTOR_DATA */
        .quad   0x00009a000000ffff      /* SELECTOR_CODE16 */
        .quad   0x000092000000ffff      /* SELECTOR_DATA16 */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .balign 16
idt:
        .set    vector, 0
        .rept   32
        .word   exception_stubs + 16 * vector   /* .low: below 64 KiB */
        .word   SELECTOR_CODE64
        .byte   0, 0x8e                         /* interrupt gate, present */
        .word   0
        .quad   0
        .set    vector, vector + 1
        .endr
idt_end:
idt_pointer:
        .word   idt_end - idt - 1
        .quad   idt
real_idt_pointer:
        .word   0x3ff
        .quad   0

        .balign 8
        .globl  bios_regs, bios_vector
bios_regs:      .fill 32, 1, 0          /* struct Regs of bios.zig */
bios_vector:    .long 0
tsc_start:      .quad 0
long_stack:     .quad 0
a20_probe:      .word 0
boot_drive:     .byte 0

serial_setup:   .byte 3, 0x80, 0, 1, 1, 0, 3, 3 /* 115200 8N1: register, value */
serial_setup_end:

message_cpu:
        .asciz "\r\nPolyglot OS cannot start: this CPU has no 64-bit mode (long mode), which is needed\r\n"
message_low_memory:
        .asciz "\r\nPolyglot OS cannot start: too little memory below 640 KiB (512 KiB are needed)\r\n"
message_a20:
        .asciz "\r\nPolyglot OS cannot start: address line A20 cannot be opened\r\n"
