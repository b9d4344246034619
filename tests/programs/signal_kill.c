/* kill, tgkill, killpg: whom they reach, what they refuse. */
#include "program.h"

static int nap(void *argument)
{
    if (argument != NULL)
        setpgid(0, 0);
    for (;;)
        pause();
}

int main(void)
{
    show("no such process", kill(999999, 0));
    show("no such group", kill(-999999, 0));
    show("bad number", kill(getpid(), -1));
    show("nothing is sent", kill(getpid(), 0));
    show("tgkill of another's thread", syscall(SYS_tgkill, getpid(), 999999, SIGTERM));
    show("tgkill 0", syscall(SYS_tgkill, 0, 0, SIGTERM));
    show("tkill -1", syscall(SYS_tkill, -1, SIGTERM));
    pid_t pids[3];
    pids[0] = start(nap, "own group");
    while (getpgid(pids[0]) != pids[0])
        usleep(1000);
    for (int i = 1; i < 3; i++) {
        pids[i] = start(nap, NULL);
        MUST(setpgid(pids[i], pids[0]));
    }
    show("group", kill(-pids[0], SIGUSR1));
    for (int i = 0; i < 3; i++)
        show_status("member", wait_for(pids[i]));
    show("group is gone", kill(-pids[0], SIGUSR1));
    pids[0] = start(nap, NULL);
    show("tgkill", syscall(SYS_tgkill, pids[0], pids[0], SIGABRT));
    show_status("child", wait_for(pids[0]));
    pids[0] = start(nap, NULL);
    kill(pids[0], SIGCHLD);
    kill(pids[0], SIGWINCH);
    kill(pids[0], SIGCONT);
    kill(pids[0], SIGXCPU);
    show_status("ignored by default, then not", wait_for(pids[0]));
    for (int number = 1; number < 65; number++) {
        if (number == 32 || number == 33)
            continue;
        pids[0] = start(nap, NULL);
        kill(pids[0], number);
        if (number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT || number == SIGSTOP ||
            number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
            kill(pids[0], SIGKILL);
        int status = wait_for(pids[0]);
        printf("%d:%d ", number, WTERMSIG(status));
    }
    printf("\n");
    return 0;
}
