/* The objects of live/test/objects, as the compiler wrote them: live/test/objects.h. */
.section .rodata

.macro OBJECT name
    .balign 16
    .globl ktest_object_\name, ktest_object_\name\()_end
ktest_object_\name:
    .incbin "\name\().obj"
ktest_object_\name\()_end:
.endm

OBJECT first
OBJECT second
OBJECT undefined
OBJECT size
OBJECT faulty
OBJECT kernel_name

.section .note.GNU-stack, "", @progbits
