/* A stopped process group that becomes orphaned gets SIGHUP and SIGCONT (POSIX _exit); a terminal stop does not stop
 * members of an orphaned group. */
#include "program.h"

static int fd;

static void told(int number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "signal %d\n", number);
    if (write(fd, text, size) != size)
        _exit(2);
}

static void grandchild(void)
{
    on_signal(SIGHUP, told, 0);
    on_signal(SIGCONT, told, 0);
    MUST(kill(getpid(), SIGSTOP));
    /* Both have come when this goes on; now the group is orphaned, and SIGTSTP is ignored. */
    MUST(kill(getpid(), SIGTSTP));
    told(0);
    _exit(0);
}

int main(void)
{
    int ends[2];
    char text[256];
    MUST(pipe(ends));
    fd = ends[1];
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        MUST(setpgid(0, 0));
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            close(ends[0]);
            grandchild();
        }
        int status;
        MUST(waitpid(pid, &status, WUNTRACED));
        told(100);
        _exit(WIFSTOPPED(status) ? 3 : 4);
    }
    close(ends[1]);
    show_status("child", wait_for(child));
    int size = 0, now;
    while ((now = (int)read(ends[0], text + size, sizeof text - 1 - size)) > 0)
        size += now;
    text[size] = 0;
    /* The order of SIGHUP and SIGCONT's handlers: the lower number is delivered last, runs first. */
    printf("%s", text);
    return 0;
}
