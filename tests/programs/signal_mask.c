/* Masks and pending signals: order, fork, execve, standard signals not queued. */
#include "program.h"

static char order[256];

static void note(int number)
{
    size_t length = strlen(order);
    snprintf(order + length, sizeof order - length, " %d", number);
}

static void show_set(const char *label, const sigset_t *set)
{
    printf("%s:", label);
    for (int i = 1; i <= 64; i++)
        if (sigismember(set, i) == 1)
            printf(" %d", i);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    sigset_t set, old, pending;
    (void)argv;
    if (argc > 1) { /* after execve */
        sigprocmask(SIG_SETMASK, NULL, &old);
        sigpending(&pending);
        show_set("mask after execve", &old);
        show_set("pending after execve", &pending);
        struct sigaction action;
        sigaction(SIGUSR1, NULL, &action);
        printf("handler is gone: %d\n", action.sa_handler == SIG_DFL);
        sigaction(SIGUSR2, NULL, &action);
        printf("ignored stays: %d\n", action.sa_handler == SIG_IGN);
        fflush(stdout);
        sigemptyset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        return 1; /* SIGUSR1 comes first */
    }
    int numbers[] = { SIGUSR2, SIGHUP, SIGUSR1, SIGTERM, SIGINT };
    sigemptyset(&set);
    for (int i = 0; i < 5; i++) {
        on_signal(numbers[i], note, 0);
        sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &old);
    show_set("before", &old);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 5; i++)
            kill(getpid(), numbers[i]);
    sigpending(&pending);
    show_set("pending", &pending);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        sigpending(&pending);
        show_set("pending in the child", &pending);
        sigprocmask(SIG_BLOCK, NULL, &old);
        show_set("mask in the child", &old);
        _exit(0);
    }
    wait_for(pid);
    sigprocmask(SIG_SETMASK, &old, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("handled:%s\n", order);
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, NULL, &old);
    printf("KILL and STOP cannot be blocked: %d %d\n", sigismember(&old, SIGKILL), sigismember(&old, SIGSTOP));
    show("bad how", sigprocmask(77, &set, NULL));
    show("handler for SIGKILL", sigaction(SIGKILL, &(struct sigaction){ .sa_handler = note }, NULL));
    show("signal 0", sigaction(0, NULL, NULL));
    show("signal 65", kill(getpid(), 65));
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        signal(SIGUSR2, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_SETMASK, &set, NULL);
        kill(getpid(), SIGUSR1);
        execl("/proc/self/exe", "signal_mask", "exec", NULL);
        _exit(100);
    }
    show_status("child", wait_for(pid));
    return 0;
}
