/*
 * The files of /proc that are about the whole system, proc(5), and /proc/boot:
 * a line per boot step, "name TAB start TAB duration" in microseconds.
 */
#include <fs/procfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/smp.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/slab_statistics.h>
#include <kernel/proc/process.h>
#include <kernel/random.h>
#include <kernel/symbols.h>
#include <kernel/time/time.h>
#include <kernel/version.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TICKS_PER_SECOND 100 /* USER_HZ */

/* --- memory and CPU ---------------------------------------------------------------------- */

LOCAL void procfs_generate_meminfo(const struct procfs_subject *subject, struct text *text)
{
    struct page_statistics memory;
    page_get_statistics(&memory);
    const struct { const char *name; uint64_t pages; } rows[] = {
        { "MemTotal", memory.total },
        { "MemFree", memory.free },
        { "MemAvailable", memory.free },
        { "Buffers", 0 },
        { "Cached", memory.used[PAGE_USE_FILE] },
        { "SwapTotal", 0 },
        { "SwapFree", 0 },
        { "AnonPages", memory.used[PAGE_USE_ANONYMOUS] },
        { "Shmem", memory.used[PAGE_USE_FILE] },
        { "Slab", memory.used[PAGE_USE_SLAB] },
        { "KernelStack", memory.used[PAGE_USE_STACK] },
        { "PageTables", memory.used[PAGE_USE_PAGE_TABLE] },
        { "CommitLimit", memory.commit_limit },
        { "Committed_AS", memory.committed },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        text_print(text, "%s:%*llu kB\n", rows[i].name, 23 - (int)strlen(rows[i].name),
                   (unsigned long long)(rows[i].pages * (PAGE_SIZE / 1024)));
}

#define SLAB_ROWS_MAX 128

struct procfs_slab_rows {
    size_t count;
    struct slab_statistics rows[SLAB_ROWS_MAX];
};

/* Under the caches' lock: nothing may be allocated, so the rows are only collected. */
LOCAL void procfs_collect_slab(const struct slab_statistics *cache, void *context)
{
    struct procfs_slab_rows *slabs = context;
    if (slabs->count < SLAB_ROWS_MAX)
        slabs->rows[slabs->count++] = *cache;
}

LOCAL void procfs_generate_slabinfo(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_slab_rows *slabs = kzalloc(sizeof(*slabs));
    if (slabs == NULL) {
        text->failed = true;
        return;
    }
    slab_for_each_cache(procfs_collect_slab, slabs);
    text_print(text, "%-24s %10s %10s %8s %8s\n", "# name", "objects", "capacity", "size", "pages");
    for (size_t i = 0; i < slabs->count; i++) {
        const struct slab_statistics *row = &slabs->rows[i];
        text_print(text, "%-24s %10llu %10llu %8zu %8llu\n", row->name, (unsigned long long)row->objects,
                   (unsigned long long)row->capacity, row->object_size, (unsigned long long)row->pages);
    }
    kfree(slabs);
}

LOCAL void procfs_generate_cpuinfo(const struct procfs_subject *subject, struct text *text)
{
    const struct cpu_features *cpu = &cpu_features;
    const struct { bool has; const char *name; } flags[] = {
        { cpu->nx, "nx" }, { cpu->xsave, "xsave" }, { cpu->smep, "smep" }, { cpu->smap, "smap" },
        { cpu->umip, "umip" }, { cpu->rdrand, "rdrand" }, { cpu->rdseed, "rdseed" }, { cpu->x2apic, "x2apic" },
        { cpu->pge, "pge" }, { cpu->pcid, "pcid" }, { cpu->fsgsbase, "fsgsbase" }, { cpu->avx, "avx" },
        { cpu->erms, "erms" }, { cpu->rdtscp, "rdtscp" }, { cpu->invariant_tsc, "constant_tsc" },
    };
    for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
        int id = __builtin_ctzll(left);
        text_print(text, "processor\t: %d\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n"
                         "stepping\t: %u\napicid\t\t: %u\nflags\t\t: fpu tsc msr cx8 apic mmx fxsr sse sse2 syscall lm",
                   id, cpu->vendor, cpu->family, cpu->model, cpu->brand, cpu->stepping, cpus[id].apic_id);
        for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
            if (flags[i].has)
                text_print(text, " %s", flags[i].name);
        text_print(text, "\n\n");
    }
}

struct procfs_cpu_times {
    nanos_t busy, idle;
    uint64_t switches;
    uint32_t threads, running;
};

LOCAL void procfs_add_thread(struct thread *thread, void *context)
{
    struct procfs_cpu_times *times = context;
    bool is_idle = thread_is_idle(thread);
    times->switches += thread->switches;
    times->threads++;
    if (!is_idle && (thread->state == THREAD_READY || thread->state == THREAD_RUNNING))
        times->running++;
}

LOCAL struct procfs_cpu_times procfs_get_cpu_times(void)
{
    struct procfs_cpu_times times = { 0 };
    thread_for_each(procfs_add_thread, &times);
    for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
        nanos_t busy, idle;
        thread_get_cpu_times(__builtin_ctzll(left), &busy, &idle);
        times.busy += busy;
        times.idle += idle;
    }
    return times;
}

LOCAL void procfs_add_interrupts(const struct interrupt_statistics *row, void *context)
{
    *(uint64_t *)context += row->count;
}

LOCAL void procfs_print_cpu_times(struct text *text, const char *number, nanos_t busy, nanos_t idle)
{
    text_print(text, "cpu%s %llu 0 0 %llu 0 0 0 0 0 0\n", number,
               (unsigned long long)(busy * TICKS_PER_SECOND / NANOS_PER_SECOND),
               (unsigned long long)(idle * TICKS_PER_SECOND / NANOS_PER_SECOND));
}

LOCAL void procfs_generate_stat_all(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_cpu_times times = procfs_get_cpu_times();
    uint64_t interrupts = 0;
    interrupt_for_each(procfs_add_interrupts, &interrupts);
    procfs_print_cpu_times(text, " ", times.busy, times.idle);
    for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
        char number[8];
        nanos_t busy, idle;
        ksnprintf(number, sizeof number, "%d", __builtin_ctzll(left));
        thread_get_cpu_times(__builtin_ctzll(left), &busy, &idle);
        procfs_print_cpu_times(text, number, busy, idle);
    }
    text_print(text, "intr %llu\nctxt %llu\nbtime %lld\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
               (unsigned long long)interrupts, (unsigned long long)times.switches,
               (long long)((clock_realtime() - clock_monotonic()) / NANOS_PER_SECOND), times.threads, times.running);
}

LOCAL void procfs_print_interrupt(const struct interrupt_statistics *row, void *context)
{
    text_print(context, "%3u: %10llu   %s\n", row->vector, (unsigned long long)row->count, row->name);
}

LOCAL void procfs_generate_interrupts(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "          count\n"); /* of all CPUs together */
    interrupt_for_each(procfs_print_interrupt, text);
}

LOCAL void procfs_generate_uptime(const struct procfs_subject *subject, struct text *text)
{
    const nanos_t hundredth = NANOS_PER_SECOND / 100;
    nanos_t up = clock_monotonic(), idle = procfs_get_cpu_times().idle;
    text_print(text, "%lld.%02lld %lld.%02lld\n", (long long)(up / NANOS_PER_SECOND),
               (long long)(up % NANOS_PER_SECOND / hundredth), (long long)(idle / NANOS_PER_SECOND),
               (long long)(idle % NANOS_PER_SECOND / hundredth));
}

/* No averages are kept: the present number of running threads stands for all three. */
LOCAL void procfs_generate_loadavg(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_cpu_times times = procfs_get_cpu_times();
    text_print(text, "%u.00 %u.00 %u.00 %u/%u %d\n", times.running, times.running, times.running, times.running,
               times.threads, thread_current()->id);
}

/* --- boot, version, log ------------------------------------------------------------------- */

LOCAL void procfs_generate_version(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s version %s %s\n", KERNEL_SYSNAME, KERNEL_RELEASE, KERNEL_VERSION);
}

LOCAL void procfs_generate_cmdline_boot(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s\n", boot_info.cmdline);
}

LOCAL void procfs_generate_boot(const struct procfs_subject *subject, struct text *text)
{
    size_t count;
    const struct boot_step_time *steps = boot_steps(&count);
    for (size_t i = 0; i < count; i++)
        text_print(text, "%s\t%lld\t%lld\n", steps[i].name, (long long)(steps[i].start / NANOS_PER_MICROSECOND),
                   (long long)(steps[i].duration / NANOS_PER_MICROSECOND));
}

/* The kernel's log, as /dev/kmsg readers and dmesg show it. Reading does not consume. */
LOCAL void procfs_generate_kmsg(const struct procfs_subject *subject, struct text *text)
{
    size_t size = klog_size();
    char *lines = kmalloc(MAX(size, 1));
    if (lines == NULL) {
        text->failed = true;
        return;
    }
    text_append(text, lines, klog_read(lines, size));
    kfree(lines);
}

/* --- file systems ------------------------------------------------------------------------ */

LOCAL void procfs_generate_filesystems(const struct procfs_subject *subject, struct text *text)
{
    for (struct file_system *type = file_system_first(); type != NULL; type = type->next)
        text_print(text, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
}

LOCAL int procfs_print_mount(struct mount *mount, void *context)
{
    struct path path = { mount, mount->root }, root;
    char *where;
    char buffer[256];
    mount_get_root(&root);
    isize_t length = path_to_text(&path, &root, buffer, sizeof(buffer), &where, NULL);
    path_put(&root);
    text_print(context, "%s %s %s %s%s%s%s 0 0\n", mount->source, length > 0 ? where : "?", mount->super->ops->name,
               (mount->flags & MS_RDONLY) ? "ro" : "rw", (mount->flags & MS_NOSUID) ? ",nosuid" : "",
               (mount->flags & MS_NODEV) ? ",nodev" : "", (mount->flags & MS_NOEXEC) ? ",noexec" : "");
    return 0;
}

void procfs_generate_mounts(const struct procfs_subject *subject, struct text *text)
{
    mount_for_each(procfs_print_mount, text);
}

/* --- sys/ -------------------------------------------------------------------------------- */

LOCAL void procfs_generate_ostype(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s\n", KERNEL_SYSNAME);
}

LOCAL void procfs_generate_osrelease(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s\n", KERNEL_RELEASE);
}

LOCAL void procfs_generate_osversion(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s\n", KERNEL_VERSION);
}

LOCAL void procfs_generate_hostname(const struct procfs_subject *subject, struct text *text)
{
    char name[HOSTNAME_SIZE];
    system_get_hostname(name);
    text_print(text, "%s\n", name);
}

LOCAL void procfs_generate_pid_max(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "32768\n");
}

/* 2: no more is promised than there is (kernel/mm: commit accounting). */
LOCAL void procfs_generate_overcommit(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "2\n");
}

LOCAL void procfs_generate_file_max(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "1048576\n");
}

LOCAL void procfs_generate_pipe_max(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "1048576\n");
}

LOCAL void procfs_print_uuid(const uint8_t random[16], struct text *text)
{
    for (int i = 0; i < 16; i++) {
        uint8_t byte = random[i];
        if (i == 6) /* RFC 9562: version 4, variant 10 */
            byte = (byte & 0x0f) | 0x40;
        if (i == 8)
            byte = (byte & 0x3f) | 0x80;
        text_print(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", byte);
    }
    text_print(text, "\n");
}

static uint8_t procfs_boot_id[16];

void procfs_make_boot_id(void)
{
    random_fill(procfs_boot_id, sizeof(procfs_boot_id));
}

LOCAL void procfs_generate_boot_id(const struct procfs_subject *subject, struct text *text)
{
    procfs_print_uuid(procfs_boot_id, text);
}

LOCAL void procfs_generate_uuid(const struct procfs_subject *subject, struct text *text)
{
    uint8_t random[16];
    random_fill(random, sizeof(random));
    procfs_print_uuid(random, text);
}

LOCAL void procfs_generate_entropy(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "256\n");
}

/* --- tables ------------------------------------------------------------------------------ */

#define FILE_ENTRY(text_name, function) { .name = (text_name), .mode = S_IFREG | 0444, .generate = (function) }
#define TABLE_ENTRY(text_name, table) \
    { .name = (text_name), .mode = S_IFDIR | 0555, .children = (table), .child_count = ARRAY_COUNT(table) }

static const struct procfs_entry procfs_random_entries[] = {
    FILE_ENTRY("boot_id", procfs_generate_boot_id),
    FILE_ENTRY("entropy_avail", procfs_generate_entropy),
    FILE_ENTRY("uuid", procfs_generate_uuid),
};
static const struct procfs_entry procfs_kernel_entries[] = {
    FILE_ENTRY("hostname", procfs_generate_hostname),
    FILE_ENTRY("osrelease", procfs_generate_osrelease),
    FILE_ENTRY("ostype", procfs_generate_ostype),
    FILE_ENTRY("pid_max", procfs_generate_pid_max),
    FILE_ENTRY("version", procfs_generate_osversion),
    TABLE_ENTRY("random", procfs_random_entries),
};
static const struct procfs_entry procfs_vm_entries[] = {
    FILE_ENTRY("overcommit_memory", procfs_generate_overcommit),
};
static const struct procfs_entry procfs_fs_entries[] = {
    FILE_ENTRY("file-max", procfs_generate_file_max),
    FILE_ENTRY("pipe-max-size", procfs_generate_pipe_max),
};
static const struct procfs_entry procfs_sys_entries[] = {
    TABLE_ENTRY("fs", procfs_fs_entries),
    TABLE_ENTRY("kernel", procfs_kernel_entries),
    TABLE_ENTRY("vm", procfs_vm_entries),
};

static const struct procfs_entry procfs_root_entries[] = {
    FILE_ENTRY("boot", procfs_generate_boot),
    FILE_ENTRY("cmdline", procfs_generate_cmdline_boot),
    FILE_ENTRY("cpuinfo", procfs_generate_cpuinfo),
    FILE_ENTRY("filesystems", procfs_generate_filesystems),
    FILE_ENTRY("interrupts", procfs_generate_interrupts),
    FILE_ENTRY("kmsg", procfs_generate_kmsg),
    FILE_ENTRY("loadavg", procfs_generate_loadavg),
    FILE_ENTRY("meminfo", procfs_generate_meminfo),
    FILE_ENTRY("mounts", procfs_generate_mounts),
    FILE_ENTRY("slabinfo", procfs_generate_slabinfo),
    FILE_ENTRY("stat", procfs_generate_stat_all),
    FILE_ENTRY("uptime", procfs_generate_uptime),
    FILE_ENTRY("version", procfs_generate_version),
    TABLE_ENTRY("sys", procfs_sys_entries),
    { .name = "polyglot", .mode = S_IFDIR | 0555, .children = procfs_reports, .child_count = PROCFS_REPORT_COUNT },
    { .name = "self", .mode = S_IFLNK | 0777, .read_link = procfs_read_self },
    { .name = "thread-self", .mode = S_IFLNK | 0777, .read_link = procfs_read_thread_self },
};

const struct procfs_entry procfs_root = {
    .mode = S_IFDIR | 0555,
    .children = procfs_root_entries,
    .child_count = ARRAY_COUNT(procfs_root_entries),
    .find = procfs_find_process,
    .next = procfs_next_process,
    .number_type = DT_DIR,
};
