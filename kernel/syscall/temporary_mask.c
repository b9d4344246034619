/* See temporary_mask.h. */
#include <kernel/syscall/temporary_mask.h>

#include <abi/errno.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/syscall/usercopy.h>

int temporary_mask_set(struct user_ptr pointer, uint64_t mask_size)
{
    struct thread *me = thread_current();
    uint64_t mask;
    if (user_ptr_is_null(pointer))
        return 0;
    if (mask_size != sizeof(mask))
        return -EINVAL;
    if (get_user_u64(&mask, pointer) != 0)
        return -EFAULT;
    me->signal_saved_mask = me->signal_mask;
    me->signal_restore_mask = true;
    signal_set_mask(mask);
    return 0;
}

void temporary_mask_end(struct user_ptr pointer, int64_t result)
{
    struct thread *me = thread_current();
    if (user_ptr_is_null(pointer) || result == -EINTR)
        return;
    me->signal_restore_mask = false;
    signal_set_mask(me->signal_saved_mask);
}
