/* A hundred generations: each forks the next and adds one to what comes back; one pipe for all. Build: musl */
#include "program.h"

static int generation(int depth, int fd)
{
    if (depth == 100)
        return write(fd, "bottom", 6) == 6 ? 0 : 1;
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0)
        _exit(generation(depth + 1, fd));
    int status = wait_for(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 255;
}

int main(void)
{
    int pipe_ends[2];
    char text[16] = "";
    MUST(pipe(pipe_ends));
    printf("depth: %d\n", generation(0, pipe_ends[1]));
    close(pipe_ends[1]);
    show("read", read(pipe_ends[0], text, sizeof text));
    printf("text: %s\n", text);
    show("end", read(pipe_ends[0], text, sizeof text));
    return 0;
}
