/* Relocatable objects that are embedded in the kernel for its tests. */
#ifndef LIVE_TEST_OBJECTS_H
#define LIVE_TEST_OBJECTS_H

#include <lib/types.h>

extern const uint8_t ktest_object_first[], ktest_object_first_end[];
extern const uint8_t ktest_object_second[], ktest_object_second_end[];
extern const uint8_t ktest_object_undefined[], ktest_object_undefined_end[];
extern const uint8_t ktest_object_size[], ktest_object_size_end[];
extern const uint8_t ktest_object_faulty[], ktest_object_faulty_end[];
extern const uint8_t ktest_object_kernel_name[], ktest_object_kernel_name_end[];

#endif
