/* The stack that a program starts with (System V psABI 3.4.1, with Linux's auxiliary vector). */
#ifndef KERNEL_PROC_START_STACK_H
#define KERNEL_PROC_START_STACK_H

#include <lib/types.h>

struct address_space;
struct process;

/* Strings one after the other, each with its NUL. */
struct string_block {
    const char *bytes;
    size_t size;   /* bytes */
    size_t count;  /* strings */
};

/* Where a program's file was loaded. */
struct program_image {
    vaddr_t base;             /* what was added to the file's addresses */
    vaddr_t entry;            /* of the program */
    vaddr_t start;            /* where it begins to run: its interpreter's entry, or its own */
    vaddr_t headers;          /* program headers in memory; 0: they are not loaded */
    uint32_t header_count;
    vaddr_t interpreter_base; /* 0: none */
    vaddr_t end;              /* of its highest segment */
};

struct start_stack_request {
    struct address_space *space;        /* the program's; need not be the current one */
    vaddr_t top;                        /* of the mapped stack, 16-aligned */
    const struct program_image *image;
    struct string_block arguments, environment;
    const char *path;                   /* AT_EXECFN */
    bool with_natives;                  /* the world: AT_POLYGLOT_NATIVES */
    bool is_secure;                     /* AT_SECURE: it got rights by its file's mode */
};

/* Writes it; *rsp is where argc lies. The vector is kept in process->auxiliary. 0 or -ENOMEM, -EFAULT, -E2BIG. */
MUST_CHECK int start_stack_build(struct process *process, const struct start_stack_request *request, vaddr_t *rsp);

#endif
