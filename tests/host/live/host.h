/*
 * A live area on the host, for tests of the linker: 512 MiB of address space below 1 GiB, in reach of the test program
 * (which is linked without -pie) as live code is of the kernel. The kernel's names are those of the test program, read
 * from its own file. Objects are compiled when a test asks for them, by the compilers whose output the linker must take.
 *
 *     host_start();
 *     char *object = host_object("name", "gcc -O2 -c", "tests/host/live/objects/x.c", &size);
 *     error = host_load(object, size, "flags...", &id);  host_text has the message
 *     ((int (*)(void))host_address("run"))();
 */
#ifndef TESTS_HOST_LIVE_HOST_H
#define TESTS_HOST_LIVE_HOST_H

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <abi/errno.h>
#include <kernel/export.h>
#include <lib/bitmap.h>
#include <live/control.h>
#include <live/guard.h>
#include <live/linker.h>
#include <tests/host/check.h>
#include <tests/host/shim/shim.h>

#define HOST_AREA_BASE 0x20000000ull
#define HOST_AREA_SIZE (512ull << 20)
#define HOST_PAGES     (HOST_AREA_SIZE / 4096)
#define HOST_HIGH_BASE 0xffffffffa0000000ull /* where nothing can be written: only values are looked at */
#define HOST_BUILD     "build/tests/host/live"
#define HOST_ZIG       "build/venv/bin/python -m ziglang"

static uint64_t host_used[BITMAP_WORDS(HOST_PAGES)];
static const struct live_range *host_ranges[HOST_PAGES];
static size_t host_hint;
static bool host_runs_code = true; /* the fuzzer links damaged code and must not run it */
static bool host_is_high;
static long host_fail_after = -1;  /* live_area_map() and live_allocate() that still succeed; -1: all */
static char host_text[16384];
static int host_faults;
int host_exits; /* live code counts in it */

/* --- what the kernel has ------------------------------------------------------------------------------ */

__asm__(".data\n.balign 8\n.globl __exports_start, __exports_end\n__exports_start:\n__exports_end:\n.text\n"
        ".globl live_world_gate\nlive_world_gate: jmp *(%r11)\n");

static bool host_may(void)
{
    if (host_fail_after < 0)
        return true;
    return host_fail_after == 0 ? false : host_fail_after-- > 0;
}

vaddr_t live_area_reserve(uint64_t pages)
{
    for (unsigned round = 0; round < 2; round++, host_hint = 0)
        for (size_t from = host_hint; from + pages + 1 <= HOST_PAGES;) {
            size_t first = bitmap_find_clear(host_used, HOST_PAGES, from);
            size_t end = bitmap_find_set(host_used, HOST_PAGES, first);
            if (end - first >= pages + 1) {
                for (size_t i = 0; i <= pages; i++)
                    bitmap_set(host_used, first + i);
                host_hint = first + pages + 1;
                return (host_is_high ? HOST_HIGH_BASE : HOST_AREA_BASE) + first * 4096;
            }
            from = end > first ? end : first + 1;
        }
    return 0;
}

static size_t host_page(vaddr_t address) { return (address - (host_is_high ? HOST_HIGH_BASE : HOST_AREA_BASE)) / 4096; }

void live_area_unreserve(vaddr_t start, uint64_t pages)
{
    for (size_t i = 0; i <= pages; i++) {
        if (!bitmap_test(host_used, host_page(start) + i))
            abort();
        bitmap_clear(host_used, host_page(start) + i);
    }
}

static void host_protect(const struct live_range *range, int protection)
{
    if (!host_is_high && mprotect((void *)range->start, range->pages * 4096, protection) != 0)
        abort();
}

int live_area_map(struct live_range *range, const void *image, size_t size)
{
    if (!host_may())
        return -ENOMEM;
    if (size > range->pages * 4096)
        abort();
    host_protect(range, PROT_READ | PROT_WRITE);
    if (!host_is_high) {
        memset((void *)range->start, 0, range->pages * 4096);
        if (size > 0)
            memcpy((void *)range->start, image, size);
    }
    static const int protections[] = { PROT_READ | PROT_EXEC, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };
    host_protect(range, protections[range->kind]);
    for (size_t i = 0; i < range->pages; i++)
        host_ranges[host_page(range->start) + i] = range;
    return 0;
}

void live_area_unmap(struct live_range *ranges, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].start == 0)
            continue;
        host_protect(&ranges[i], PROT_NONE);
        for (size_t k = 0; k < ranges[i].pages; k++)
            host_ranges[host_page(ranges[i].start) + k] = NULL;
    }
}

void live_area_write(vaddr_t address, const void *bytes, size_t size)
{
    vaddr_t first = address & ~4095ull, end = (address + size + 4095) & ~4095ull;
    const struct live_range *range = live_area_find(address);
    int old = range->kind == LIVE_RANGE_DATA ? PROT_READ | PROT_WRITE
              : range->kind == LIVE_RANGE_RODATA ? PROT_READ : PROT_READ | PROT_EXEC;
    mprotect((void *)first, end - first, PROT_READ | PROT_WRITE);
    memcpy((void *)address, bytes, size);
    mprotect((void *)first, end - first, old);
}

const struct live_range *live_area_find(vaddr_t address)
{
    vaddr_t base = host_is_high ? HOST_HIGH_BASE : HOST_AREA_BASE;
    return address < base || address >= base + HOST_AREA_SIZE ? NULL : host_ranges[host_page(address)];
}

uint64_t live_area_read_begin(void) { return 0; }
void live_area_read_end(uint64_t state) { }
void *live_allocate(size_t size) { return host_may() ? calloc(1, size != 0 ? size : 1) : NULL; }
void live_release(void *memory, size_t size) { free(memory); }

uint32_t live_guarded_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result, const char *what)
{
    if (host_runs_code)
        function(a, b);
    return host_faults != 0 ? LIVE_FAULT_READ : LIVE_FAULT_NONE;
}

bool live_fault_raise(uint32_t kind, uint64_t address, const char *text)
{
    snprintf(host_text, sizeof(host_text), "%s", text);
    return true;
}

bool live_module_is_entered(uint64_t module, struct message *message) { return false; }
void live_cancel_timers(uint64_t module) { }
int live_stop_threads_of(uint64_t module, struct message *message) { return 0; }

/* --- files -------------------------------------------------------------------------------------------- */

static char *host_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        printf("cannot read %s\n", path);
        exit(1);
    }
    char *data = malloc((size_t)status.st_size + 1); /* exactly as large as the file, for AddressSanitizer */
    *size = fread(data, 1, (size_t)status.st_size, file);
    fclose(file);
    return realloc(data, *size);
}

static void host_run(const char *command)
{
    if (system(command) != 0) {
        printf("failed: %s\n", command);
        exit(1);
    }
}

/* Compiles once per run of the program: command SOURCE -o OUTPUT. */
static char *host_object(const char *name, const char *compiler, const char *source, size_t *size)
{
    char command[1024], path[256];
    snprintf(path, sizeof(path), HOST_BUILD "/%s.o", name);
    snprintf(command, sizeof(command), "%s %s -o %s 2> " HOST_BUILD "/%s.log || { cat " HOST_BUILD "/%s.log; false; }", compiler,
             source, path, name, name);
    host_run(command);
    return host_read(path, size);
}

/* --- loading ------------------------------------------------------------------------------------------ */

static void host_start(void)
{
    static bool started;
    if (started)
        return;
    started = true;
    if (mmap((void *)HOST_AREA_BASE, HOST_AREA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
             -1, 0) != (void *)HOST_AREA_BASE) {
        perror("mmap");
        exit(1);
    }
    host_run("mkdir -p " HOST_BUILD);
    size_t size;
    static char *self; /* the names lie in it */
    self = host_read("/proc/self/exe", &size);
    kernel_symbols_init((const uint8_t *)self, size);
}

static int host_load_with(struct live_load *load, uint64_t *id)
{
    struct message message;
    message_init(&message, host_text, sizeof(host_text));
    if (load->name == NULL)
        load->name = "test";
    if (load->bind_file == NULL)
        load->bind_file = "";
    if (load->only == NULL)
        load->only = "";
    int error = live_load(load, &message);
    message_finish(&message);
    if (id != NULL)
        *id = load->module;
    return error;
}

static int host_load(const void *object, size_t size, uint32_t flags, uint64_t *id)
{
    return host_load_with(&(struct live_load){ .object = object, .object_size = size, .flags = flags }, id);
}

static int host_unload(uint64_t id, bool force)
{
    struct message message;
    message_init(&message, host_text, sizeof(host_text));
    return live_unload(id, force, &message);
}

/* 0: no such live name. */
static uint64_t host_address(const char *name)
{
    struct live_symbol_info info;
    return live_lookup(name, &info) == 0 && info.origin == LIVE_ORIGIN_LIVE ? info.address : 0;
}

static int host_call(const char *name) { return ((int (*)(void))host_address(name))(); }

static size_t host_pages_used(void) { return bitmap_count(host_used, HOST_PAGES); }

#endif
