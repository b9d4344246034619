/*
 * lib/printf.c against the C library's snprintf, for formats composed at random.
 * Links: lib/printf.c
 */
#include <stdio.h>
#include <string.h>

#include <lib/printf.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

#define SAME(...)                                                    \
    do {                                                             \
        char ours_[300], theirs_[300];                               \
        int a_ = ksnprintf(ours_, sizeof(ours_), __VA_ARGS__);       \
        int b_ = snprintf(theirs_, sizeof(theirs_), __VA_ARGS__);    \
        CHECK_EQUAL(a_, b_);                                           \
        CHECK_STRING(ours_, theirs_);                                  \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat"

TEST(printf_integers_at_random)
{
    static const char *const lengths[] = { "", "hh", "h", "l", "ll", "z", "j", "t" };
    for (int round = 0; round < 100000; round++) {
        char format[64] = "<%", number[16];
        for (const char *flag = "-+ 0#"; *flag != '\0'; flag++)
            if (random_u64() % 3 == 0)
                strncat(format, flag, 1);
        if (random_u64() % 2)
            sprintf(number, "%d", (int)(random_u64() % 30)), strcat(format, number);
        if (random_u64() % 2)
            sprintf(number, ".%d", (int)(random_u64() % 30)), strcat(format, number);
        const char *length = lengths[random_u64() % 8];
        strcat(format, length);
        strncat(format, &"diuxXo"[random_u64() % 6], 1);
        strcat(format, ">");
        uint64_t value = random_u64() >> random_u64() % 64;
        if (random_u64() % 2)
            value = -value;
        if (length[0] == '\0' || length[0] == 'h')
            SAME(format, (int)value);
        else
            SAME(format, value);
    }
}

TEST(printf_text)
{
    SAME("%s|%10s|%-10s|%.2s|%*.*s", "abc", "abc", "abc", "abc", 7, 2, "xyz");
    SAME("%*d|%-*d|%.*d", -5, 42, 5, 42, -1, 42);
    SAME("%c%5c%-5c|%%|", 'a', 'b', 'c');
    SAME("%p", (void *)0x1234abcd);
    SAME("%ld %lu %lld %llx %zu", -1L, ~0UL, INT64_MIN, ~0ULL, sizeof(int));
    char not_terminated[2] = { 'a', 'b' };
    SAME("%.2s", not_terminated);
    char text[8];
    const char *volatile no_text = NULL;
    CHECK_EQUAL(ksnprintf(text, sizeof(text), "%s", no_text), 6);
    CHECK_STRING(text, "(null)");
}

TEST(printf_bounds)
{
    char text[6] = "xxxxx";
    CHECK_EQUAL(ksnprintf(text, 4, "%d", 123456), 6);
    CHECK_STRING(text, "123");
    CHECK(text[4] == 'x');
    CHECK_EQUAL(ksnprintf(NULL, 0, "%s-%d", "abc", 5), 5);
    CHECK_EQUAL(ksnprintf(text, 1, "abc"), 3);
    CHECK_STRING(text, "");
}

TEST(printf_unknown_conversion_is_printed)
{
    char text[16];
    ksnprintf(text, sizeof(text), "%y %5");
    CHECK_STRING(text, "%y %5");
}
