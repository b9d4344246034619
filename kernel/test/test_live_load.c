/* Loading, redefining and unloading inside the kernel. The linker's finer points are tested on the host (tests/host/live). */
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/symbols.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>
#include <live/linker.h>
#include <live/reclaim.h>
#include <live/test/objects.h>

static char text[2048];

#define LOAD(object, id) ktest_live_load(ktest_object_##object, (size_t)(ktest_object_##object##_end - ktest_object_##object), #object, id)

LOCAL int ktest_live_load(const uint8_t *object, size_t size, const char *name, uint64_t *id)
{
    struct message message;
    message_init(&message, text, sizeof(text));
    struct live_load load = { .object = object, .object_size = size, .name = name, .bind_file = "", .only = "", .language = 1 };
    int error = live_load(&load, &message);
    message_finish(&message);
    *id = load.module;
    return error;
}

LOCAL int ktest_live_unload(uint64_t id)
{
    struct message message;
    message_init(&message, text, sizeof(text));
    return live_unload(id, false, &message);
}

LOCAL uint64_t ktest_live_address(const char *name)
{
    struct live_symbol_info info;
    return live_lookup(name, &info) == 0 && info.origin == LIVE_ORIGIN_LIVE ? info.address : 0;
}

LOCAL int ktest_live_call(const char *name, int value)
{
    return ((int (*)(int))(uintptr_t)ktest_live_address(name))(value);
}

static uint64_t unloaded; /* an address, inverted: on the stack it would keep its module */

LOCAL void ktest_live_use_first(void)
{
    uint64_t id, offset;
    KTEST_EQUAL(LOAD(first, &id), 0);
    KTEST_EQUAL(ktest_live_call("ktest_live_twice", 21), 42);
    KTEST_EQUAL(ktest_live_call("ktest_live_sum", 0), 42); /* the constructor ran */
    KTEST_EQUAL(ktest_live_call("ktest_live_length", 0), 10);
    KTEST_EQUAL(ktest_live_call("ktest_live_through_pointer", 4), 8);
    KTEST_EQUAL(*(int *)(uintptr_t)ktest_live_address("ktest_live_count"), 40);

    uint64_t stub = ktest_live_address("ktest_live_twice");
    struct live_symbol_info info;
    KTEST_EQUAL(live_lookup("ktest_live_twice", &info), 0);
    KTEST_ASSERT(info.address == stub && info.target != stub && info.module == id && info.generation >= 1);
    KTEST_ASSERT(live_is_text(stub) && live_is_text(info.target) && !live_is_text(ktest_live_address("ktest_live_count")));
    const char *name = symbol_find(info.target + 1, &offset);
    KTEST_ASSERT(name != NULL && strcmp(name, "ktest_live_twice") == 0 && offset == 1);
    name = symbol_find(stub, &offset);
    KTEST_ASSERT(name != NULL && strcmp(name, "ktest_live_twice") == 0);
    KTEST_EQUAL(live_module_of(info.target), id);
    KTEST_EQUAL(ktest_live_unload(id), 0);
    KTEST_EQUAL(ktest_live_address("ktest_live_twice"), 0);
    unloaded = ~info.target;
}

KTEST(live, an_object_becomes_part_of_the_kernel)
{
    unloaded = 0;
    ktest_live_use_first();
    KTEST_ASSERT(unloaded != 0);
    KTEST_EQUAL(live_reclaim_now(), 0); /* nobody is in it, so it is freed */
    uint64_t offset;
    KTEST_ASSERT(symbol_find(~unloaded, &offset) == NULL);
}

KTEST(live, a_redefinition_reaches_all_callers)
{
    uint64_t first, second;
    KTEST_EQUAL(LOAD(first, &first), 0);
    uint64_t stub = ktest_live_address("ktest_live_twice"), count = ktest_live_address("ktest_live_count");
    KTEST_EQUAL(LOAD(second, &second), 0);
    KTEST_ASSERT(strstr(text, "ktest_live_twice replaced\n") != NULL && strstr(text, "ktest_live_initial\n") != NULL);
    KTEST_EQUAL(ktest_live_address("ktest_live_twice"), stub);
    KTEST_EQUAL(ktest_live_call("ktest_live_through_pointer", 4), 12);
    KTEST_EQUAL(ktest_live_address("ktest_live_count"), count);
    KTEST_EQUAL(ktest_live_call("ktest_live_sum", 0), 102);
    KTEST_EQUAL(ktest_live_call("ktest_live_initial", 0), 'l');
    /* The first one's text is used, and the variable still lies in it. */
    KTEST_EQUAL(ktest_live_unload(first), -EBUSY);
    KTEST_ASSERT(strstr(text, "ktest_live_text is used by second") != NULL);
    KTEST_EQUAL(ktest_live_unload(second), -EBUSY); /* the first one calls its twice */
    struct message message;
    message_init(&message, text, sizeof(text));
    KTEST_EQUAL(live_unload(second, true, &message), 0);
    KTEST_EQUAL(ktest_live_unload(first), 0);
}

KTEST(live, what_cannot_be_linked_leaves_no_trace)
{
    uint64_t id, other;
    KTEST_EQUAL(LOAD(first, &id), 0);
    KTEST_EQUAL(LOAD(undefined, &other), -ENOENT);
    KTEST_ASSERT(strstr(text, "ktest_live_twise is not defined; there is ktest_live_twice") != NULL);
    KTEST_ASSERT(strstr(text, "ktest_no_such_function_at_all is not defined\n") != NULL);
    KTEST_ASSERT(strstr(text, "strlem is not defined; there is strlen") != NULL);
    KTEST_EQUAL(ktest_live_address("ktest_live_new"), 0);
    KTEST_EQUAL(LOAD(size, &other), -EBUSY);
    KTEST_ASSERT(strstr(text, "ktest_live_count has 4 bytes and cannot become one of 8 bytes") != NULL);
    KTEST_EQUAL(LOAD(kernel_name, &other), -EBUSY);
    KTEST_ASSERT(strstr(text, "strlen is the kernel's own: polyglot.replace(\"strlen\"") != NULL);
    KTEST_EQUAL(ktest_live_call("ktest_live_sum", 0), 42);
    KTEST_EQUAL(ktest_live_unload(id), 0);
}

KTEST(live, a_constructor_that_faults_undoes_the_load)
{
    uint64_t first, faulty;
    KTEST_EQUAL(LOAD(first, &first), 0);
    KTEST_EQUAL(LOAD(faulty, &faulty), -EFAULT);
    KTEST_EQUAL(ktest_live_call("ktest_live_twice", 4), 8);
    KTEST_EQUAL(ktest_live_call("ktest_live_sum", 0), 42);
    KTEST_EQUAL(ktest_live_address("ktest_live_leftover"), 0);
    KTEST_EQUAL(ktest_live_unload(first), 0);
}
