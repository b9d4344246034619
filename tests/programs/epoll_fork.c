/* epoll, eventfd and timerfd: edge and level, one shot, shared with a child after fork. */
#include "program.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int epoll;

static void look(const char *label)
{
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, 0);
    printf("%s: %d", label, count);
    for (int i = 0; i < count; i++)
        printf(" [%u %#x]", events[i].data.u32, events[i].events);
    printf("\n");
    fflush(stdout);
}

static void add(int fd, uint32_t events, uint32_t data)
{
    struct epoll_event event = { .events = events, .data.u32 = data };
    show("add", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static int child(void *argument)
{
    uint64_t value = 5;
    (void)argument;
    MUST(write(*(int *)argument, &value, 8));
    look("child");
    return 0;
}

int main(void)
{
    int ends[2], others[2];
    uint64_t value;
    epoll = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
    MUST(pipe(ends));
    MUST(pipe(others));
    int event = (int)MUST(eventfd(0, EFD_NONBLOCK));
    add(ends[0], EPOLLIN, 1);
    add(others[1], EPOLLOUT | EPOLLET, 2);
    add(event, EPOLLIN | EPOLLONESHOT, 3);
    show("twice", epoll_ctl(epoll, EPOLL_CTL_ADD, event, &(struct epoll_event){ 0 }));
    show("itself", epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &(struct epoll_event){ 0 }));
    show("regular file", epoll_ctl(epoll, EPOLL_CTL_ADD, (int)MUST(open("f", O_CREAT | O_RDWR, 0600)), &(struct epoll_event){ 0 }));
    show("not there", epoll_ctl(epoll, EPOLL_CTL_DEL, 0, NULL));
    look("edge once");
    look("edge no more");
    MUST(write(ends[1], "x", 1));
    look("level");
    look("level again");
    wait_for(start(child, &event));
    look("one shot");
    look("it was disarmed");
    show("eventfd", read(event, &value, 8));
    printf("value %llu\n", (unsigned long long)value);
    show("empty eventfd", read(event, &value, 8));
    show("short read", read(event, &value, 4));
    int semaphore = (int)MUST(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
    read(semaphore, &value, 8);
    printf("semaphore %llu\n", (unsigned long long)value);
    int timer = (int)MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    show("not expired", read(timer, &value, 8));
    struct itimerspec spec = { { 0, 2000000 }, { 0, 2000000 } };
    MUST(timerfd_settime(timer, 0, &spec, NULL));
    sleep_ms(30);
    show("expired", read(timer, &value, 8));
    printf("several times: %d\n", value >= 3);
    close(ends[1]);
    look("hang-up");
    show("bad size", epoll_wait(epoll, (struct epoll_event *)&value, 0, 0));
    return 0;
}
