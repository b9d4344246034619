/*
 * The kernel's start: the boot steps, in order, timed.
 *
 * kernel_entry (entry.S) -> kernel_main -> the early steps, on the boot CPU with
 * interrupts off -> scheduler -> the late steps in a thread of their own, because
 * they may sleep -> world_start(). The boot stack ends as the idle thread.
 */
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <dev/clock/clock.h>
#include <dev/console/console.h>
#include <dev/driver/driver.h>
#include <dev/fw_cfg/fw_cfg.h>
#include <dev/host/host.h>
#include <dev/input/keyboard.h>
#include <dev/pci/pci.h>
#include <dev/serial/uart16550.h>
#include <dev/tty/tty.h>
#include <fs/devfs.h>
#include <fs/initramfs.h>
#include <fs/procfs.h>
#include <fs/tmpfs.h>
#include <kernel/boot_file.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/early.h>
#include <kernel/mm/page.h>
#include <kernel/monitor/monitor.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process.h>
#include <kernel/proc/profile.h>
#include <kernel/proc/trace.h>
#include <kernel/random.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/test/crash.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <kernel/version.h>
#include <kernel/vfs/vfs.h>
#include <lib/parse.h>
#include <lib/string.h>
#include <live/init.h>

#define MAX_BOOT_STEPS 48
#define MINIMUM_FREE_PAGES (48ULL << 8) /* 48 MiB, for the world to start in */

struct boot_info boot_info;

struct boot_step {
    const char *name;
    void (*run)(void);
};

/* TSC counts are kept until the clock is calibrated. */
static struct { const char *name; uint64_t start, end; } raw_steps[MAX_BOOT_STEPS];
static size_t raw_step_count;
static struct boot_step_time step_times[MAX_BOOT_STEPS];

/* --- boot information ----------------------------------------------------------- */

bool boot_option(const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    const char *at = boot_info.cmdline;
    bool found = false;
    while (*at != 0) {
        while (*at == ' ')
            at++;
        const char *end = at;
        while (*end != 0 && *end != ' ')
            end++;
        if (strncmp(at, name, length) == 0 && (at + length == end || at[length] == '=')) {
            const char *text = at + length == end ? end : at + length + 1;
            size_t count = MIN((size_t)(end - text), size - 1);
            memcpy(value, text, count);
            value[count] = 0;
            found = true; /* the last one counts: fw_cfg's options come after the file's */
        }
        at = end;
    }
    return found;
}

const void *boot_file_find(const char *name, size_t *size)
{
    for (uint32_t i = 0; i < MIN(boot_info.file_count, BOOT_MAX_FILES); i++) {
        if (strncmp(boot_info.files[i].name, name, sizeof boot_info.files[i].name) != 0)
            continue;
        *size = boot_info.files[i].size;
        return phys_to_virt(boot_info.files[i].phys);
    }
    return NULL;
}

LOCAL void main_note_step(const char *name, uint64_t start, uint64_t end)
{
    if (raw_step_count == MAX_BOOT_STEPS)
        return;
    raw_steps[raw_step_count].name = name;
    raw_steps[raw_step_count].start = start;
    raw_steps[raw_step_count].end = end;
    raw_step_count++;
}

const struct boot_step_time *boot_steps(size_t *count)
{
    for (size_t i = 0; i < raw_step_count; i++)
        step_times[i] = (struct boot_step_time){ raw_steps[i].name, clock_device_nanos(raw_steps[i].start),
                                                 clock_device_nanos(raw_steps[i].end - raw_steps[i].start) };
    *count = raw_step_count;
    return step_times;
}

LOCAL void main_run_steps(const struct boot_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t start = tsc_read();
        steps[i].run();
        uint64_t end = tsc_read();
        main_note_step(steps[i].name, start, end);
        klog(LOG_DEBUG, "boot", "%s", steps[i].name);
    }
}

/* --- early steps: interrupts off, the boot stack ---------------------------------- */

/* Archives that the host handed over: into memory now, into the file tree later. */
struct host_archive {
    const char *file;  /* fw_cfg name */
    const char *below; /* where it is unpacked */
    paddr_t phys;
    size_t size;
};
static struct host_archive host_archives[] = {
    { "opt/polyglot/exec", "/exec", 0, 0 },
    { "opt/polyglot/host", "/host", 0, 0 },
};

LOCAL void main_apply_options(void)
{
    char value[16];
    uint64_t level;
    if (boot_option("loglevel", value, sizeof value) && parse_u64(value, NULL, 10, &level) == 0)
        klog_set_console_level((int)MIN(level, LOG_DEBUG));
    if (boot_option("lockcheck", value, sizeof value))
        lock_set_checks(strcmp(value, "0") != 0);
}

LOCAL void main_check_cpu(void)
{
    const char *missing;
    if (!cpu_detect_features(&missing))
        panic("this CPU lacks the feature %s, which Polyglot OS needs", missing);
    cpu_enable_features();
}

LOCAL void main_read_host_archives(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(host_archives); i++) {
        struct host_archive *archive = &host_archives[i];
        if (!fw_cfg_find(archive->file, &archive->size) || archive->size == 0)
            continue;
        archive->phys = early_alloc_file(archive->size);
        if (archive->phys == 0)
            panic("not enough memory: no room for the host's archive of %zu MiB", archive->size >> 20);
        if (fw_cfg_read_phys(archive->file, archive->phys, archive->size) != 0)
            panic("fw_cfg: cannot read %s", archive->file);
    }
}

LOCAL void main_check_memory(void)
{
    struct page_statistics pages;
    page_get_statistics(&pages);
    if (pages.free < MINIMUM_FREE_PAGES)
        panic("not enough memory: %llu MiB free, %llu MiB needed", (unsigned long long)(pages.free >> 8),
              (unsigned long long)(MINIMUM_FREE_PAGES >> 8));
}

static const struct boot_step early_steps[] = {
    { "serial port", serial_init_early },
    { "early screen", console_init_early },
    { "boot options", main_apply_options },
    { "cpu", main_check_cpu },
    { "early memory", early_init },
    { "host archives", main_read_host_archives },
    { "page tables", paging_init },
    { "page allocator", page_allocator_init },
    { "loader memory", page_free_loader_memory },
    { "screen", console_init }, /* early: what goes wrong from here on is seen on it */
    { "memory check", main_check_memory },
    { "symbols", symbols_init },
    { "fpu", fpu_init },
    { "acpi", acpi_init },
    { "apic", apic_init },
    { "clock", time_init },
    { "random", random_init },
    { "futex", futex_init },
    { "pci", pci_init },
};

/* --- late steps: in a thread --------------------------------------------------------- */

LOCAL void main_unpack_initramfs(void)
{
    size_t size;
    const void *archive = boot_file_find("initramfs", &size);
    if (archive == NULL)
        klog(LOG_WARNING, "boot", "the loader brought no initramfs");
    else if (initramfs_unpack(archive, size, "/") != 0)
        klog(LOG_ERROR, "boot", "the initramfs is damaged: some files are missing");
    for (size_t i = 0; i < ARRAY_COUNT(host_archives); i++) {
        const struct host_archive *host = &host_archives[i];
        if (host->phys != 0 && initramfs_unpack(phys_to_virt(host->phys), host->size, host->below) != 0)
            klog(LOG_ERROR, "boot", "the archive for %s is damaged: some files are missing", host->below);
    }
}

static const struct boot_step late_steps[] = {
    { "other CPUs", smp_init },
    { "tmpfs", tmpfs_init },
    { "vfs", vfs_init },
    { "devfs", devfs_init },
    { "procfs", procfs_init },
    { "tracing", trace_init },
    { "profiler", profile_init },
    { "tty", tty_init },
    { "serial line", serial_init },
    { "keyboard", keyboard_init },
    { "monitor", monitor_init },
    { "host channel", host_init },
    { "live layer", live_init },
    { "drivers", driver_init },
    { "initramfs", main_unpack_initramfs },
    { "world", world_start },
};

/* ktest, ktest=FILTER: run the kernel's own tests instead of the world. */
LOCAL void main_run_tests(void)
{
    char filter[64];
    if (boot_option("ktest", filter, sizeof filter))
        machine_power_off(ktest_run(filter));
}

LOCAL void main_late(void *unused)
{
    (void)unused;
    main_run_steps(late_steps, ARRAY_COUNT(late_steps) - 1);
    crash_if_asked();
    main_run_tests();
    main_run_steps(&late_steps[ARRAY_COUNT(late_steps) - 1], 1);
}

/* From entry.S: `info` lies in the loader's memory. */
NORETURN void kernel_main(const struct boot_info *info)
{
    uint64_t entered = tsc_read();
    memcpy(&boot_info, info, sizeof boot_info);
    thread_init_boot();
    cpu_init_tables(&cpus[0], 0);
    /* Locks, and so everything, work from here on. */
    if (boot_info.magic != BOOT_INFO_MAGIC || boot_info.version != BOOT_INFO_VERSION
        || boot_info.size != sizeof boot_info || boot_info.memory_count > BOOT_MAX_MEMORY) {
        serial_init_early();
        panic("the boot loader does not fit this kernel (boot_info version %u, %u bytes)", boot_info.version,
              boot_info.size);
    }
    boot_info.cmdline[BOOT_CMDLINE_SIZE - 1] = 0;
    main_note_step("firmware", 0, boot_info.tsc_start);
    main_note_step("loader: files", boot_info.tsc_start, boot_info.tsc_loaded);
    main_note_step("loader: hand-over", boot_info.tsc_loaded, entered);
    main_run_steps(early_steps, ARRAY_COUNT(early_steps));
    klog(LOG_INFO, "boot", "%s, booted by %s; options: %s", KERNEL_VERSION,
         boot_info.firmware == BOOT_FIRMWARE_UEFI ? "UEFI" : "BIOS", boot_info.cmdline);
    struct thread *thread = thread_create("boot", main_late, NULL);
    if (thread == NULL)
        panic("boot: no memory for the first thread");
    thread_start(thread);
    thread_put(thread);
    thread_idle_loop();
}
