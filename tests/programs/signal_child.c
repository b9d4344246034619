/* SIGCHLD blocked and waited for: one for many children, siginfo of exits and kills, sigtimedwait's limit. */
#include "program.h"

static int leave(void *argument) { return (int)(intptr_t)argument; }
static int die(void *argument) { (void)argument; signal(SIGTERM, SIG_DFL); raise(SIGTERM); return 0; }

int main(void)
{
    sigset_t set;
    siginfo_t info;
    struct timespec limit = { 0, 50000000 }, longer = { 30, 0 };
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show("nothing", sigtimedwait(&set, &info, &limit));
    pid_t pid = start(leave, (void *)33);
    show("number", sigtimedwait(&set, &info, &longer));
    printf("code %d status %d pid %d uid %d\n", info.si_code, info.si_status, info.si_pid == pid, info.si_uid == getuid());
    wait_for(pid);
    pid = start(die, NULL);
    show("number", sigwaitinfo(&set, &info));
    printf("code %d status %d pid %d\n", info.si_code, info.si_status, info.si_pid == pid);
    wait_for(pid);
    pid_t pids[10];
    for (int i = 0; i < 10; i++)
        pids[i] = start(leave, (void *)(intptr_t)i);
    for (int i = 0; i < 10; i++)
        wait_for_state(pids[i], 'Z');
    show("ten children, one signal", sigtimedwait(&set, &info, &limit));
    show("no second", sigtimedwait(&set, &info, &limit));
    int sum = 0, status;
    while (wait(&status) > 0)
        sum += WEXITSTATUS(status);
    printf("sum of statuses: %d\n", sum);
    return 0;
}
