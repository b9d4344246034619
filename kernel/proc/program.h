/* Loading ELF programs into an address space. */
#ifndef KERNEL_PROC_PROGRAM_H
#define KERNEL_PROC_PROGRAM_H

#include <kernel/proc/start_stack.h>

struct address_space;
struct file;

#define PROGRAM_INTERPRETER_MAX 256 /* bytes of PT_INTERP with its NUL */

/*
 * Maps the ELF file's segments: at the addresses it names, or, when it is
 * position independent, at `base` (0: where there is room). *image gets all but
 * `start` and `interpreter_base`; `interpreter` the path of PT_INTERP, "" when
 * there is none. 0, -ENOEXEC (no x86-64 program, or a malformed one), -ENOMEM,
 * -EIO, -EACCES.
 */
MUST_CHECK int program_load(struct address_space *space, struct file *file, vaddr_t base, struct program_image *image,
                            char interpreter[PROGRAM_INTERPRETER_MAX]);

#endif
