/* The reports on memory, interrupts, boot and devices, and the table of all. Threads: threads.c. */
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/smp.h>
#include <dev/clock/clock.h>
#include <dev/driver/device.h>
#include <kernel/main.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab_statistics.h>
#include <kernel/report/private.h>
#include <kernel/report/report.h>
#include <kernel/sched/lock.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/live.h>

#define MAX_CACHES 128
#define MAX_DEVICES 256

void report_print(const struct report_output *output, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = kvsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    output->print(output->context, line, MIN((size_t)length, sizeof line - 1));
}

LOCAL void report_memory(const struct report_output *output)
{
    static const char *const uses[PAGE_USE_COUNT] = {
        [PAGE_USE_FREE] = "free", [PAGE_USE_RESERVED] = "boot files and firmware", [PAGE_USE_KERNEL] = "kernel",
        [PAGE_USE_SLAB] = "object caches", [PAGE_USE_STACK] = "kernel stacks", [PAGE_USE_PAGE_TABLE] = "page tables",
        [PAGE_USE_ANONYMOUS] = "world", [PAGE_USE_FILE] = "files",
    };
    struct page_statistics pages;
    page_get_statistics(&pages);
    report_print(output, "use\tpages\tKiB\n");
    for (unsigned use = 0; use < PAGE_USE_COUNT; use++)
        report_print(output, "%s\t%llu\t%llu\n", uses[use], (unsigned long long)pages.used[use],
                     (unsigned long long)pages.used[use] * (PAGE_SIZE / 1024));
    report_print(output, "promised to address spaces\t%llu\t%llu\n", (unsigned long long)pages.committed,
                 (unsigned long long)pages.committed * (PAGE_SIZE / 1024));
}

/* Copied under the cache list's lock, printed without it. */
struct cache_rows {
    size_t count;
    struct slab_statistics rows[MAX_CACHES];
};

LOCAL void report_copy_cache(const struct slab_statistics *statistics, void *context)
{
    struct cache_rows *rows = context;
    if (rows->count < MAX_CACHES)
        rows->rows[rows->count++] = *statistics;
}

LOCAL void report_slabs(const struct report_output *output)
{
    struct cache_rows *rows = report_allocate(sizeof *rows);
    if (rows == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    slab_for_each_cache(report_copy_cache, rows);
    report_print(output, "cache\tsize\tobjects\tcapacity\tKiB\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct slab_statistics *row = &rows->rows[i];
        report_print(output, "%s\t%zu\t%llu\t%llu\t%llu\n", row->name, row->object_size, (unsigned long long)row->objects,
                     (unsigned long long)row->capacity, (unsigned long long)row->pages * (PAGE_SIZE / 1024));
    }
    report_free(rows);
}

LOCAL void report_interrupt(const struct interrupt_statistics *row, void *context)
{
    report_print(context, "%u\t%s\t%llu\n", row->vector, row->name, (unsigned long long)row->count);
}

LOCAL void report_interrupts(const struct report_output *output)
{
    report_print(output, "vector\tname\tcount\n");
    interrupt_for_each(report_interrupt, (void *)(uintptr_t)output);
}

LOCAL void report_boot(const struct report_output *output)
{
    size_t count;
    const struct boot_step_time *steps = boot_steps(&count);
    report_print(output, "step\tstart us\tduration us\n");
    for (size_t i = 0; i < count; i++)
        report_print(output, "%s\t%lld\t%lld\n", steps[i].name, (long long)(steps[i].start / NANOS_PER_MICROSECOND),
                     (long long)(steps[i].duration / NANOS_PER_MICROSECOND));
}

struct device_row {
    char name[DEVICE_NAME_SIZE], driver[DEVICE_NAME_SIZE];
    uint32_t bus, class_code;
    uint16_t vendor, product;
    int probe_error;
};
struct device_rows {
    size_t count;
    struct device_row rows[MAX_DEVICES];
};

LOCAL void report_copy_device(struct device *device, const char *driver, void *context)
{
    struct device_rows *rows = context;
    if (rows->count == MAX_DEVICES)
        return;
    struct device_row *row = &rows->rows[rows->count++];
    strlcpy(row->name, device->name, sizeof row->name);
    strlcpy(row->driver, driver, sizeof row->driver);
    row->bus = device->bus;
    row->class_code = device->pci.class_code;
    row->vendor = device->pci.vendor;
    row->product = device->pci.product;
    row->probe_error = device->probe_error;
}

LOCAL void report_device_row(const struct report_output *output, const struct device_row *row)
{
    char failure[32] = "";
    if (row->driver[0] == 0 && row->probe_error != 0)
        ksnprintf(failure, sizeof failure, "; probe failed: %d", row->probe_error);
    if (row->bus == DEVICE_BUS_PCI)
        report_print(output, "pci %s\t%04x:%04x, class %06x%s\t%s\n", row->name, row->vendor, row->product,
                     row->class_code, failure, row->driver);
    else
        report_print(output, "%s\t%s%s\t%s\n", row->name, row->bus == DEVICE_BUS_PLATFORM ? "platform" : "virtual",
                     failure, row->driver);
}

LOCAL void report_devices(const struct report_output *output)
{
    const struct boot_framebuffer *screen = &boot_info.framebuffer;
    report_print(output, "device\tdetails\tdriver\n");
    report_print(output, "cpu\t%s; %u found, %u in use\t\n", cpu_features.brand, acpi_info.cpu_count, smp_online_count());
    report_print(output, "clock\tTSC, %llu kHz\t\n", (unsigned long long)(clock_device_tsc_hz() / 1000));
    report_print(output, "interrupt controllers\tlocal APIC, %u I/O APIC\t\n", acpi_info.ioapic_count);
    if (screen->width != 0)
        report_print(output, "screen\t%ux%u, %u bits a pixel, at %#llx\t\n", screen->width, screen->height,
                     screen->bits_per_pixel, (unsigned long long)screen->phys);
    report_print(output, "power\t%s\t\n", acpi_info.can_power_off ? "ACPI soft-off" : "no soft-off");
    struct device_rows *rows = report_allocate(sizeof *rows);
    if (rows == NULL)
        return;
    driver_for_each_device(report_copy_device, rows);
    for (size_t i = 0; i < rows->count; i++)
        report_device_row(output, &rows->rows[i]);
    report_free(rows);
}

/* --- the live layer's ------------------------------------------------------------------------- */

typedef void (*report_writer_t)(const struct report_output *output);

static struct report_live_writers report_own;     /* the live layer's, set at boot */
static struct spinlock report_lock = SPINLOCK_INIT("report writers", LOCK_RANK_LEAF);
/* report_lock, to change them */
static struct report_live_writers report_writers; /* in force */
static uint64_t report_holds;                     /* the live module whose writers they are; 0: none's */

LOCAL void report_choose(report_writer_t *slot, report_writer_t wanted, report_writer_t own)
{
    __atomic_store_n(slot, wanted != NULL ? wanted : own, __ATOMIC_RELEASE);
}

int report_set_live(const struct report_live_writers *writers)
{
    static const struct report_live_writers none;
    uint64_t module = 0;
    int error = writers == NULL ? 0 : live_module_get_owner(writers, &module);
    if (error != 0)
        return error;
    const struct report_live_writers wanted = writers == NULL ? none : *writers;
    if (report_own.modules == NULL)
        report_own = wanted;
    irq_flags_t flags = spin_lock_irq(&report_lock);
    report_choose(&report_writers.modules, wanted.modules, report_own.modules);
    report_choose(&report_writers.symbols, wanted.symbols, report_own.symbols);
    report_choose(&report_writers.replacements, wanted.replacements, report_own.replacements);
    report_choose(&report_writers.faults, wanted.faults, report_own.faults);
    uint64_t before = report_holds;
    report_holds = module;
    spin_unlock_irq(&report_lock, flags);
    live_module_put(before);
    return 0;
}

/* What a live writer prints, on its way to the reader. */
struct report_watch {
    const struct report_output *output;
    bool in_line; /* it did not end its last line */
};

LOCAL void report_print_watched(void *context, const char *text, size_t length)
{
    struct report_watch *watch = context;
    if (length != 0)
        watch->in_line = text[length - 1] != '\n';
    watch->output->print(watch->output->context, text, length);
}

LOCAL void report_call_live(report_writer_t write, const struct report_output *output)
{
    struct report_watch watch = { .output = output };
    const struct report_output watched = { report_print_watched, &watch };
    LIVE_CALL(write, 0, &watched);
    if (live_call_is_off((uint64_t)(uintptr_t)write))
        report_print(output, "%sthe writer of this report faulted (see the log) and is switched off until it is defined anew; "
                     "report_set_live(NULL) brings the system's own back\n", watch.in_line ? "\n" : "");
}

LOCAL void report_call(report_writer_t *slot, const struct report_output *output)
{
    report_writer_t write = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (live_call_is_needed((uint64_t)(uintptr_t)write))
        report_call_live(write, output);
    else
        write(output);
}

LOCAL void report_live(const struct report_output *output) { report_call(&report_writers.modules, output); }
LOCAL void report_symbols(const struct report_output *output) { report_call(&report_writers.symbols, output); }
LOCAL void report_replacements(const struct report_output *output) { report_call(&report_writers.replacements, output); }
LOCAL void report_faults(const struct report_output *output) { report_call(&report_writers.faults, output); }

const struct report_kind report_kinds[] = {
    { "cpus", "every CPU: what it runs, what it did", report_cpus },
    { "backtraces", "where every CPU is, asked by NMI: also one that hangs", report_backtraces },
    { "threads", "every thread: state, CPU time, where it is", report_threads },
    { "memory", "pages by use", report_memory },
    { "slabs", "object caches", report_slabs },
    { "locks", "locks that are held, and by whom", report_locks },
    { "interrupts", "vectors and their counts", report_interrupts },
    { "devices", "what was found", report_devices },
    { "replacements", "kernel functions that were replaced: versions, trials, faults", report_replacements },
    { "faults", "live code's last faults that had no caller to tell", report_faults },
    { "boot", "boot steps and their times", report_boot },
    { "live", "live modules: language, size, what they use", report_live },
    { "symbols", "names for live code: exports of the kernel, live definitions, the world's", report_symbols },
};
const size_t report_kind_count = ARRAY_COUNT(report_kinds);

const struct report_kind *report_find(const char *name)
{
    for (size_t i = 0; i < report_kind_count; i++)
        if (strcmp(report_kinds[i].name, name) == 0)
            return &report_kinds[i];
    return NULL;
}
