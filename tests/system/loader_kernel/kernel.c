/*
 * A kernel that only judges the loader: prints struct boot_info on COM1, checks
 * each promise of boot/boot_info.h, and ends with "LOADER OK" or, after the
 * failed checks, "LOADER BAD". tests/system/test_loader.py reads it.
 */
#include <stddef.h>
#include <boot/boot_info.h>

uint64_t entry_rsp, entry_cr0, entry_rflags;
extern char kernel_end[];
static int failures;
static volatile uint64_t must_be_zero[4096];
static volatile uint64_t must_be_set = 0x1122334455667788;

static inline uint8_t inb(uint16_t port) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static void put(char c)
{
    while (!(inb(0x3fd) & 0x20)) { }
    outb(0x3f8, (uint8_t)c);
}

static void text(const char *s)
{
    for (; *s; s++) put(*s);
}

static void hex(uint64_t v)
{
    for (int shift = 60; shift >= 0; shift -= 4) put("0123456789abcdef"[v >> shift & 15]);
}

/* One line "key value value ...". */
static void line(const char *key, int count, const uint64_t *values)
{
    text(key);
    for (int i = 0; i < count; i++) { put(' '); hex(values[i]); }
    text("\r\n");
}
#define LINE(key, ...) line(key, sizeof((uint64_t[]){ __VA_ARGS__ }) / 8, (uint64_t[]){ __VA_ARGS__ })

static void expect(int good, const char *what)
{
    if (good) return;
    failures++;
    text("FAILED ");
    text(what);
    text("\r\n");
}

static void *direct(uint64_t phys) { return (void *)(BOOT_DIRECT_MAP_BASE + phys); }

/* XXH64 by its specification, one byte order only. */
static uint64_t rotl(uint64_t v, int n) { return v << n | v >> (64 - n); }
#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull
static uint64_t lane(uint64_t acc, uint64_t v) { return rotl(acc + v * P2, 31) * P1; }

static uint64_t xxh64(const uint8_t *p, uint64_t size)
{
    uint64_t acc[4] = { P1 + P2, P2, 0, 0 - P1 }, h = P5;
    const uint8_t *end = p + size;
    if (size >= 32) {
        for (; end - p >= 32; p += 32)
            for (int i = 0; i < 4; i++) acc[i] = lane(acc[i], ((const uint64_t *)p)[i]);
        h = rotl(acc[0], 1) + rotl(acc[1], 7) + rotl(acc[2], 12) + rotl(acc[3], 18);
        for (int i = 0; i < 4; i++) h = (h ^ lane(0, acc[i])) * P1 + P4;
    }
    h += size;
    for (; end - p >= 8; p += 8) h = rotl(h ^ lane(0, *(const uint64_t *)p), 27) * P1 + P4;
    if (end - p >= 4) { h = rotl(h ^ *(const uint32_t *)p * P1, 23) * P2 + P3; p += 4; }
    for (; p < end; p++) h = rotl(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

/* Whether [base, base + length) lies in one range of that type. */
static int inside(const struct boot_info *b, uint64_t base, uint64_t length, uint32_t type)
{
    for (uint32_t i = 0; i < b->memory_count; i++) {
        const struct boot_memory *m = &b->memory[i];
        if (m->type == type && base >= m->base && base + length <= m->base + m->length) return 1;
    }
    return 0;
}

static void check_memory(const struct boot_info *b)
{
    uint64_t previous = 0, usable = 0;
    expect(b->memory_count > 0 && b->memory_count <= BOOT_MAX_MEMORY, "memory_count");
    for (uint32_t i = 0; i < b->memory_count; i++) {
        const struct boot_memory *m = &b->memory[i];
        LINE("memory", m->base, m->length, m->type);
        expect(m->length > 0 && m->base >= previous, "memory sorted, without overlap");
        previous = m->base + m->length;
        expect(m->type >= BOOT_MEMORY_USABLE && m->type <= BOOT_MEMORY_FILE, "memory type");
        if (m->type == BOOT_MEMORY_USABLE || m->type >= BOOT_MEMORY_LOADER)
            expect((m->base | m->length) % 4096 == 0, "memory page aligned");
        if (m->type == BOOT_MEMORY_USABLE) usable += m->length;
    }
    LINE("usable", usable);
    expect(inside(b, (uint64_t)b - BOOT_DIRECT_MAP_BASE, sizeof *b, BOOT_MEMORY_LOADER), "boot_info in LOADER memory");
    expect(inside(b, b->kernel_phys, b->kernel_size, BOOT_MEMORY_KERNEL), "kernel in KERNEL memory");
    uint64_t stack = entry_rsp < BOOT_DIRECT_MAP_BASE ? entry_rsp : entry_rsp - BOOT_DIRECT_MAP_BASE;
    expect(inside(b, stack - 16384, 16384, BOOT_MEMORY_LOADER), "16 KiB of stack in LOADER memory");
    uint64_t cr3;
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    expect(inside(b, cr3 & ~4095ull, 4096, BOOT_MEMORY_LOADER), "page tables in LOADER memory");
    /* Samples of usable memory below 4 GiB: it is really there, and the same through both mappings. */
    for (uint32_t i = 0; i < b->memory_count; i++) {
        const struct boot_memory *m = &b->memory[i];
        for (uint64_t p = m->base; m->type == BOOT_MEMORY_USABLE && p < m->base + m->length && p < 1ull << 32; p += 16 << 20) {
            volatile uint64_t *d = direct(p), *identity = (void *)p;
            uint64_t old = *d;
            *d = ~old;
            if (*identity != ~old) { expect(0, "usable memory"); break; }
            *d = old;
        }
    }
}

static void check_files(const struct boot_info *b)
{
    expect(b->file_count > 0 && b->file_count <= BOOT_MAX_FILES, "file_count");
    for (uint32_t i = 0; i < b->file_count; i++) {
        const struct boot_file *f = &b->files[i];
        text("file ");
        text(f->name);
        LINE("", f->phys, f->size, f->checksum);
        expect(f->phys % 4096 == 0, "file page aligned");
        uint64_t pages = (f->size + 4095) & ~4095ull;
        expect(f->phys + pages <= 1ull << 32, "file below 4 GiB");
        expect(inside(b, f->phys, pages, BOOT_MEMORY_FILE), "file in FILE memory");
        const uint8_t *bytes = direct(f->phys);
        expect(xxh64(bytes, f->size) == f->checksum, "file's checksum");
        for (uint64_t j = f->size; j < pages; j++) expect(bytes[j] == 0, "file padded with zeroes");
    }
}

static void check_kernel(const struct boot_info *b)
{
    LINE("kernel", b->kernel_phys, b->kernel_size);
    expect(b->kernel_phys % (2 << 20) == 0, "kernel_phys 2 MiB aligned");
    expect(b->kernel_size == (uint64_t)(kernel_end - (char *)BOOT_KERNEL_BASE), "kernel_size");
    expect(must_be_set == 0x1122334455667788, ".data loaded");
    for (int i = 0; i < 4096; i++) expect(must_be_zero[i] == 0, ".bss cleared");
    /* The kernel's mapping is writable, and the same memory as in the direct map. */
    must_be_set = 5;
    volatile uint64_t *alias = direct(b->kernel_phys + ((uint64_t)&must_be_set - BOOT_KERNEL_BASE));
    expect(*alias == 5, "kernel mapping");
}

static void check_cpu(void)
{
    uint16_t cs, ss;
    uint64_t cr4;
    __asm__ volatile("movw %%cs, %0" : "=r"(cs));
    __asm__ volatile("movw %%ss, %0" : "=r"(ss));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    expect((cs & 3) == 0, "CPL 0");
    expect((entry_rflags & 0x200) == 0, "interrupts masked");
    expect((entry_cr0 & 0x80010001) == 0x80010001, "CR0.PE, WP, PG");
    expect((cr4 & 0x20) != 0, "CR4.PAE");
    expect((rdmsr(0xc0000080) & 0x900) == 0x900, "EFER.LME, NXE");
}

static void check_framebuffer(const struct boot_framebuffer *f)
{
    LINE("framebuffer", f->phys, f->width, f->height, f->pitch, f->red_shift, f->green_shift, f->blue_shift);
    if (f->width == 0) return;
    expect(f->bits_per_pixel == 32 && f->pitch >= f->width * 4, "framebuffer format");
    expect(f->phys + (uint64_t)f->pitch * f->height <= 1ull << 32, "framebuffer below 4 GiB");
    uint32_t *pixels = direct(f->phys);
    for (uint32_t x = 0; x < f->width; x++) pixels[x] = 255u << f->green_shift;
}

void check(const struct boot_info *b)
{
    text("LOADER KERNEL\r\n");
    expect((uint64_t)b >= BOOT_DIRECT_MAP_BASE && (uint64_t)b < BOOT_DIRECT_MAP_BASE + (1ull << 32), "boot_info address");
    expect(b->magic == BOOT_INFO_MAGIC && b->version == BOOT_INFO_VERSION && b->size == sizeof *b, "magic, version, size");
    LINE("firmware", b->firmware, b->boot_drive);
    LINE("rsdp", b->rsdp);
    LINE("tsc", b->tsc_start, b->tsc_loaded - b->tsc_start, b->tsc_handover - b->tsc_loaded);
    text("cmdline [");
    text(b->cmdline);
    text("]\r\n");
    check_cpu();
    check_memory(b);
    check_files(b);
    check_kernel(b);
    check_framebuffer(&b->framebuffer);
    const char *signature = direct(b->rsdp);
    for (int i = 0; i < 8; i++) expect(b->rsdp != 0 && signature[i] == "RSD PTR "[i], "RSDP");
    text(failures ? "LOADER BAD\r\n" : "LOADER OK\r\n");
}
