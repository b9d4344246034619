/* Locks: what they do to interrupts and preemption, who holds them, who comes first. */
#include <arch/x86_64/irq.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>

KTEST(lock, spinlocks_nest_and_know_their_holder)
{
    static struct spinlock outer = SPINLOCK_INIT("ktest outer", LOCK_RANK_FUTEX);
    static struct spinlock inner = SPINLOCK_INIT("ktest inner", LOCK_RANK_LEAF);
    uint32_t preempt = thread_current()->preempt_count;
    KTEST_ASSERT(irqs_are_enabled() && !spin_is_held_by_me(&outer));
    spin_lock(&outer);
    KTEST_ASSERT(irqs_are_enabled() && spin_is_held_by_me(&outer));
    irq_flags_t flags = spin_lock_irq(&inner);
    bool enabled = irqs_are_enabled(), held = spin_is_held_by_me(&inner);
    uint32_t inside = thread_current()->preempt_count;
    spin_unlock_irq(&inner, flags);
    KTEST_ASSERT(!enabled && held && irqs_are_enabled());
    KTEST_EQUAL(inside, preempt + 2);
    spin_unlock(&outer);
    KTEST_EQUAL(thread_current()->preempt_count, preempt);
    KTEST_ASSERT(!spin_is_held_by_me(&outer) && !spin_is_held_by_me(&inner));
}

/* The order check looks at the last lock of the list only: what it says there must hold for those below. */
KTEST(lock, the_highest_rank_is_known_whatever_goes_first)
{
    struct mutex low = MUTEX_INIT(low, "ktest low", LOCK_RANK_FILE), middle = MUTEX_INIT(middle, "ktest middle", LOCK_RANK_PIPE),
        high = MUTEX_INIT(high, "ktest high", LOCK_RANK_TTY), tried = MUTEX_INIT(tried, "ktest tried", LOCK_RANK_INODE);
    struct thread *me = thread_current();
    uint32_t highest[5];

    KTEST_EQUAL(me->held_count, 0);
    mutex_lock(&low);
    mutex_lock(&middle);
    mutex_lock(&high);
    bool taken = mutex_try_lock(&tried); /* against the order: it has no rank then */
    highest[0] = me->held[me->held_count - 1].highest;
    mutex_unlock(&high);
    highest[1] = me->held[me->held_count - 1].highest;
    mutex_unlock(&low);
    highest[2] = me->held[me->held_count - 1].highest;
    mutex_unlock(&middle);
    highest[3] = me->held[me->held_count - 1].highest;
    mutex_lock(&low);
    highest[4] = me->held[me->held_count - 1].highest;
    mutex_unlock(&low);
    if (taken)
        mutex_unlock(&tried);
    KTEST_ASSERT(taken && me->held_count == 0);
    KTEST_EQUAL(highest[0], LOCK_RANK_TTY);
    KTEST_EQUAL(highest[1], LOCK_RANK_PIPE);
    KTEST_EQUAL(highest[2], LOCK_RANK_PIPE);
    KTEST_EQUAL(highest[3], LOCK_RANK_NONE);
    KTEST_EQUAL(highest[4], LOCK_RANK_FILE);
}

KTEST(lock, interrupts_stay_off_if_they_were)
{
    static struct spinlock lock = SPINLOCK_INIT("ktest", LOCK_RANK_LEAF);
    uint64_t irqs = irqs_disable();
    spin_unlock_irq(&lock, spin_lock_irq(&lock));
    bool enabled = irqs_are_enabled();
    irqs_restore(irqs);
    KTEST_ASSERT(!enabled && irqs_are_enabled());
}

/* --- mutexes are given in the order of asking -------------------------------------- */

#define QUEUE 5

static struct mutex test_queue_mutex;
static volatile int test_queue_served;
static volatile int test_queue_order[QUEUE];

LOCAL void test_queue_up(void *argument)
{
    int number = (int)(intptr_t)argument;
    mutex_lock(&test_queue_mutex);
    test_queue_order[test_queue_served] = number;
    test_queue_served = test_queue_served + 1;
    mutex_unlock(&test_queue_mutex);
}

/* At most five seconds: the caller looks whether it came true. */
#define TEST_SLEEP_UNTIL(condition)                                                                     \
    for (nanos_t end_ = clock_monotonic() + 5 * NANOS_PER_SECOND; !(condition) && clock_monotonic() < end_;) \
        thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false)

LOCAL size_t test_queue_length(void)
{
    size_t count = 0;
    irq_flags_t flags = spin_lock_irq(&test_queue_mutex.guard);
    list_for_each(link, &test_queue_mutex.waiters)
        count++;
    spin_unlock_irq(&test_queue_mutex.guard, flags);
    return count;
}

KTEST(lock, mutex_serves_in_order)
{
    mutex_init(&test_queue_mutex, "ktest queue", LOCK_RANK_DEVICE);
    test_queue_served = 0;
    mutex_lock(&test_queue_mutex);
    for (intptr_t i = 0; i < QUEUE; i++) {
        struct thread *thread = thread_create("ktest queue", test_queue_up, (void *)i);
        KTEST_ASSERT(thread != NULL);
        thread_start(thread);
        thread_put(thread);
        TEST_SLEEP_UNTIL(test_queue_length() == (size_t)i + 1); /* they queue up by number */
        KTEST_EQUAL(test_queue_length(), i + 1);
    }
    KTEST_EQUAL(test_queue_served, 0);
    KTEST_ASSERT(!mutex_try_lock(&test_queue_mutex));
    mutex_unlock(&test_queue_mutex);
    TEST_SLEEP_UNTIL(test_queue_served == QUEUE);
    for (int i = 0; i < QUEUE; i++)
        KTEST_EQUAL(test_queue_order[i], i);
}

/* --- one wake-up wakes one ----------------------------------------------------------- */

static struct wait_queue test_one_queue;
static volatile int test_one_tickets, test_one_awake;

LOCAL void test_wait_for_a_ticket(void *unused)
{
    irq_flags_t flags;
    static struct spinlock lock = SPINLOCK_INIT("ktest tickets", LOCK_RANK_LEAF);
    for (bool mine = false; !mine;) {
        WAIT_EVENT_UNINTERRUPTIBLE(&test_one_queue, test_one_tickets > 0);
        flags = spin_lock_irq(&lock);
        mine = test_one_tickets > 0;
        if (mine) {
            test_one_tickets = test_one_tickets - 1;
            test_one_awake = test_one_awake + 1;
        }
        spin_unlock_irq(&lock, flags);
    }
}

KTEST(lock, wake_one_wakes_one)
{
    enum { WAITERS = 3 };
    wait_queue_init(&test_one_queue, "ktest one");
    test_one_tickets = test_one_awake = 0;
    for (int i = 0; i < WAITERS; i++) {
        struct thread *thread = thread_create("ktest waiter", test_wait_for_a_ticket, NULL);
        KTEST_ASSERT(thread != NULL);
        thread_start(thread);
        thread_put(thread);
    }
    TEST_SLEEP_UNTIL(wait_queue_has_waiters(&test_one_queue));
    KTEST_ASSERT(wait_queue_has_waiters(&test_one_queue));
    for (int i = 1; i <= WAITERS; i++) {
        test_one_tickets = test_one_tickets + 1;
        wait_queue_wake_one(&test_one_queue);
        TEST_SLEEP_UNTIL(test_one_awake == i);
        KTEST_EQUAL(test_one_awake, i);
    }
    KTEST_ASSERT(!wait_queue_has_waiters(&test_one_queue));
}
