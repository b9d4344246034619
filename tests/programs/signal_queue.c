/* Real-time signals queue, lowest number first, in the order they were sent within one number. */
#include "program.h"

static char order[4096];

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    size_t length = strlen(order);
    snprintf(order + length, sizeof order - length, " %d=%d", number - SIGRTMIN, info->si_value.sival_int);
}

int main(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    for (int i = 0; i < 4; i++) {
        on_siginfo(SIGRTMIN + i, note, 0);
        sigaddset(&set, SIGRTMIN + i);
    }
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 20; i++)
        MUST(sigqueue(getpid(), SIGRTMIN + (i * 7) % 4, (union sigval){ .sival_int = i }));
    for (int i = 0; i < 3; i++)
        MUST(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 100 + i }));
    for (int i = 0; i < 4; i++) {
        int number = sigwaitinfo(&set, &info);
        printf("waited: %s %d code %d\n", number == SIGUSR1 ? "USR1" : "RT", info.si_value.sival_int, info.si_code);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("handled:%s\n", order);
    struct timespec zero = { 0, 0 };
    show("nothing left", sigtimedwait(&set, &info, &zero));
    struct timespec bad = { 0, 2000000000 };
    show("bad time", sigtimedwait(&set, &info, &bad));
    return 0;
}
