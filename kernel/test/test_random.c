/* The random generator: no two answers are alike, bits are balanced, every byte is written. */
#include <kernel/random.h>
#include <kernel/test/ktest.h>
#include <lib/bitmap.h>
#include <lib/string.h>

KTEST(random, answers_differ)
{
    uint64_t values[64];
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        values[i] = random_u64();
        for (size_t j = 0; j < i; j++)
            KTEST_ASSERT(values[i] != values[j]);
    }
}

KTEST(random, fills_exactly)
{
    uint8_t area[300];
    for (size_t size = 0; size < 200; size += 13) {
        bool written[200] = { false };
        for (int round = 0; round < 8; round++) {
            memset(area, 0xa5, sizeof(area));
            random_fill(area, size);
            for (size_t i = 0; i < size; i++)
                written[i] |= area[i] != 0xa5;
            for (size_t i = size; i < sizeof(area); i++)
                KTEST_EQUAL(area[i], 0xa5);
        }
        for (size_t i = 0; i < size; i++) /* eight times 0xa5 by chance: 2^-64 */
            KTEST_ASSERT(written[i]);
    }
}

KTEST(random, bits_are_balanced)
{
    static uint64_t words[1024];
    random_fill(words, sizeof(words));
    size_t ones = bitmap_count(words, sizeof(words) * 8);
    KTEST_ASSERT(ones > 32768 - 1280 && ones < 32768 + 1280); /* ten standard deviations */
}
