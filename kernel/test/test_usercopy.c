/* A kernel thread has no caller: every user pointer must be refused, and nothing read or written. */
#include <abi/errno.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/test/ktest.h>

KTEST(usercopy, kernel_memory_is_refused)
{
    uint64_t secret = 42, value = 7;
    struct user_ptr pointer = user_ptr_from((uint64_t)(uintptr_t)&secret);
    uint32_t found;
    char text[8];
    KTEST_EQUAL(copy_from_user(&value, pointer, sizeof(value)), -EFAULT);
    KTEST_EQUAL(copy_to_user(pointer, &value, sizeof(value)), -EFAULT);
    KTEST_EQUAL(clear_user(pointer, sizeof(secret)), -EFAULT);
    KTEST_EQUAL(put_user_u64(pointer, 1), -EFAULT);
    KTEST_EQUAL(get_user_u64(&value, pointer), -EFAULT);
    KTEST_EQUAL(copy_string_from_user(text, pointer, sizeof(text)), -EFAULT);
    KTEST_EQUAL(user_compare_exchange_u32(pointer, 42, 1, &found), -EFAULT);
    KTEST_EQUAL(secret, 42);
    KTEST_EQUAL(value, 7);
}

KTEST(usercopy, null_and_wrapping_ranges_are_refused)
{
    uint8_t byte;
    KTEST_EQUAL(copy_from_user(&byte, user_ptr_from(0), 1), -EFAULT);
    KTEST_EQUAL(copy_from_user(&byte, user_ptr_from(UINT64_MAX), 1), -EFAULT);
    KTEST_EQUAL(copy_from_user(&byte, user_ptr_from(UINT64_MAX - 10), UINT64_MAX), -EFAULT);
    KTEST_EQUAL(copy_from_user(&byte, user_ptr_from(0x0000800000000000ULL), 1), -EFAULT); /* not canonical */
    KTEST_EQUAL(copy_from_user(&byte, user_ptr_from(0), 0), 0);
}
