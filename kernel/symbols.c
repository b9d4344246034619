/*
 * Symbol look-up. The kernel's ELF file stays in memory where the loader put it; a
 * sorted index of its functions is made once. The world's functions come sorted
 * from tools/mksymbols.py, in the loader's file "symbols", and are read in place.
 * The files were checked by the loader, but every offset is checked again: a
 * wrong one costs names, never the kernel.
 */
#include <arch/x86_64/layout.h>
#include <kernel/boot_file.h>
#include <kernel/elf.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/symbols.h>
#include <lib/printf.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <live/live.h>

struct symbol {
    uint64_t address;
    uint32_t size;
    uint32_t name; /* offset in `names` */
};

static struct symbol *symbols;
static size_t symbol_count;
static const char *names;
static size_t names_size;

/* The world's: as tools/mksymbols.py writes it. */
struct world_symbol {
    uint32_t address; /* offset from WORLD_IMAGE_BASE */
    uint32_t name;    /* offset in the names, which follow the last entry */
};
struct world_symbols {
    char magic[8]; /* "POLYSYMS" */
    uint32_t count;
    uint32_t names_size;
    struct world_symbol entries[];
};
static const struct world_symbols *world_symbols; /* NULL: no such file */

LOCAL bool symbol_is_before(const void *a, const void *b, const void *unused)
{
    (void)unused;
    return ((const struct symbol *)a)->address < ((const struct symbol *)b)->address;
}

LOCAL void symbols_init_world(void)
{
    size_t size;
    const struct world_symbols *file = boot_file_find("symbols", &size);
    if (file == NULL || size < sizeof *file || memcmp(file->magic, "POLYSYMS", sizeof file->magic) != 0
        || size - sizeof *file != (uint64_t)file->count * sizeof file->entries[0] + file->names_size
        || file->names_size == 0 || ((const char *)file)[size - 1] != 0) {
        klog(LOG_WARNING, "symbols", "no names of the world's functions: its frames are shown as addresses");
        return;
    }
    world_symbols = file;
}

void symbols_init(void)
{
    size_t size;
    symbols_init_world();
    const uint8_t *file = boot_file_find("kernel", &size);
    struct elf64_section table, strings;
    if (file == NULL || !elf_find_symbols(file, size, &table, &strings)) {
        klog(LOG_WARNING, "symbols", "no symbol table: backtraces will have no names");
        return;
    }
    const struct elf64_symbol *source = (const void *)(file + table.offset);
    size_t available = table.size / sizeof *source;
    size_t count = 0;
    for (size_t i = 0; i < available; i++)
        count += source[i].section != 0 && (source[i].info & 15) <= ELF_SYMBOL_FUNCTION;
    symbols = vmalloc(MAX(count, 1) * sizeof *symbols, PAGE_USE_KERNEL);
    if (symbols == NULL)
        return;
    names = (const char *)file + strings.offset;
    names_size = strings.size;
    for (size_t i = 0; i < available; i++) {
        if (source[i].section == 0 || (source[i].info & 15) > ELF_SYMBOL_FUNCTION || source[i].name >= names_size)
            continue;
        symbols[symbol_count++] = (struct symbol){ source[i].value, (uint32_t)source[i].size, source[i].name };
    }
    sort_items(symbols, symbol_count, sizeof *symbols, symbol_is_before, NULL);
}

LOCAL const char *symbol_find_in_world(uint64_t address, uint64_t *offset)
{
    if (world_symbols == NULL)
        return NULL;
    const struct world_symbol *entries = world_symbols->entries;
    uint64_t wanted = address - WORLD_IMAGE_BASE;
    size_t low = 0, high = world_symbols->count; /* the last one that begins at or before it lies below `low` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].address <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || entries[low - 1].name >= world_symbols->names_size)
        return NULL;
    *offset = wanted - entries[low - 1].address;
    return (const char *)(entries + world_symbols->count) + entries[low - 1].name;
}

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    if (address >= WORLD_IMAGE_BASE && address < WORLD_IMAGE_END)
        return symbol_find_in_world(address, offset);
    if (address >= LIVE_AREA_BASE && address < LIVE_AREA_END)
        return live_symbol_find(address, offset);
    if (symbol_count == 0 || address < KERNEL_IMAGE_BASE || address >= KERNEL_IMAGE_END)
        return NULL;
    size_t low = 0, high = symbol_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (symbols[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    if (symbols[low].address > address)
        return NULL;
    while (low > 0 && symbols[low].size == 0 && symbols[low - 1].address == symbols[low].address)
        low--;
    *offset = address - symbols[low].address;
    const char *name = names + symbols[low].name;
    return strnlen(name, names_size - symbols[low].name) < names_size - symbols[low].name ? name : NULL;
}

uint64_t symbol_address(const char *name)
{
    for (size_t i = 0; i < symbol_count; i++)
        if (strcmp(names + symbols[i].name, name) == 0)
            return symbols[i].address;
    return 0;
}

const char *symbol_name(uint64_t address)
{
    uint64_t offset;
    return symbol_find(address, &offset);
}

uint64_t symbol_start(uint64_t address)
{
    uint64_t offset;
    return symbol_find(address, &offset) == NULL ? 0 : address - offset;
}

const char *symbol_format(uint64_t address, char *buffer, size_t size)
{
    uint64_t offset;
    const char *name = symbol_find(address, &offset);
    if (name == NULL)
        ksnprintf(buffer, size, "?");
    else
        ksnprintf(buffer, size, "%s+%#llx", name, (unsigned long long)offset);
    return buffer;
}
