/* Socket pairs: streams, datagrams, sequenced packets; shutdown, peek, boundaries. */
#include "program.h"

#include <sys/socket.h>

static int echo(void *argument)
{
    int *ends = argument;
    char text[256];
    ssize_t size;
    close(ends[0]);
    while ((size = read(ends[1], text, sizeof text)) > 0) {
        for (int i = 0; i < size; i++)
            text[i] = (char)(text[i] ^ 0x20);
        MUST(write(ends[1], text, size));
    }
    return (int)size;
}

int main(void)
{
    int ends[2];
    char text[64] = "";
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    pid_t pid = start(echo, ends);
    close(ends[1]);
    MUST(write(ends[0], "Hello", 5));
    show("read", read(ends[0], text, sizeof text));
    printf("%s\n", text);
    show("shutdown", shutdown(ends[0], SHUT_WR));
    show_status("echo", wait_for(pid));
    show("end", read(ends[0], text, 1));
    MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends));
    MUST(send(ends[0], "one", 3, 0));
    MUST(send(ends[0], "second", 6, 0));
    show("peek", recv(ends[1], text, sizeof text, MSG_PEEK));
    show("cut", recv(ends[1], text, 2, MSG_TRUNC));
    show("next", recv(ends[1], text, sizeof text, 0));
    show("none", recv(ends[1], text, sizeof text, 0));
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
    MUST(write(ends[0], "ab", 2));
    MUST(write(ends[0], "c", 1));
    show("packet", read(ends[1], text, sizeof text));
    close(ends[0]);
    show("packet", read(ends[1], text, sizeof text));
    show("closed", read(ends[1], text, sizeof text));
    int type = 0;
    socklen_t size = sizeof type;
    getsockopt(ends[1], SOL_SOCKET, SO_TYPE, &type, &size);
    printf("type %d\n", type == SOCK_SEQPACKET);
    show("not a socket", send(0, "x", 1, 0));
    show("seek", lseek(ends[1], 0, SEEK_SET));
    return 0;
}
