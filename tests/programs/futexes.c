/* Raw futexes: values, time-outs, wake counts, bitsets, requeue, between processes. */
#include "program.h"

#include <linux/futex.h>
#include <pthread.h>

static uint32_t *word;

static long futex(uint32_t *address, int operation, uint32_t value, void *timeout, uint32_t *second, uint32_t third)
{
    return syscall(SYS_futex, address, operation, value, timeout, second, third);
}

static int waiter(void *argument)
{
    long mask = (long)argument;
    __atomic_fetch_add(&word[8], 1, __ATOMIC_SEQ_CST);
    long result = futex(word, mask ? FUTEX_WAIT_BITSET : FUTEX_WAIT, 1, NULL, NULL, (uint32_t)mask);
    return result == 0 ? 1 : 2;
}

static void start_waiters(pid_t *pids, int count, long mask)
{
    word[8] = 0;
    for (int i = 0; i < count; i++)
        pids[i] = start(waiter, (void *)(mask ? 1L << i : 0));
    for (int i = 0; i < count; i++)
        wait_for_state(pids[i], 'S');
}

int main(void)
{
    struct timespec time = { 0, 20000000 }, bad = { 0, 1000000000 };
    pid_t pids[5];
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    word[0] = 1;
    show("other value", futex(word, FUTEX_WAIT, 2, NULL, NULL, 0));
    show("time-out", futex(word, FUTEX_WAIT, 1, &time, NULL, 0));
    show("bad time", futex(word, FUTEX_WAIT, 1, &bad, NULL, 0));
    show("nobody waits", futex(word, FUTEX_WAKE, 1, NULL, NULL, 0));
    show("unaligned", futex((uint32_t *)((char *)word + 1), FUTEX_WAIT, 1, NULL, NULL, 0));
    show("bad address", futex((uint32_t *)8, FUTEX_WAIT, 1, NULL, NULL, 0));
    show("bad operation", futex(word, 100, 1, NULL, NULL, 0));
    show("empty bitset", futex(word, FUTEX_WAIT_BITSET, 1, &time, NULL, 0));
    start_waiters(pids, 5, 0);
    show("wake 2", futex(word, FUTEX_WAKE, 2, NULL, NULL, 0));
    show("requeue to another", futex(word, FUTEX_CMP_REQUEUE, 1, (void *)10, word + 1, 1));
    futex(word + 1, FUTEX_WAKE, 10, NULL, NULL, 0); /* they may have been woken instead: futex(2) allows that */
    show("requeue, other value", futex(word, FUTEX_CMP_REQUEUE, 1, (void *)10, word + 1, 7));
    for (int i = 0; i < 5; i++)
        show_status("waiter", wait_for(pids[i]));
    start_waiters(pids, 3, 1);
    show("mask 2", futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 2));
    show("mask 8", futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 8));
    show("mask all", futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, FUTEX_BITSET_MATCH_ANY));
    for (int i = 0; i < 3; i++)
        show_status("waiter", wait_for(pids[i]));
    for (int i = 0; i < 5; i++) {
        static const uint32_t operations[] = {
            FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 1), FUTEX_OP(FUTEX_OP_ADD, -3, FUTEX_OP_CMP_LT, 8),
            FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_GE, -5), FUTEX_OP(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_NE, 20),
            FUTEX_OP(FUTEX_OP_XOR, -1, FUTEX_OP_CMP_GT, 100),
        };
        start_waiters(pids, 2, 0);
        show("change a word and wake", futex(word + 2, FUTEX_WAKE_OP, 1, (void *)1, word, operations[i]));
        printf("it is %d now\n", (int)word[0]);
        futex(word, FUTEX_WAKE, 10, NULL, NULL, 0);
        show_status("waiter", wait_for(pids[0]));
        show_status("waiter", wait_for(pids[1]));
        word[0] = 1;
    }
    show("unknown operation", futex(word, FUTEX_WAKE_OP, 1, (void *)1, word, FUTEX_OP(5, 0, 0, 0)));
    show("unknown comparison", futex(word, FUTEX_WAKE_OP, 1, (void *)1, word, FUTEX_OP(0, 0, 6, 0)));
    show("bad second word", futex(word, FUTEX_WAKE_OP, 1, (void *)1, (uint32_t *)8, 0));
    show("private is apart", futex(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    return 0;
}
