/* Handlers in handlers: sa_mask, SA_NODEFER, SA_RESETHAND; and jumps out of them. Build: musl */
#include "program.h"

#include <setjmp.h>

static int depth, rounds;
static sigjmp_buf back;

static void nested(int number)
{
    depth++;
    printf("%*senter %d\n", depth * 2, "", number);
    if (number == SIGUSR1 && rounds++ < 3) {
        raise(SIGUSR2);
        raise(SIGUSR1);
    }
    printf("%*sleave %d\n", depth * 2, "", number);
    depth--;
}

static void jump(int number)
{
    (void)number;
    siglongjmp(back, 7);
}

static void once(int number) { printf("once %d\n", number); fflush(stdout); }

int main(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = nested;
    printf("nothing masked but itself\n");
    on_signal(SIGUSR2, nested, 0);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    rounds = 0;
    printf("SIGUSR2 masked, too\n");
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    rounds = 0;
    printf("SA_NODEFER\n");
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    on_signal(SIGUSR1, jump, 0);
    volatile int jumps = 0;
    while (jumps < 1000)
        if (sigsetjmp(back, 1) == 7)
            jumps++;
        else
            raise(SIGUSR1);
    printf("jumps: %d\n", jumps);
    on_signal(SIGUSR1, once, SA_RESETHAND);
    raise(SIGUSR1);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    show_status("the second time", wait_for(pid));
    return 0;
}
