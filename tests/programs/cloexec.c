/* Which descriptors survive execve, however the flag was set; and that the table of a fork's child is its own. */
#include "program.h"

#include <dirent.h>

static int list(void)
{
    int found[64] = { 0 };
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (atoi(entry->d_name) != dirfd(directory) && atoi(entry->d_name) < 64 && entry->d_name[0] != '.')
            found[atoi(entry->d_name)] = 1;
    for (int i = 0; i < 64; i++)
        if (found[i])
            printf("%d %d\n", i, fcntl(i, F_GETFD));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return list();
    MUST(open("file", O_RDWR | O_CREAT, 0600));                      /* 3 stays */
    MUST(open("file", O_RDWR | O_CLOEXEC));                          /* 4 goes */
    MUST(dup2(3, 10));                                               /* stays */
    MUST(dup3(3, 11, O_CLOEXEC));                                    /* goes */
    MUST(dup2(4, 12));                                               /* stays: dup clears the flag */
    MUST(fcntl(3, F_DUPFD_CLOEXEC, 20));                             /* 20 goes */
    MUST(fcntl(4, F_DUPFD, 20));                                     /* 21 stays */
    MUST(fcntl(10, F_SETFD, FD_CLOEXEC));                            /* goes after all */
    MUST(fcntl(11, F_SETFD, 0));                                     /* stays after all */
    int ends[2];
    MUST(pipe2(ends, O_CLOEXEC));                                    /* 5, 6 go */
    MUST(pipe(ends));                                                /* 7, 8 stay */
    printf("pipe %d %d\n", ends[0], ends[1]);
    show("flags of 4", fcntl(4, F_GETFD));
    show("flags of 12", fcntl(12, F_GETFD));
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        close(3);
        MUST(dup2(0, 30));
        execl("/proc/self/exe", "cloexec", "list", NULL);
        _exit(1);
    }
    show_status("child", wait_for(pid));
    show("parent has 3", fcntl(3, F_GETFD));
    show("parent has no 30", fcntl(30, F_GETFD));
    show("dup3 onto itself", dup3(3, 3, 0));
    show("dup2 onto itself", dup2(3, 3));
    show("dup2 from nothing", dup2(63, 5));
    show("and 5 is still there", fcntl(5, F_GETFD));
    return 0;
}
