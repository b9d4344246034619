/* ELF programs: every header is checked before it is used, the file may be hostile. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/layout.h>
#include <kernel/elf.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/program.h>
#include <kernel/vfs/file.h>
#include <kernel/vfs/inode.h>
#include <lib/string.h>

#define PROGRAM_MAX_HEADERS 64

struct program {
    struct elf64_header header;
    struct elf64_program *segments; /* header.program_count */
    uint64_t file_size;
};

/* All of `size` bytes, or -EIO. */
LOCAL int program_read(struct file *file, uint64_t offset, void *buffer, size_t size)
{
    struct io io = io_from_kernel(buffer, size);
    isize_t count = file_read_at(file, &io, (file_off_t)offset);
    if (count < 0)
        return (int)count;
    return (size_t)count == size ? 0 : -EIO;
}

LOCAL bool program_segment_is_valid(const struct program *program, const struct elf64_program *s)
{
    return s->file_size <= s->memory_size && elf_range_is_inside(s->offset, s->file_size, program->file_size)
        && s->address <= USER_SPACE_END && s->memory_size <= USER_SPACE_END - s->address
        && s->address % PAGE_SIZE == s->offset % PAGE_SIZE;
}

LOCAL int program_read_headers(struct file *file, struct program *program)
{
    struct elf64_header *header = &program->header;
    program->file_size = file->inode->size;
    if (program_read(file, 0, header, sizeof *header) != 0)
        return -ENOEXEC;
    if (!elf_header_is_valid(header, program->file_size)
        || (header->type != ELF_TYPE_EXECUTABLE && header->type != ELF_TYPE_DYNAMIC) || header->program_count == 0
        || header->program_count > PROGRAM_MAX_HEADERS)
        return -ENOEXEC;
    program->segments = kmalloc(header->program_count * sizeof program->segments[0]);
    if (program->segments == NULL)
        return -ENOMEM;
    int error = program_read(file, header->program_offset, program->segments,
                             header->program_count * sizeof program->segments[0]);
    bool loads = false;
    for (unsigned i = 0; error == 0 && i < header->program_count; i++) {
        const struct elf64_program *s = &program->segments[i];
        if (s->type != ELF_PROGRAM_LOAD)
            continue;
        loads = true;
        if (!program_segment_is_valid(program, s))
            error = -ENOEXEC;
    }
    return error == 0 && !loads ? -ENOEXEC : error;
}

/* [*low, *high) of the segments, in whole pages. */
LOCAL void program_get_span(const struct program *program, vaddr_t *low, vaddr_t *high)
{
    *low = UINT64_MAX;
    *high = 0;
    for (unsigned i = 0; i < program->header.program_count; i++) {
        const struct elf64_program *s = &program->segments[i];
        if (s->type != ELF_PROGRAM_LOAD)
            continue;
        *low = MIN(*low, ALIGN_DOWN(s->address, PAGE_SIZE));
        *high = MAX(*high, ALIGN_UP(s->address + s->memory_size, PAGE_SIZE));
    }
}

/* Memory of a segment beyond its part of the file: the rest of the last page, and pages of zeroes. */
LOCAL int program_map_rest(struct address_space *space, vaddr_t start, const struct elf64_program *s, uint32_t protection)
{
    static const uint8_t zeroes[PAGE_SIZE];
    vaddr_t from = start + s->file_size, to = start + s->memory_size;
    vaddr_t page = ALIGN_UP(from, PAGE_SIZE);
    if (s->file_size != 0 && from != page && (protection & AREA_WRITE)) {
        int error = space_write(space, from, zeroes, page - from);
        if (error != 0)
            return error;
    }
    if (s->file_size == 0)
        page = ALIGN_DOWN(from, PAGE_SIZE);
    if (to <= page)
        return 0;
    int64_t mapped = space_map(space, page, to - page, protection, MAP_PRIVATE | MAP_FIXED, NULL, 0, NULL);
    return result_is_error(mapped) ? (int)mapped : 0;
}

LOCAL int program_map_segment(struct address_space *space, struct file *file, vaddr_t base, const struct elf64_program *s)
{
    uint32_t protection = (s->flags & ELF_FLAG_READ ? AREA_READ : 0) | (s->flags & ELF_FLAG_WRITE ? AREA_WRITE : 0)
        | (s->flags & ELF_FLAG_EXECUTE ? AREA_EXECUTE : 0);
    vaddr_t start = base + s->address;
    uint64_t skew = start % PAGE_SIZE;
    if (s->file_size != 0) {
        int64_t mapped = space_map(space, start - skew, skew + s->file_size, protection, MAP_PRIVATE | MAP_FIXED,
                                   file->inode, (file_off_t)(s->offset - skew), NULL);
        if (result_is_error(mapped))
            return (int)mapped;
    }
    return s->memory_size > s->file_size ? program_map_rest(space, start, s, protection) : 0;
}

LOCAL int program_read_interpreter(struct file *file, const struct program *program, char *interpreter)
{
    interpreter[0] = 0;
    for (unsigned i = 0; i < program->header.program_count; i++) {
        const struct elf64_program *s = &program->segments[i];
        if (s->type != ELF_PROGRAM_INTERPRETER)
            continue;
        if (s->file_size < 2 || s->file_size > PROGRAM_INTERPRETER_MAX
            || !elf_range_is_inside(s->offset, s->file_size, program->file_size)
            || program_read(file, s->offset, interpreter, s->file_size) != 0 || interpreter[s->file_size - 1] != 0)
            return -ENOEXEC;
        return 0;
    }
    return 0;
}

/* Where the program headers are in memory; 0: no segment has them. */
LOCAL vaddr_t program_headers_address(const struct program *program)
{
    uint64_t offset = program->header.program_offset;
    for (unsigned i = 0; i < program->header.program_count; i++) {
        const struct elf64_program *s = &program->segments[i];
        if (s->type == ELF_PROGRAM_LOAD && offset >= s->offset && offset - s->offset < s->file_size)
            return s->address + (offset - s->offset);
    }
    return 0;
}

LOCAL int program_place(struct address_space *space, const struct program *program, vaddr_t *base)
{
    vaddr_t low, high;
    program_get_span(program, &low, &high);
    if (high <= low)
        return -ENOEXEC;
    if (program->header.type == ELF_TYPE_EXECUTABLE) {
        *base = 0;
        return low < USER_SPACE_START ? -ENOEXEC : 0;
    }
    /* One reservation finds the room; the segments replace it. */
    int64_t mapped = space_map(space, *base, high - low, 0, MAP_PRIVATE | MAP_NORESERVE, NULL, 0, NULL);
    if (result_is_error(mapped))
        return (int)mapped;
    int error = space_unmap(space, (vaddr_t)mapped, high - low);
    *base = (vaddr_t)mapped - low;
    return error;
}

int program_load(struct address_space *space, struct file *file, vaddr_t base, struct program_image *image,
                 char interpreter[PROGRAM_INTERPRETER_MAX])
{
    struct program program = { .segments = NULL };
    int error = program_read_headers(file, &program);
    if (error == 0)
        error = program_read_interpreter(file, &program, interpreter);
    if (error == 0)
        error = program_place(space, &program, &base);
    vaddr_t end = 0;
    for (unsigned i = 0; error == 0 && i < program.header.program_count; i++) {
        const struct elf64_program *s = &program.segments[i];
        if (s->type != ELF_PROGRAM_LOAD || s->memory_size == 0)
            continue;
        error = program_map_segment(space, file, base, s);
        end = MAX(end, ALIGN_UP(base + s->address + s->memory_size, PAGE_SIZE));
    }
    if (error == 0) {
        vaddr_t headers = program_headers_address(&program);
        *image = (struct program_image){
            .base = base, .entry = base + program.header.entry, .headers = headers == 0 ? 0 : base + headers,
            .header_count = program.header.program_count, .end = end,
        };
        if (image->entry >= USER_SPACE_END)
            error = -ENOEXEC;
    }
    kfree(program.segments);
    return error;
}
