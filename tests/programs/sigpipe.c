/* Writing where nobody reads: SIGPIPE by default, EPIPE when ignored or handled; pipes and socket pairs. */
#include "program.h"

#include <sys/socket.h>

static volatile sig_atomic_t handled;
static void handler(int number) { (void)number; handled++; }

static int writer(void *argument)
{
    int *ends = argument;
    signal(SIGPIPE, SIG_DFL);
    close(ends[0]);
    for (;;)
        if (write(ends[1], "x", 1) != 1)
            return 1;
}

int main(void)
{
    int ends[2];
    char text[10];
    MUST(pipe(ends));
    pid_t pid = start(writer, ends);
    close(ends[1]);
    MUST(read(ends[0], text, 10));
    close(ends[0]);
    show_status("writer", wait_for(pid));
    MUST(pipe(ends));
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    show("ignored", write(ends[1], "x", 1));
    on_signal(SIGPIPE, handler, 0);
    show("handled", write(ends[1], "x", 1));
    printf("handlers: %d\n", handled);
    show("nothing to write", write(ends[1], "", 0));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    close(ends[0]);
    show("socket", write(ends[1], "x", 1));
    show("MSG_NOSIGNAL", send(ends[1], "x", 1, MSG_NOSIGNAL));
    printf("handlers: %d\n", handled);
    show("end of file", read(ends[1], text, 1));
    return 0;
}
