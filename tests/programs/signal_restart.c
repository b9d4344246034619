/* Which calls go on after a handler with SA_RESTART, and which end with EINTR either way. */
#include "program.h"

#include <semaphore.h>
#include <sys/select.h>

static volatile sig_atomic_t count;
static int ends[2], full[2];
static pid_t other;

static void handler(int number)
{
    (void)number;
    if (++count == 2 && ends[1] >= 0)
        (void)!write(ends[1], "x", 1);
}

/* Two signals, the second of which also ends the wait. */
static void arm(void)
{
    struct itimerval timer = { { 0, 60000 }, { 0, 60000 } };
    count = 0;
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
}

static void disarm(void)
{
    struct itimerval timer = { { 0, 0 }, { 0, 0 } };
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
}

static void drain(void)
{
    char text[8];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], text, sizeof text) > 0)
        ;
    fcntl(ends[0], F_SETFL, 0);
}

#define TRY(label, call) (drain(), arm(), result = (long)(call), error = errno, disarm(), errno = error, show(label, result), \
                          printf("  interrupted %s\n", count == 0 ? "never" : count == 1 ? "once" : "more"))

int main(void)
{
    long result;
    int error;
    char byte, many[65536] = "";
    struct timespec time = { 10, 0 }, rest = { 0, 0 };
    MUST(pipe(ends));
    MUST(pipe(full));
    MUST(write(full[1], many, sizeof many));
    other = (pid_t)MUST(fork());
    if (other == 0)
        for (;;)
            pause();
    for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
        printf("with %s\n", flags ? "SA_RESTART" : "no flag");
        on_signal(SIGALRM, handler, flags);
        TRY("read", read(ends[0], &byte, 1));
        struct pollfd wanted = { ends[0], POLLIN, 0 };
        TRY("poll", poll(&wanted, 1, 10000));
        fd_set set;
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        TRY("select", select(ends[0] + 1, &set, NULL, NULL, NULL));
        TRY("nanosleep", nanosleep(&time, &rest));
        printf("  most of it is left: %d\n", rest.tv_sec == 9);
        TRY("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL) ? (errno = EINTR, -1) : 0);
        TRY("pause", pause());
        sigset_t none;
        sigemptyset(&none);
        TRY("sigsuspend", sigsuspend(&none));
        TRY("sleep", sleep(10) > 8);
    }
    on_signal(SIGALRM, handler, 0);
    TRY("write to a full pipe", write(full[1], "y", 1));
    TRY("wait", wait(NULL));
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    TRY("sem_wait", sem_wait(&semaphore));
    kill(other, SIGKILL);
    show_status("child", wait_for(other));
    return 0;
}
