/* setitimer, alarm, and sleeping: intervals, what is left, what is refused. Time itself is not printed. */
#include "program.h"

static volatile sig_atomic_t ticks;
static void tick(int number) { (void)number; ticks++; }

int main(void)
{
    struct itimerval timer = { { 0, 5000 }, { 0, 5000 } }, old;
    struct timespec time;
    on_signal(SIGALRM, tick, 0);
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    while (ticks < 5)
        pause();
    getitimer(ITIMER_REAL, &old);
    printf("interval %ld, left at most that: %d\n", (long)old.it_interval.tv_usec, old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 5000);
    timer.it_value.tv_usec = 0;
    MUST(setitimer(ITIMER_REAL, &timer, &old));
    getitimer(ITIMER_REAL, &old);
    printf("off: %ld\n", (long)old.it_value.tv_usec);
    printf("alarm before: %u\n", alarm(100));
    printf("alarm left: %u\n", alarm(0));
    printf("alarm none: %u\n", alarm(0));
    timer.it_value.tv_usec = 1000000;
    show("bad microseconds", setitimer(ITIMER_REAL, &timer, NULL));
    show("bad kind", setitimer(9, &timer, NULL));
    alarm(50);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        printf("child has no alarm: %u\n", alarm(0));
        fflush(stdout);
        _exit(0);
    }
    wait_for(pid);
    printf("parent keeps its: %d\n", alarm(0) >= 49);
    time = (struct timespec){ 0, 1000000000 };
    show("bad nanoseconds", nanosleep(&time, NULL));
    time = (struct timespec){ -1, 0 };
    show("negative", nanosleep(&time, NULL));
    show("bad clock", clock_gettime(77, &time));
    show("bad pointer", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
    long long before = now_ms();
    sleep_ms(30);
    printf("slept: %d\n", now_ms() - before >= 30);
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += 20000000;
    if (time.tv_nsec >= 1000000000)
        time.tv_sec++, time.tv_nsec -= 1000000000;
    printf("until: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("reached: %d\n", now.tv_sec > time.tv_sec || (now.tv_sec == time.tv_sec && now.tv_nsec >= time.tv_nsec));
    time.tv_sec = 0;
    printf("the past: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
    struct timespec first, second;
    int backwards = 0;
    clock_gettime(CLOCK_MONOTONIC, &first);
    for (int i = 0; i < 10000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &second);
        backwards += second.tv_sec < first.tv_sec || (second.tv_sec == first.tv_sec && second.tv_nsec < first.tv_nsec);
        first = second;
    }
    printf("backwards: %d\n", backwards);
    clock_getres(CLOCK_MONOTONIC, &time);
    printf("resolution: %ld\n", time.tv_nsec);
    return 0;
}
