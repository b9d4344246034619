/* Checks of ELF headers; every file is hostile. */
#include <kernel/elf.h>
#include <lib/string.h>

bool elf_range_is_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

bool elf_header_is_valid(const struct elf64_header *header, uint64_t size)
{
    static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F', 2 /* 64 bit */, 1 /* little endian */, 1 };
    return memcmp(header->identification, magic, sizeof magic) == 0
        && header->machine == ELF_MACHINE_X86_64 && header->program_size == sizeof(struct elf64_program)
        && IS_ALIGNED(header->program_offset, 8)
        && elf_range_is_inside(header->program_offset, (uint64_t)header->program_count * sizeof(struct elf64_program), size)
        && (header->section_count == 0
            || (header->section_size == sizeof(struct elf64_section) && IS_ALIGNED(header->section_offset, 8)));
}

bool elf_is_valid(const uint8_t *file, size_t size)
{
    return size >= sizeof(struct elf64_header) && elf_header_is_valid((const void *)file, size);
}

bool elf_find_symbols(const uint8_t *file, size_t size, struct elf64_section *table, struct elf64_section *strings)
{
    struct elf64_header header;
    if (!elf_is_valid(file, size))
        return false;
    memcpy(&header, file, sizeof header);
    if (!elf_range_is_inside(header.section_offset, (uint64_t)header.section_count * sizeof *table, size))
        return false;
    for (unsigned i = 0; i < header.section_count; i++) {
        memcpy(table, file + header.section_offset + i * sizeof *table, sizeof *table);
        if (table->type != ELF_SECTION_SYMTAB || table->link >= header.section_count)
            continue;
        memcpy(strings, file + header.section_offset + table->link * sizeof *table, sizeof *strings);
        return elf_range_is_inside(table->offset, table->size, size) && elf_range_is_inside(strings->offset, strings->size, size)
            && strings->size > 0 && file[strings->offset + strings->size - 1] == 0;
    }
    return false;
}
