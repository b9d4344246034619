/* The test kernel's entry: keeps what the loader handed over, calls check(). */
        .text
        .globl  _start
_start:
        movq    %rsp, entry_rsp(%rip)
        movq    %cr0, %rax
        movq    %rax, entry_cr0(%rip)
        pushfq
        popq    entry_rflags(%rip)
        call    check
1:      cli
        hlt
        jmp     1b
