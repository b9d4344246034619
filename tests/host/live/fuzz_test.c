/* Damaged objects: real ones of every compiler, with bytes changed where it hurts (headers, section, symbol and relocation
 * tables) and anywhere. The linker may refuse or load them; it must not touch a byte that is not its own, lose memory, or leave a
 * trace. The damaged code is never run. Seeded: the same in every run; FUZZ_ROUNDS=n for longer ones.
 * Links: tests/host/shim/shim.c live/object.c live/archive.c live/message.c live/names.c live/select.c live/bind.c live/layout.c live/relocate.c live/load.c live/module.c live/unload.c live/namespace.c live/stub.c live/suggest.c live/kernel_symbols.c live/list.c kernel/elf.c lib/sort.c lib/tree.c lib/bitmap.c lib/printf.c lib/strlcpy.c
 * Flags: -D_GNU_SOURCE -no-pie -fno-pie -pthread */
#include <tests/host/lib/random.h>
#include <live/object.h>
#include <tests/host/live/host.h>

#define ROUNDS 20000
#define SECONDS 60

int host_value;
int host_add(int a, int b);
int host_add(int a, int b) { return a + b; }

struct sample {
    char *data;
    size_t size;
};

static struct sample samples[8];
static unsigned sample_count;

static void add_sample(const char *name, const char *command, const char *source)
{
    struct sample *sample = &samples[sample_count++];
    sample->data = host_object(name, command, source, &sample->size);
}

static void make_samples(void)
{
    const char *all = "tests/host/live/objects/all.c", *clang = HOST_ZIG " cc -target x86_64-freestanding -fno-sanitize=all -c";
    char command[200];
    host_start();
    add_sample("fuzz_gcc", "gcc -c -O1 -fno-pic -mcmodel=kernel -fcommon", all);
    add_sample("fuzz_pic", "gcc -c -O2 -fPIC -ffunction-sections -fdata-sections", all);
    add_sample("fuzz_cxx", "g++ -c -O1 -fno-exceptions -fno-threadsafe-statics -DNUMBER=2", "tests/host/live/objects/comdat.cpp");
    snprintf(command, sizeof(command), "%s -O2 -fno-pic -mcmodel=kernel", clang);
    add_sample("fuzz_clang", command, all);
    add_sample("fuzz_tcc", "tcc -c", all);
    add_sample("fuzz_rustc", "rustc --edition 2024 --emit=obj -C panic=abort -C opt-level=2", "tests/host/live/objects/all.rs");
    size_t size;
    free(host_object("fuzz_m2", "gcc -c -DNUMBER=2", "tests/host/live/objects/member.c", &size));
    host_run("cd " HOST_BUILD " && rm -f fuzz.a && ar rcs fuzz.a fuzz_gcc.o fuzz_m2.o fuzz_cxx.o");
    samples[sample_count].data = host_read(HOST_BUILD "/fuzz.a", &samples[sample_count].size);
    sample_count++;
}

/* --- damage ------------------------------------------------------------------------------------------- */

static uint64_t interesting(void)
{
    static const uint64_t values[] = { 0, 1, 2, 3, 7, 8, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0xffff, 0xfff1, 0xfff2, 0x7fffffff,
                                       0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
                                       0xfffffffffffffff8, 0xffffffff80000000 };
    return values[random_u64() % (sizeof(values) / sizeof(values[0]))];
}

/* A place in a table of the object: its header, section headers, or the content of a section that is a table. */
static size_t table_offset(const struct sample *sample)
{
    struct elf64_header header;
    if (memcmp(sample->data, "\177ELF", 4) != 0 || random_u64() % 8 == 0)
        return random_u64() % sample->size;
    memcpy(&header, sample->data, sizeof(header));
    if (random_u64() % 16 == 0)
        return random_u64() % sizeof(header);
    size_t at = header.section_offset + random_u64() % header.section_count * sizeof(struct elf64_section);
    struct elf64_section section;
    memcpy(&section, sample->data + at, sizeof(section));
    bool is_table = section.type == ELF_SECTION_SYMTAB || section.type == SECTION_RELA || section.type == SECTION_STRTAB
                    || section.type == SECTION_GROUP || section.type == SECTION_INIT_ARRAY;
    if (is_table && section.size > 0 && random_u64() % 3 != 0)
        return section.offset + random_u64() % section.size;
    return at + random_u64() % sizeof(section);
}

static void damage(const struct sample *sample, uint8_t *copy)
{
    for (unsigned count = 1 + (unsigned)(random_u64() % 4); count > 0; count--) {
        size_t at = table_offset(sample);
        static const size_t widths[] = { 1, 2, 4, 8 };
        size_t width = widths[random_u64() % 4];
        if (random_u64() % 2 == 0)
            at &= ~(width - 1);
        if (at + width > sample->size)
            continue;
        uint64_t value = random_u64() % 3 == 0 ? random_u64() : interesting();
        if (random_u64() % 4 == 0)
            copy[at] ^= (uint8_t)(1u << random_u64() % 8);
        else
            memcpy(copy + at, &value, width);
    }
}

/* --- one round ---------------------------------------------------------------------------------------- */

static unsigned loaded, refused;

static void fuzz_one(void)
{
    const struct sample *sample = &samples[random_u64() % sample_count];
    size_t size = random_u64() % 20 == 0 ? random_u64() % sample->size : sample->size;
    uint8_t *copy = malloc(size != 0 ? size : 1); /* exactly that many bytes, for AddressSanitizer */
    memcpy(copy, sample->data, size);
    if (size == sample->size)
        damage(sample, copy);
    struct live_load load = { .object = copy, .object_size = size };
    load.flags = (random_u64() % 2 ? LIVE_LOAD_HIDDEN : 0) | (random_u64() % 2 ? LIVE_LOAD_ARCHIVE_ALL : 0);
    if (random_u64() % 4 == 0)
        load.only = "check_all";
    if (random_u64() % 4 == 0)
        load.bind_file = "fuzz_test.c";
    if (random_u64() % 50 == 0)
        shim_fail_after = (long)(random_u64() % 60);
    uint64_t id;
    int error = host_load_with(&load, &id);
    shim_fail_after = -1;
    memset(copy, 0xdb, size);
    free(copy);
    if (error == 0) {
        loaded++;
        CHECK_EQUAL(host_unload(id, true), 0);
    } else {
        refused++;
        if (host_text[0] == 0)
            printf("error %d without a word\n", error);
        CHECK(host_text[0] != 0);
    }
    CHECK(live_module_next(NULL) == NULL);
}

TEST(damaged_objects_are_refused_or_loaded_without_harm)
{
    const char *wanted = getenv("FUZZ_ROUNDS");
    long rounds = wanted != NULL ? atol(wanted) : ROUNDS;
    make_samples();
    host_runs_code = false;
    for (unsigned i = 0; i < sample_count; i++) { /* undamaged ones load, or the rounds would test nothing */
        uint64_t id;
        int error = host_load(samples[i].data, samples[i].size, 0, &id);
        if (error == 0)
            CHECK_EQUAL(host_unload(id, true), 0);
        else
            printf("sample %u: %s", i, host_text);
        CHECK_EQUAL(error, 0);
    }
    size_t pages = host_pages_used();
    nanos_t end = clock_monotonic() + (wanted != NULL ? 24 * 3600 : SECONDS) * NANOS_PER_SECOND;
    long round = 0;
    for (; round < rounds && clock_monotonic() < end && host_test_failures == 0; round++)
        fuzz_one();
    printf("%ld rounds: %u loaded, %u refused\n", round, loaded, refused);
    CHECK(loaded > 100 || round < 1000);
    CHECK(refused > 100 || round < 1000);
    /* Names that were seen keep their stubs; nothing else stays. */
    size_t names = 0;
    for (struct live_symbol *symbol = (struct live_symbol *)live_symbol_first(LIVE_ORIGIN_LIVE, ""); symbol != NULL;
         symbol = (struct live_symbol *)live_symbol_next(symbol))
        names++;
    CHECK_EQUAL(names, 0);
    CHECK(host_pages_used() >= pages);
    for (unsigned i = 0; i < sample_count; i++)
        free(samples[i].data);
}
