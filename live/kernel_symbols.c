/*
 * The kernel's own names, from the symbol table of its ELF file: every global function and object, and the statics
 * of each file. A static is found by name and the basename of its source (STT_FILE has no more); tests/host/live
 * checks that no two C files with one basename have statics of one name. Made once at boot, then only read; sorted
 * when somebody first lists them, because that takes longer than all the rest.
 */
#include <kernel/export.h>
#include <kernel/log.h>
#include <lib/printf.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <live/object.h>
#include <live/linker.h>

#define KERNEL_MAX_SYMBOLS 100000

static struct kernel_symbol *kernel_symbols;
static uint32_t *buckets;       /* index + 1 of the first symbol */
static uint32_t *global_order;  /* globals; by name once is_sorted */
static bool is_sorted;          /* live_mutex */
static size_t symbol_total, bucket_count, global_count;

/* Linker script symbols have no type: those are objects, labels of assembly functions. */
LOCAL uint32_t kernel_symbol_kind(const struct elf64_symbol *symbol)
{
    return symbol_type(symbol) == SYMBOL_TYPE_FUNCTION ? LIVE_SYMBOL_FUNCTION : LIVE_SYMBOL_OBJECT;
}

LOCAL void kernel_symbols_read(const uint8_t *file, const struct elf64_section *table, const struct elf64_section *strings)
{
    const char *names = (const char *)file + strings->offset, *source = "";
    for (uint64_t i = 1; i < table->size / sizeof(struct elf64_symbol); i++) {
        struct elf64_symbol symbol;
        memcpy(&symbol, file + table->offset + i * sizeof symbol, sizeof symbol);
        if (symbol.name >= strings->size)
            continue;
        if (symbol_type(&symbol) == SYMBOL_TYPE_FILE)
            source = names + symbol.name;
        if (symbol_type(&symbol) > SYMBOL_TYPE_FUNCTION || symbol.section == SYMBOL_INDEX_UNDEFINED
            || symbol.section == SYMBOL_INDEX_ABSOLUTE || names[symbol.name] == 0)
            continue;
        bool is_static = symbol_bind(&symbol) == SYMBOL_BIND_LOCAL;
        kernel_symbols[symbol_total++] = (struct kernel_symbol){
            .address = symbol.value, .size = symbol.size, .name = names + symbol.name, .file = is_static ? source : "",
            .kind = kernel_symbol_kind(&symbol), .context = LIVE_CONTEXT_SLEEPABLE,
        };
    }
}

LOCAL void kernel_symbols_hash(void)
{
    for (size_t i = 0; i < symbol_total; i++) {
        uint32_t *bucket = &buckets[live_hash(kernel_symbols[i].name) & (bucket_count - 1)];
        kernel_symbols[i].hash_next = *bucket;
        *bucket = (uint32_t)i + 1;
        if (kernel_symbols[i].file[0] == 0)
            global_order[global_count++] = (uint32_t)i;
    }
}

LOCAL bool kernel_symbol_is_before(const void *a, const void *b, const void *unused)
{
    (void)unused;
    return strcmp(kernel_symbols[*(const uint32_t *)a].name, kernel_symbols[*(const uint32_t *)b].name) < 0;
}

LOCAL void kernel_symbols_mark_exports(void)
{
    for (const struct kernel_export *row = __exports_start; row < __exports_end; row++) {
        struct kernel_symbol *symbol = (struct kernel_symbol *)(uintptr_t)kernel_symbol_find(row->name, NULL);
        if (symbol == NULL)
            continue;
        symbol->flags |= LIVE_FLAG_EXPORTED;
        symbol->context = (uint32_t)row->context;
    }
}

void kernel_symbols_init(const uint8_t *file, size_t size)
{
    struct elf64_section table, strings;
    if (file == NULL || !elf_find_symbols(file, size, &table, &strings)) {
        klog(LOG_WARNING, "live", "no symbol table of the kernel: live code cannot link to it");
        return;
    }
    size_t most = MIN(table.size / sizeof(struct elf64_symbol), (uint64_t)KERNEL_MAX_SYMBOLS);
    table.size = most * sizeof(struct elf64_symbol);
    for (bucket_count = 16; bucket_count < most; bucket_count *= 2)
        ;
    kernel_symbols = live_allocate(most * sizeof *kernel_symbols);
    buckets = live_allocate(bucket_count * sizeof *buckets);
    global_order = live_allocate(most * sizeof *global_order);
    if (kernel_symbols == NULL || buckets == NULL || global_order == NULL) {
        klog(LOG_ERROR, "live", "no memory for the kernel's names: live code cannot link to it");
        bucket_count = 0;
        return;
    }
    kernel_symbols_read(file, &table, &strings);
    kernel_symbols_hash();
    kernel_symbols_mark_exports();
}

LOCAL const char *kernel_symbol_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const struct kernel_symbol *kernel_symbol_find(const char *name, const char *file)
{
    const struct kernel_symbol *global = NULL;
    if (bucket_count == 0)
        return NULL;
    if (file != NULL)
        file = kernel_symbol_basename(file);
    for (uint32_t next = buckets[live_hash(name) & (bucket_count - 1)]; next != 0;) {
        const struct kernel_symbol *symbol = &kernel_symbols[next - 1];
        next = symbol->hash_next;
        if (strcmp(symbol->name, name) != 0)
            continue;
        if (symbol->file[0] == 0)
            global = symbol;
        else if (file != NULL && strcmp(symbol->file, file) == 0)
            return symbol;
    }
    return global;
}

const struct kernel_symbol *kernel_symbol_parse(const char *name)
{
    const char *colon = strrchr(name, ':');
    if (colon == NULL)
        return kernel_symbol_find(name, NULL);
    char file[128];
    if ((size_t)(colon - name) >= sizeof file)
        return NULL;
    memcpy(file, name, (size_t)(colon - name));
    file[colon - name] = 0;
    return kernel_symbol_find(colon + 1, file);
}

size_t kernel_symbol_count(void) { return global_count; }
const struct kernel_symbol *kernel_symbol_at(size_t index) { return &kernel_symbols[global_order[index]]; }

size_t kernel_symbol_lower_bound(const char *name)
{
    if (!is_sorted)
        sort_items(global_order, global_count, sizeof *global_order, kernel_symbol_is_before, NULL);
    is_sorted = true;
    size_t low = 0, high = global_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(kernel_symbol_at(middle)->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool kernel_symbol_was_split(const char *name, const char *file)
{
    size_t length = strlen(name);
    file = kernel_symbol_basename(file);
    for (size_t i = 0; i < symbol_total; i++)
        if (strncmp(kernel_symbols[i].name, name, length) == 0 && kernel_symbols[i].name[length] == '.'
            && kernel_symbols[i].name[length + 1] >= '0' && kernel_symbols[i].name[length + 1] <= '9'
            && strcmp(kernel_symbols[i].file, file) == 0)
            return true;
    return false;
}

bool kernel_symbol_by_address(uint64_t address, struct live_symbol_info *info)
{
    for (size_t i = 0; i < symbol_total; i++) {
        const struct kernel_symbol *symbol = &kernel_symbols[i];
        if (address < symbol->address || address - symbol->address >= MAX(symbol->size, 1))
            continue;
        kernel_symbol_describe(symbol, info);
        return true;
    }
    return false;
}

void kernel_symbol_describe(const struct kernel_symbol *symbol, struct live_symbol_info *info)
{
    memset(info, 0, sizeof *info);
    if (symbol->file[0] != 0)
        ksnprintf(info->name, sizeof info->name, "%s:%s", symbol->file, symbol->name);
    else
        strlcpy(info->name, symbol->name, sizeof info->name);
    info->address = info->target = symbol->address;
    info->size = symbol->size;
    info->kind = symbol->kind;
    info->origin = LIVE_ORIGIN_KERNEL;
    info->context = symbol->context;
    info->flags = symbol->flags;
}
