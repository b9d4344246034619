/* The heap of live code: contents, damage, double frees, modules. */
#include <kernel/test/ktest.h>
#include <lib/string.h>
#include <live/guard.h>
#include <live/heap.h>
#include <live/private.h>

#define BLOCKS 200

LOCAL uint64_t live_heap_test_double(uint64_t size, uint64_t unused)
{
    (void)unused;
    char *block = malloc(size);
    free(block);
    free(block);
    return 0;
}

LOCAL uint64_t live_heap_test_write(uint64_t size, uint64_t offset)
{
    char *block = malloc(size);
    block[(int64_t)offset] = 1;
    free(block);
    return 0;
}

LOCAL uint64_t live_heap_test_wild(uint64_t address, uint64_t unused)
{
    (void)unused;
    free((void *)(uintptr_t)address);
    return 0;
}

/* Runs under a guard as live code would. */
LOCAL uint32_t live_heap_test_run(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b)
{
    uint64_t start = (uint64_t)(uintptr_t)function;
    live_set_test_text(start, start + 1);
    return live_guarded_call(function, a, b, NULL, "ktest heap");
}

KTEST(live_heap, damage_is_told_when_a_block_is_freed)
{
    uint64_t blocks, bytes, blocks_after, bytes_after;
    live_heap_count(UINT64_MAX, &blocks, &bytes);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_double, 10, 0), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_double, 1000, 0), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_write, 10, 10), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_write, 10, 25), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_write, 10, (uint64_t)-1), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_write, 10, 9), LIVE_FAULT_NONE);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_wild, 4096, 0), LIVE_FAULT_HEAP);
    KTEST_EQUAL(live_heap_test_run(live_heap_test_wild, (uint64_t)(uintptr_t)&blocks, 0), LIVE_FAULT_HEAP);
    live_heap_count(UINT64_MAX, &blocks_after, &bytes_after);
    KTEST_ASSERT(blocks == blocks_after && bytes == bytes_after);
}

KTEST(live_heap, contents_stay_and_blocks_come_back)
{
    uint64_t blocks, bytes, blocks_after, bytes_after;
    live_heap_count(UINT64_MAX, &blocks, &bytes);
    char *taken[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        taken[i] = malloc(i * 7 % 300);
        KTEST_ASSERT(taken[i] != NULL && (uintptr_t)taken[i] % 16 == 0);
        memset(taken[i], (int)i, i * 7 % 300);
    }
    for (size_t i = 0; i < BLOCKS; i += 2) {
        taken[i] = realloc(taken[i], 400);
        KTEST_ASSERT(taken[i] != NULL);
        for (size_t at = 0; at < i * 7 % 300; at++)
            KTEST_EQUAL((uint8_t)taken[i][at], i);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(taken[i]);
    char *big = calloc(5, 1 << 20);
    KTEST_ASSERT(big != NULL && big[0] == 0 && big[(5 << 20) - 1] == 0);
    free(big);
    KTEST_ASSERT(calloc(SIZE_MAX / 2, 4) == NULL);
    live_heap_free_module(0); /* those that are kept for a while, too */
    live_heap_count(UINT64_MAX, &blocks_after, &bytes_after);
    KTEST_ASSERT(blocks_after <= blocks && bytes_after <= bytes);
}
