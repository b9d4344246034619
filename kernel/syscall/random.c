/* getrandom(2). The generator is seeded before process 1 starts, so it never blocks. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/proc/signal.h>
#include <kernel/random.h>
#include <kernel/syscall/usercopy.h>

#define GETRANDOM_MAX  0x1ffffffu /* bytes of one call; random(4) */
#define GETRANDOM_PART 256        /* copied at a time */

int64_t sys_getrandom(struct user_ptr buffer, uint64_t size, uint32_t flags)
{
    if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0 ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    uint8_t part[GETRANDOM_PART];
    uint64_t done = 0;
    size = MIN(size, (uint64_t)GETRANDOM_MAX);
    while (done < size) {
        size_t count = MIN(size - done, sizeof(part));
        random_fill(part, count);
        if (copy_to_user(user_ptr_offset(buffer, done), part, count) != 0)
            return done > 0 ? (int64_t)done : -EFAULT;
        done += count;
        /* Small requests are never cut short; man page, NOTES. */
        if (done >= GETRANDOM_PART && done < size && signal_is_pending())
            break;
    }
    return (int64_t)done;
}
