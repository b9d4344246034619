/* setsid, setpgid, getsid and what they refuse. */
#include "program.h"

static int other(void *argument)
{
    char byte;
    int *ends = argument;
    setpgid(0, 0);
    MUST(write(ends[1], "r", 1));
    return read(ends[2], &byte, 1) == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) { /* after execve */
        MUST(write(9, "e", 1));
        char byte;
        return (int)read(8, &byte, 1);
    }
    int to_parent[2], to_child[2];
    char byte;
    MUST(pipe(to_parent));
    MUST(pipe(to_child));
    printf("leader of session: %d, of group: %d\n", getsid(0) == getpid(), getpgrp() == getpid());
    show("setsid of a leader", setsid());
    show("setpgid of a leader", setpgid(0, 0));
    pid_t pid = start(other, (int[]){ to_parent[0], to_parent[1], to_child[0] });
    MUST(read(to_parent[0], &byte, 1));
    printf("own group: %d, same session: %d\n", getpgid(pid) == pid, getsid(pid) == getsid(0));
    show("into my group", setpgid(pid, getpgrp()));
    printf("is there: %d\n", getpgid(pid) == getpgrp());
    show("into its own again", setpgid(pid, pid));
    show("into a group that is not", setpgid(pid, 999999));
    show("negative", setpgid(pid, -1));
    show("no such process", setpgid(999999, 0));
    show("getpgid of none", getpgid(999999));
    show("getsid of none", getsid(999999));
    MUST(write(to_child[1], "x", 1));
    show_status("child", wait_for(pid));
    fflush(stdout);
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        dup2(to_child[0], 8);
        dup2(to_parent[1], 9);
        execl("/proc/self/exe", "sessions", "exec", NULL);
        _exit(1);
    }
    MUST(read(to_parent[0], &byte, 1));
    show("after its execve", setpgid(pid, pid));
    MUST(write(to_child[1], "x", 1));
    show_status("child", wait_for(pid));
    fflush(stdout);
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        printf("setsid: %d\n", setsid() == getpid());
        printf("leads all: %d %d\n", getsid(0) == getpid(), getpgrp() == getpid());
        printf("has no terminal: %s\n", open("/dev/tty", O_RDWR) == -1 ? error_name(errno) : "has");
        show("parent's group is of another session", setpgid(0, getppid()));
        fflush(stdout);
        _exit(0);
    }
    show_status("child", wait_for(pid));
    return 0;
}
