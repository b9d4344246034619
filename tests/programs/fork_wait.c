/* fork, exit statuses, waitpid for one, for any, and when there is nobody. Build: static-pie */
#include "program.h"

static int leave(void *argument) { return (int)(intptr_t)argument; }

int main(void)
{
    pid_t pids[5];
    for (int i = 0; i < 5; i++)
        pids[i] = start(leave, (void *)(intptr_t)(i * 60));
    for (int i = 4; i >= 0; i--)
        show_status("child", wait_for(pids[i]));
    show("nobody", waitpid(-1, NULL, 0));
    show("not mine", waitpid(1, NULL, 0));
    pid_t pid = start(leave, (void *)300);
    int status;
    printf("same pid: %d\n", waitpid(-1, &status, 0) == pid);
    show_status("300 is cut", status);
    show("again", waitpid(pid, &status, 0));
    show("bad options", waitpid(-1, &status, 0x40000000 - 1));
    struct rusage usage;
    memset(&usage, 0xff, sizeof usage);
    pid = start(leave, NULL);
    printf("wait4: %d\n", wait4(pid, &status, 0, &usage) == pid);
    printf("usage is filled: %d\n", usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_sec < 10 && usage.ru_nsignals == 0);
    if (fork() == 0)
        wait4(-1, (int *)1, 0, NULL) == -1 && printf("child has no children: %s\n", error_name(errno)), fflush(stdout), _exit(0);
    show("status at a bad address", wait4(-1, (int *)1, 0, NULL));
    show("it is reaped all the same", wait4(-1, NULL, 0, NULL));
    return 7;
}
