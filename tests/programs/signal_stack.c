/* sigaltstack: where handlers run, what the calls refuse, and stack overflow survived. */
#include "program.h"

#include <setjmp.h>

static char stack[65536] __attribute__((aligned(16)));
static sigjmp_buf back;

static int inside(void *address) { return (char *)address >= stack && (char *)address < stack + sizeof stack; }

static void on_user(int number)
{
    stack_t now, other = { .ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 0 };
    char local;
    sigaltstack(NULL, &now);
    printf("handler of %d: on it %d, flags %d, same base %d\n", number, inside(&local), now.ss_flags, now.ss_sp == stack);
    if (now.ss_flags == SS_ONSTACK)
        show("change while on it", sigaltstack(&other, NULL));
}

static void on_overflow(int number)
{
    char local;
    (void)number;
    if (!inside(&local))
        _exit(50);
    siglongjmp(back, 1);
}

static int recurse(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return recurse(depth + 1) + room[0];
}

int main(void)
{
    stack_t set = { .ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 0 }, old;
    show("none yet", sigaltstack(NULL, &old));
    printf("flags %d\n", old.ss_flags);
    set.ss_size = 1000;
    show("too small", sigaltstack(&set, NULL));
    set.ss_size = sizeof stack;
    set.ss_flags = 77;
    show("bad flags", sigaltstack(&set, NULL));
    set.ss_flags = 0;
    show("set", sigaltstack(&set, NULL));
    show("bad pointer", sigaltstack((stack_t *)8, NULL));
    on_signal(SIGUSR1, on_user, SA_ONSTACK);
    on_signal(SIGUSR2, on_user, 0);
    raise(SIGUSR1);
    raise(SIGUSR2);
    on_signal(SIGSEGV, on_overflow, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        if (sigsetjmp(back, 1) == 0)
            recurse(0);
        else
            printf("overflow %d survived\n", i);
    }
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        sigaltstack(NULL, &old);
        printf("child has it: %d\n", old.ss_flags == 0 && old.ss_sp == stack);
        fflush(stdout);
        set.ss_flags = SS_DISABLE;
        sigaltstack(&set, NULL);
        recurse(0); /* no room for the handler's frame */
    }
    show_status("child", wait_for(pid));
    return 0;
}
