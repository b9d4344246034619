/* The table of tests, as arch/x86_64/kernel.ld collects it. */
#ifndef KERNEL_TEST_KTEST_TABLE_H
#define KERNEL_TEST_KTEST_TABLE_H

#include <kernel/test/ktest.h>

extern const struct ktest *const __ktest_start[];
extern const struct ktest *const __ktest_end[];

#endif
