/* Names of functions, on which backtraces and the live layer rest. */
#include <arch/x86_64/layout.h>
#include <kernel/boot_file.h>
#include <kernel/elf.h>
#include <kernel/symbols.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>

KTEST(symbols, functions_are_found_by_address_and_name)
{
    uint64_t address = (uint64_t)(uintptr_t)ktest_run, offset = 1;
    const char *name = symbol_find(address, &offset);
    KTEST_ASSERT(name != NULL && strcmp(name, "ktest_run") == 0);
    KTEST_EQUAL(offset, 0);
    name = symbol_find(address + 5, &offset);
    KTEST_ASSERT(name != NULL && strcmp(name, "ktest_run") == 0);
    KTEST_EQUAL(offset, 5);
    KTEST_EQUAL(symbol_address("ktest_run"), address);
    KTEST_EQUAL(symbol_address("no_such_function"), 0);
    KTEST_ASSERT(symbol_find(0x1000, &offset) == NULL);
}

KTEST(symbols, functions_of_the_world_have_names)
{
    size_t size;
    const struct elf64_header *world = boot_file_find("world", &size);
    KTEST_ASSERT(world != NULL);
    uint64_t entry = WORLD_IMAGE_BASE + world->entry, offset = 1;
    const char *name = symbol_find(entry, &offset);
    KTEST_ASSERT(name != NULL && strcmp(name, "_start") == 0);
    KTEST_EQUAL(offset, 0);
    KTEST_EQUAL(symbol_start(entry + 1), entry);
    KTEST_ASSERT(symbol_find(WORLD_IMAGE_BASE, &offset) == NULL);
}

KTEST(symbols, text_is_bounded)
{
    char text[12];
    const char *result = symbol_format((uint64_t)(uintptr_t)ktest_run + 0x10, text, sizeof(text));
    KTEST_ASSERT(result == text && strlen(text) < sizeof(text));
    KTEST_ASSERT(strncmp(text, "ktest_run+0", 11) == 0);
}
