/* ELF64 as far as the kernel reads it (System V ABI, gABI 4.1; x86-64 psABI). */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include <lib/types.h>

struct elf64_header {
    uint8_t identification[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count, section_size, section_count, section_names;
};

struct elf64_program {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

struct elf64_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};

struct elf64_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

#define ELF_TYPE_EXECUTABLE 2
#define ELF_TYPE_DYNAMIC    3
#define ELF_MACHINE_X86_64  62
#define ELF_PROGRAM_LOAD    1
#define ELF_PROGRAM_INTERPRETER 3
#define ELF_FLAG_EXECUTE    1
#define ELF_FLAG_WRITE      2
#define ELF_FLAG_READ       4
#define ELF_SECTION_SYMTAB  2
#define ELF_SYMBOL_FUNCTION 2 /* types up to it: none, object, function */

STATIC_ASSERT(sizeof(struct elf64_header) == 64, "gABI");
STATIC_ASSERT(sizeof(struct elf64_program) == 56, "gABI");
STATIC_ASSERT(sizeof(struct elf64_section) == 64, "gABI");
STATIC_ASSERT(sizeof(struct elf64_symbol) == 24, "gABI");

/* An x86-64 ELF64 header of a file of `size` bytes in which its program headers lie. */
bool elf_header_is_valid(const struct elf64_header *header, uint64_t size);
/* An x86-64 ELF64 file whose program headers lie inside its `size` bytes. */
bool elf_is_valid(const uint8_t *file, size_t size);
/* Is [offset, offset + length) inside a file of `size` bytes? Safe against overflow. */
bool elf_range_is_inside(uint64_t offset, uint64_t length, uint64_t size);
/* The symbol table of such a file and its strings, which lie inside of it and end with a NUL. The file may lie at any address. */
bool elf_find_symbols(const uint8_t *file, size_t size, struct elf64_section *table, struct elf64_section *strings);

#endif
