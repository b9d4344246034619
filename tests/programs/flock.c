/* flock: between processes, kept by duplicates, converted, released at the last close. */
#include "program.h"

#include <sys/file.h>

static int try(void *argument)
{
    int fd = (int)MUST(open("file", O_RDWR));
    return flock(fd, (int)(intptr_t)argument | LOCK_NB) == 0 ? 1 : errno == EWOULDBLOCK ? 2 : 3;
}

static void others(const char *label)
{
    int shared = WEXITSTATUS(wait_for(start(try, (void *)LOCK_SH)));
    int exclusive = WEXITSTATUS(wait_for(start(try, (void *)LOCK_EX)));
    printf("%s: another may share %d, own %d\n", label, shared == 1, exclusive == 1);
    fflush(stdout);
}

static int waiter(void *argument)
{
    close(*(int *)argument); /* else it holds the lock itself */
    int fd = (int)MUST(open("file", O_RDWR));
    MUST(flock(fd, LOCK_EX));
    return 42;
}

int main(void)
{
    int fd = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    others("none");
    show("shared", flock(fd, LOCK_SH));
    others("shared");
    show("exclusive", flock(fd, LOCK_EX));
    others("exclusive");
    int copy = dup(fd);
    close(fd);
    others("closed, but duplicated");
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        flock(copy, LOCK_UN);
        _exit(0);
    }
    wait_for(pid);
    others("the child unlocked it for both");
    show("again", flock(copy, LOCK_EX));
    pid = start(waiter, &copy);
    wait_for_state(pid, 'S');
    show("it waits", waitpid(pid, NULL, WNOHANG));
    close(copy);
    show_status("until the last close", wait_for(pid));
    show("bad operation", flock(0, 77));
    show("not open", flock(99, LOCK_SH));
    return 0;
}
