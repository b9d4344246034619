/*
 * Stage 1: the boot code in the disk's protective MBR.
 *
 * The BIOS loads this sector to 0x7c00 and enters it in real mode with the
 * drive's number in DL. It reads stage 2 from the BIOS boot partition by EDD
 * (LBA) reads to 0x8000, checks its sum, and jumps there with DL unchanged.
 *
 * tools/mkimage.py writes where stage 2 lies into the 16 bytes at offset 424:
 *     u64 first sector, u32 sum of all its little-endian dwords, u16 sectors,
 *     u16 signature 0x3253 ("S2", checked by mkimage before it writes).
 * The partition table and the disk signature behind offset 440 are not ours.
 *
 * Errors: one line on the screen (BIOS teletype) and on COM1, then halt.
 * Leaves out: CHS geometry. A BIOS without EDD cannot have a 64-bit CPU.
 */
        .set    LOAD_SEGMENT, 0x0800    /* 0x8000 as a real-mode segment */
        .set    CHUNK, 64               /* sectors per read: 32 KiB, never across 64 KiB */
        .set    COM1, 0x3f8

        .code16
        .text
        .globl  _start
_start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $_start, %sp
        sti
        ljmp    $0, $flat               /* some BIOSes enter at 07c0:0000 */
flat:
        movb    %dl, drive

        movb    $0x41, %ah              /* EDD 3.0, 1.1: check extensions present */
        movw    $0x55aa, %bx
        int     $0x13
        movw    $no_edd, %si
        jc      fail
        cmpw    $0xaa55, %bx
        jne     fail

        xorl    %ebp, %ebp              /* sum so far */
        movw    stage2_sectors, %bx     /* sectors still to read */
next_chunk:
        movw    $CHUNK, %cx
        cmpw    %cx, %bx
        jae     1f
        movw    %bx, %cx
1:      movw    %cx, packet_count
        pushw   %cx
        pushw   %bx
        movb    $0x42, %ah              /* EDD 3.0, 1.2: extended read */
        movb    drive, %dl
        movw    $packet, %si
        int     $0x13
        popw    %bx
        popw    %cx
        movw    $unreadable, %si
        jc      fail

        subw    %cx, %bx
        movzwl  %cx, %ecx
        addl    %ecx, packet_lba
        adcl    $0, packet_lba + 4
        movw    packet_segment, %es
        addw    $CHUNK * 512 / 16, packet_segment
        shlw    $7, %cx                 /* dwords in this chunk */
        xorw    %di, %di
2:      addl    %es:(%di), %ebp
        addw    $4, %di
        loop    2b
        testw   %bx, %bx
        jnz     next_chunk

        movw    $damaged, %si
        cmpl    stage2_sum, %ebp
        jne     fail
        movb    drive, %dl
        ljmp    $0, $LOAD_SEGMENT * 16

/* Prints the reason at SI after the prefix, on the screen and COM1, and stops. */
fail:
        pushw   %si
        movw    $serial_setup, %di
        movw    $(serial_setup_end - serial_setup) / 2, %cx
3:      movzbw  (%di), %dx
        addw    $COM1, %dx
        movb    1(%di), %al
        outb    %al, %dx
        incw    %di
        incw    %di
        loop    3b
        movw    $prefix, %si
        call    print
        popw    %si
        call    print
        movw    $end_of_line, %si
        call    print
halt:
        hlt
        jmp     halt

print:
        lodsb
        testb   %al, %al
        jz      5f
        movw    $COM1 + 5, %dx          /* line status: wait for bit 5, for a while */
        pushw   %ax
4:      inb     %dx, %al
        testb   $0x20, %al
        loopz   4b
        popw    %ax
        movw    $COM1, %dx
        outb    %al, %dx
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     print
5:      ret

/* 115200 baud, 8 data bits, no parity: pairs of register and value. */
serial_setup:
        .byte   3, 0x80, 0, 1, 1, 0, 3, 3
serial_setup_end:

prefix:      .ascii "\r\nPolyglot OS cannot start: \0"
no_edd:      .asciz "this BIOS has no EDD"
unreadable:  .asciz "the disk is unreadable"
damaged:     .asciz "stage 2 is damaged"
end_of_line: .asciz "\r\n"
drive:      .byte 0

        .org    416
packet: .byte   16, 0                   /* EDD disk address packet ... */
packet_count:   .word 0
        .word   0                       /* offset */
packet_segment: .word LOAD_SEGMENT
packet_lba:     .quad 0                 /* ... ends in the number that mkimage writes */
stage2_sum:     .long 0
stage2_sectors: .word 0
        .word   0x3253
