/* vfork: the parent sleeps until the child execs or exits, and sees what the child wrote. */
#include "program.h"

static volatile int shared;

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("executed with %s, shared is %d\n", argv[1], shared);
        return 5;
    }
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 42;
        usleep(20000);
        _exit(3);
    }
    printf("parent sees %d\n", shared);
    fflush(stdout);
    show_status("exit", wait_for(pid));
    pid = vfork();
    if (pid == 0) {
        shared = 43;
        execl("/proc/self/exe", "vfork_exec", "argument", NULL);
        _exit(100);
    }
    status = wait_for(pid);
    printf("parent sees %d\n", shared);
    show_status("exec", status);
    pid = vfork();
    if (pid == 0) {
        execl("/nowhere", "nowhere", NULL);
        shared = errno;
        _exit(127);
    }
    printf("exec failed with %s\n", error_name(shared));
    fflush(stdout);
    show_status("no exec", wait_for(pid));
    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    show_status("killed", wait_for(pid));
    return 0;
}
