/* Pipes between threads, timers as files, and waiting for both. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/epoll.h>
#include <fs/pipe.h>
#include <fs/timerfd.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <kernel/vfs/poll.h>

#define TEST_STREAM_SIZE 500000

LOCAL isize_t test_event_read(struct file *file, void *data, size_t size)
{
    struct io io = io_from_kernel(data, size);
    return file_read(file, &io);
}

LOCAL void test_event_produce(void *argument)
{
    static char data[1000];
    for (int sent = 0; sent < TEST_STREAM_SIZE; sent += (int)sizeof(data)) {
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (char)((size_t)sent + i);
        struct io io = io_from_kernel(data, sizeof(data));
        if (file_write(argument, &io) != sizeof(data))
            break;
    }
    file_put(argument);
}

KTEST(event, pipe_between_threads)
{
    static char data[3000];
    struct file *reader, *writer;
    isize_t got;
    int total = 0, wrong = 0;
    KTEST_EQUAL(pipe_create(0, &reader, &writer), 0);
    struct thread *thread = thread_create("ktest producer", test_event_produce, writer);
    KTEST_ASSERT(thread != NULL);
    thread_start(thread);
    thread_put(thread);
    while ((got = test_event_read(reader, data, sizeof(data))) > 0)
        for (isize_t i = 0; i < got; i++)
            wrong += data[i] != (char)total++;
    file_put(reader);
    KTEST_EQUAL(got, 0);
    KTEST_EQUAL(total, TEST_STREAM_SIZE);
    KTEST_EQUAL(wrong, 0);
}

KTEST(event, timer_file_counts_expirations)
{
    struct file *file;
    uint64_t count;
    struct timerfd_setting setting = { 5 * NANOS_PER_MILLISECOND, 5 * NANOS_PER_MILLISECOND }, left;
    KTEST_EQUAL(timerfd_create(false, TFD_NONBLOCK, &file), 0);
    KTEST_EQUAL(test_event_read(file, &count, sizeof(count)), -EAGAIN);
    KTEST_EQUAL(timerfd_set(file, false, &setting, &left), 0);
    KTEST_EQUAL(left.value, 0);
    struct poll_item item = { file, POLL_IN, 0 };
    KTEST_EQUAL(poll_items(&item, 1, clock_monotonic() + NANOS_PER_SECOND), 1);
    KTEST_EQUAL(thread_sleep_until(clock_monotonic() + 30 * NANOS_PER_MILLISECOND, false), 0);
    KTEST_EQUAL(test_event_read(file, &count, sizeof(count)), sizeof(count));
    KTEST_ASSERT(count >= 5);
    KTEST_EQUAL(timerfd_get(file, &left), 0);
    KTEST_EQUAL(left.interval, setting.interval);
    KTEST_ASSERT(left.value > 0);
    setting.value = 0;
    KTEST_EQUAL(timerfd_set(file, false, &setting, NULL), 0);
    KTEST_EQUAL(poll_items(&item, 1, clock_monotonic() + 15 * NANOS_PER_MILLISECOND), 0);
    file_put(file);
}

KTEST(event, epoll_wakes_from_an_interrupt)
{
    struct file *set, *timer, *reader, *writer;
    struct abi_epoll_event event = { EPOLLIN, 1 }, events[4];
    struct timerfd_setting setting = { 0, 10 * NANOS_PER_MILLISECOND };
    KTEST_EQUAL(epoll_create(&set), 0);
    KTEST_EQUAL(timerfd_create(false, 0, &timer), 0);
    KTEST_EQUAL(pipe_create(0, &reader, &writer), 0);
    KTEST_EQUAL(epoll_control(set, EPOLL_CTL_ADD, 3, reader, &event), 0);
    event.data = 2;
    KTEST_EQUAL(epoll_control(set, EPOLL_CTL_ADD, 4, timer, &event), 0);
    KTEST_EQUAL(timerfd_set(timer, false, &setting, NULL), 0);
    KTEST_EQUAL(epoll_wait(set, events, 4, clock_monotonic() + NANOS_PER_SECOND), 1);
    KTEST_EQUAL(events[0].data, 2);
    file_put(timer);
    KTEST_EQUAL(epoll_wait(set, events, 4, clock_monotonic() + 5 * NANOS_PER_MILLISECOND), 0);
    file_put(writer);
    KTEST_EQUAL(epoll_wait(set, events, 4, WAIT_FOREVER), 1);
    KTEST_EQUAL(events[0].events, EPOLLHUP);
    file_put(reader);
    file_put(set);
}
