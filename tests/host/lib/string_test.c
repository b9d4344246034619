/*
 * lib/memory.c and lib/string.c against the C library, at random sizes, offsets and overlaps.
 * Flags: -fno-builtin
 */
#include <stdlib.h>
#include <string.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

/* Our functions under other names, beside the C library's. */
#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#define strrchr our_strrchr
#define strstr our_strstr
#include <lib/memory.c>
#include <lib/string.c>
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef memchr
#include <lib/strlcpy.c>

#define libc_memcpy __builtin_memcpy
#define libc_memmove __builtin_memmove
#define libc_memset __builtin_memset

enum { AREA = 600, ROUNDS = 20000 };

static void fill(unsigned char *area, size_t size)
{
    for (size_t i = 0; i < size; i++)
        area[i] = (unsigned char)random_u64();
}

static int sign(int value) { return (value > 0) - (value < 0); }

TEST(memory_copies_like_libc)
{
    unsigned char ours[AREA], theirs[AREA], source[AREA];
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = random_u64() % 300, to = random_u64() % 300, from = random_u64() % 300;
        fill(ours, sizeof(ours));
        fill(source, sizeof(source));
        libc_memcpy(theirs, ours, sizeof(ours));
        CHECK(our_memcpy(ours + to, source + from, size) == ours + to);
        libc_memcpy(theirs + to, source + from, size);
        our_memmove(ours + from, ours + to, size);
        libc_memmove(theirs + from, theirs + to, size);
        our_memset(ours + to, (int)size, size / 2);
        libc_memset(theirs + to, (int)size, size / 2);
        CHECK(__builtin_memcmp(ours, theirs, sizeof(ours)) == 0);
    }
}

TEST(memory_compares_like_libc)
{
    unsigned char a[64], b[64];
    for (int round = 0; round < ROUNDS; round++) {
        fill(a, sizeof(a));
        libc_memcpy(b, a, sizeof(a));
        b[random_u64() % 64] = (unsigned char)random_u64();
        size_t at = random_u64() % 64, size = random_u64() % (65 - at);
        CHECK_EQUAL(sign(our_memcmp(a + at, b + at, size)), sign(__builtin_memcmp(a + at, b + at, size)));
        int byte = (int)(random_u64() % 256);
        CHECK(our_memchr(a, byte, size) == (memchr)(a, byte, size));
    }
}

/* A string of few different characters in memory of exactly its size, so that ASan sees a read too far. */
static char *random_string(size_t size)
{
    char *text = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)("ab\xe4"[random_u64() % 3]);
    text[size] = '\0';
    return text;
}

TEST(strings_like_libc)
{
    for (int round = 0; round < ROUNDS; round++) {
        char *a = random_string(random_u64() % 12), *b = random_string(random_u64() % 4);
        size_t size = random_u64() % 12;
        CHECK_EQUAL(our_strlen(a), strlen(a));
        CHECK_EQUAL(our_strnlen(a, size), strnlen(a, size));
        CHECK_EQUAL(sign(our_strcmp(a, b)), sign(strcmp(a, b)));
        CHECK_EQUAL(sign(our_strncmp(a, b, size)), sign(strncmp(a, b, size)));
        CHECK(our_strchr(a, 'b') == strchr(a, 'b'));
        CHECK(our_strchr(a, 0) == strchr(a, 0));
        CHECK(our_strrchr(a, 0xe4) == strrchr(a, 0xe4));
        CHECK(our_strstr(a, b) == strstr(a, b));
        free(a);
        free(b);
    }
}

TEST(strlcpy_truncates)
{
    char small[4];
    CHECK_EQUAL(strlcpy(small, "abc", sizeof(small)), 3);
    CHECK_STRING(small, "abc");
    CHECK_EQUAL(strlcpy(small, "abcdef", sizeof(small)), 6);
    CHECK_STRING(small, "abc");
    CHECK_EQUAL(strlcpy(small, "x", sizeof(small)), 1);
    CHECK_EQUAL(strlcat(small, "yzw", sizeof(small)), 4);
    CHECK_STRING(small, "xyz");
    CHECK_EQUAL(strlcat(small, "q", 2), 3); /* no NUL within the size given */
}
