/* /proc/polyglot/live and /proc/polyglot/symbols. Rows are copied under live_mutex and printed without it. */
#include <kernel/report/report.h>
#include <kernel/time/time.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/linker.h>

#define REPORT_CHUNK 64

struct module_row {
    uint64_t id, size, heap, start;
    uint32_t language, names, uses;
    bool is_current;
    int64_t loaded;
    char name[64];
};

LOCAL uint32_t live_report_length(const struct list *list)
{
    uint32_t count = 0;
    list_for_each(node, list)
        count++;
    return count;
}

LOCAL size_t live_report_copy_modules(uint64_t after, struct module_row *rows)
{
    size_t count = 0;
    mutex_lock(&live_mutex);
    for (const struct live_module *module = live_module_next(NULL); module != NULL && count < REPORT_CHUNK;
         module = live_module_next(module)) {
        if (module->id <= after)
            continue;
        struct module_row *row = &rows[count++];
        *row = (struct module_row){ .id = module->id, .size = module->size, .heap = module->heap_bytes, .start = module->reserved,
                                    .language = module->language, .names = live_report_length(&module->defined),
                                    .uses = live_report_length(&module->uses),
                                    .is_current = live_module_is_current(module) || module->published == 0,
                                    .loaded = module->loaded };
        memcpy(row->name, module->name, sizeof(row->name));
    }
    mutex_unlock(&live_mutex);
    return count;
}

void live_report_modules(const struct report_output *output)
{
    static const char *const languages[] = { "?", "C", "Zig", "Rust", "Python" };
    struct module_row *rows = live_allocate(REPORT_CHUNK * sizeof(*rows));
    if (rows == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    report_print(output, "module\tname\tlanguage\tstate\tnames\tuses\tbytes\theap\taddress\tloaded s\n");
    uint64_t after = 0;
    for (size_t count; (count = live_report_copy_modules(after, rows)) > 0;)
        for (size_t i = 0; i < count; i++) {
            const struct module_row *row = &rows[i];
            report_print(output, "%llu\t%s\t%s\t%s\t%u\t%u\t%llu\t%llu\t%#llx\t%lld\n", (unsigned long long)row->id, row->name,
                         row->language < ARRAY_COUNT(languages) ? languages[row->language] : "?",
                         row->is_current ? "current" : "old", row->names, row->uses, (unsigned long long)row->size,
                         (unsigned long long)row->heap, (unsigned long long)row->start,
                         (long long)(row->loaded / NANOS_PER_SECOND));
            after = row->id;
        }
    live_release(rows, REPORT_CHUNK * sizeof(*rows));
}

void live_report_symbols(const struct report_output *output)
{
    static const char *const contexts[] = { "?", "any", "sleepable", "world" };
    struct live_symbol_info *rows = live_allocate(REPORT_CHUNK * sizeof(*rows));
    if (rows == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    report_print(output, "address\tsize\tkind\torigin\tcontext\tmodule\tusers\tversion\tname\n");
    uint64_t cursor = 0;
    while (cursor != UINT64_MAX) {
        size_t count = live_list("", 1u << LIVE_ORIGIN_LIVE | 1u << LIVE_ORIGIN_WORLD | 1u << LIVE_ORIGIN_KERNEL, &cursor, rows,
                                 REPORT_CHUNK);
        for (size_t i = 0; i < count; i++) {
            const struct live_symbol_info *row = &rows[i];
            if (row->origin == LIVE_ORIGIN_KERNEL && !(row->flags & LIVE_FLAG_EXPORTED))
                continue; /* not part of the interface */
            report_print(output, "%#llx\t%llu\t%s\t%s\t%s\t%llu\t%u\t%u\t%s\n", (unsigned long long)row->address,
                         (unsigned long long)row->size, row->kind == LIVE_SYMBOL_FUNCTION ? "function" : "object",
                         row->origin == LIVE_ORIGIN_KERNEL ? "kernel" : row->origin == LIVE_ORIGIN_LIVE ? "live" : "world",
                         contexts[MIN(row->context, LIVE_CONTEXT_WORLD)], (unsigned long long)row->module, row->users,
                         row->generation, row->name);
        }
    }
    live_release(rows, REPORT_CHUNK * sizeof(*rows));
}
