/* Zombies: visible until waited for; SIGCHLD ignored or SA_NOCLDWAIT: none; orphans go to another parent. */
#include "program.h"

static int leave(void *argument) { return (int)(intptr_t)argument; }

int main(void)
{
    int status, ends[2];
    char text[64] = "";
    pid_t pid = start(leave, (void *)4);
    wait_for_state(pid, 'Z');
    show("kill of a zombie", kill(pid, SIGKILL));
    show("its group", getpgid(pid) == getpgrp());
    show_status("its status", wait_for(pid));
    show("kill after wait", kill(pid, 0));
    signal(SIGCHLD, SIG_IGN);
    start(leave, NULL);
    start(leave, NULL);
    show("ignored SIGCHLD: wait waits for all, then", wait(&status));
    signal(SIGCHLD, SIG_DFL);
    on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    start(leave, NULL);
    show("SA_NOCLDWAIT", wait(&status));
    signal(SIGCHLD, SIG_DFL);
    MUST(pipe(ends));
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        pid_t me = getpid();
        if (fork() == 0) {
            while (getppid() == me)
                usleep(1000);
            MUST(write(ends[1], "new parent", 10));
            _exit(0);
        }
        _exit(0);
    }
    show_status("child", wait_for(pid));
    MUST(read(ends[0], text, sizeof text));
    printf("orphan has a %s\n", text);
    show("it is not mine", wait(&status));
    return 0;
}
