/* Start stacks, from the top down: random bytes, strings, padding, the vectors, argc. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <kernel/elf.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/natives.h>
#include <kernel/proc/process.h>
#include <kernel/proc/start_stack.h>
#include <kernel/random.h>
#include <lib/string.h>

#define POINTERS_AT_ONCE 64

struct auxiliary { uint64_t key, value; };

struct stack_builder {
    struct address_space *space;
    vaddr_t top;
    int error;
};

LOCAL vaddr_t stack_push(struct stack_builder *stack, const void *data, size_t size)
{
    stack->top -= size;
    if (stack->error == 0)
        stack->error = space_write(stack->space, stack->top, data, size);
    return stack->top;
}

LOCAL vaddr_t stack_push_string(struct stack_builder *stack, const char *text)
{
    return stack_push(stack, text, strlen(text) + 1);
}

/* Writes at `address` the pointers to the strings of a block that lies at `strings`, and NULL. Returns the end. */
LOCAL vaddr_t stack_write_pointers(struct stack_builder *stack, vaddr_t address, const struct string_block *block,
                                   vaddr_t strings)
{
    uint64_t pointers[POINTERS_AT_ONCE];
    size_t offset = 0, pending = 0;
    for (size_t i = 0; i <= block->count; i++) {
        pointers[pending++] = i < block->count ? strings + offset : 0;
        if (i < block->count)
            offset += strlen(block->bytes + offset) + 1;
        if (pending < POINTERS_AT_ONCE && i < block->count)
            continue;
        if (stack->error == 0)
            stack->error = space_write(stack->space, address, pointers, pending * sizeof pointers[0]);
        address += pending * sizeof pointers[0];
        pending = 0;
    }
    return address;
}

int start_stack_build(struct process *process, const struct start_stack_request *request, vaddr_t *rsp)
{
    struct stack_builder stack = { .space = request->space, .top = request->top };
    const struct program_image *image = request->image;
    const struct credentials *c = &process->credentials;
    uint8_t random[16];
    random_fill(random, sizeof random);
    vaddr_t path = stack_push_string(&stack, request->path);
    vaddr_t environment = stack_push(&stack, request->environment.bytes, request->environment.size);
    request->space->environment_start = environment;
    request->space->environment_end = environment + request->environment.size;
    vaddr_t arguments = stack_push(&stack, request->arguments.bytes, request->arguments.size);
    vaddr_t platform = stack_push_string(&stack, "x86_64");
    stack.top = ALIGN_DOWN(stack.top, 16);
    vaddr_t random_at = stack_push(&stack, random, sizeof random);
    const struct auxiliary vector[] = {
        { AT_PHDR, image->headers }, { AT_PHENT, sizeof(struct elf64_program) }, { AT_PHNUM, image->header_count },
        { AT_PAGESZ, PAGE_SIZE }, { AT_BASE, image->interpreter_base }, { AT_FLAGS, 0 }, { AT_ENTRY, image->entry },
        { AT_UID, c->uid }, { AT_EUID, c->euid }, { AT_GID, c->gid }, { AT_EGID, c->egid }, { AT_PLATFORM, platform },
        { AT_HWCAP, cpu_features.hwcap }, { AT_CLKTCK, 100 }, { AT_SECURE, request->is_secure },
        { AT_RANDOM, random_at }, { AT_HWCAP2, 0 }, /* bit 1 (FSGSBASE) stays clear: docs/architecture.md */
        { AT_EXECFN, path }, { AT_MINSIGSTKSZ, 2048 + cpu_features.xsave_size },
        /* last, so that it can be left out */
        { AT_POLYGLOT_NATIVES, (uint64_t)(uintptr_t)&polyglot_natives },
    };
    const struct auxiliary end = { AT_NULL, 0 };
    STATIC_ASSERT(sizeof vector + sizeof end <= sizeof process->auxiliary, "struct process has room");
    size_t vector_size = sizeof vector - (request->with_natives ? 0 : sizeof vector[0]);
    memcpy(process->auxiliary, vector, vector_size);
    memcpy((char *)process->auxiliary + vector_size, &end, sizeof end);
    process->auxiliary_size = vector_size + sizeof end;

    size_t words = 1 + request->arguments.count + 1 + request->environment.count + 1;
    stack.top = ALIGN_DOWN(stack.top - words * 8 - process->auxiliary_size, 16);
    *rsp = stack.top;
    uint64_t count = request->arguments.count;
    if (stack.error == 0)
        stack.error = space_write(request->space, stack.top, &count, sizeof count);
    vaddr_t next = stack_write_pointers(&stack, stack.top + 8, &request->arguments, arguments);
    next = stack_write_pointers(&stack, next, &request->environment, environment);
    if (stack.error == 0)
        stack.error = space_write(request->space, next, process->auxiliary, process->auxiliary_size);
    return stack.error;
}
