/*
 * Unit tests of C code on the host, under AddressSanitizer and UBSan.
 *
 *     // Links: lib/string.c lib/printf.c          sources the test is linked with
 *     #include <tests/host/check.h>
 *     #include <lib/string.h>
 *
 *     TEST(length_of_empty) { CHECK(string_length("") == 0); }
 *     TEST(length_counts_bytes) { CHECK_EQUAL(string_length("abc"), 3); }
 *
 * A file <name>_test.c below tests/host is one program and one pytest item (tests/conftest.py builds it
 * with the sources after `Links:` and the options after `Flags:`). TEST registers a function; a
 * failed CHECK is printed and counted, and the test goes on. The program prints "N passed, N failed"
 * and exits with 1 if something failed or nothing ran. An argument selects tests by a part of their name.
 *
 * A file's LOCAL functions are reached by including the .c file instead of linking it.
 */
#ifndef TESTS_HOST_CHECK_H
#define TESTS_HOST_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host_test {
    const char *name;
    void (*run)(void);
    struct host_test *next;
};

static struct host_test *host_tests, **host_tests_end = &host_tests;
static int host_test_failures; /* of the running test */

#define TEST(test_name)                                                                     \
    static void test_##test_name(void);                                                     \
    __attribute__((constructor)) static void register_##test_name(void)                     \
    {                                                                                       \
        static struct host_test test = {#test_name, test_##test_name, NULL};                \
        *host_tests_end = &test;                                                            \
        host_tests_end = &test.next;                                                        \
    }                                                                                       \
    static void test_##test_name(void)

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                  \
            host_test_failures++;                                                           \
        }                                                                                   \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                       \
    do {                                                                                    \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);         \
        if (actual_ != expected_) {                                                         \
            printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, expected_); \
            host_test_failures++;                                                           \
        }                                                                                   \
    } while (0)

#define CHECK_STRING(actual, expected)                                                      \
    do {                                                                                    \
        const char *actual_ = (actual), *expected_ = (expected);                            \
        if (strcmp(actual_, expected_) != 0) {                                              \
            printf("%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #actual, actual_, expected_); \
            host_test_failures++;                                                           \
        }                                                                                   \
    } while (0)

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    for (struct host_test *test = host_tests; test; test = test->next) {
        if (argc > 1 && !strstr(test->name, argv[1]))
            continue;
        host_test_failures = 0;
        test->run();
        if (host_test_failures) {
            printf("not ok %s\n", test->name);
            failed++;
        } else {
            passed++;
        }
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}

#endif
