/* The stack grows on demand, also when a system call writes first; far below it there is nothing. Build: musl */
#include "program.h"

#include <alloca.h>

int main(void)
{
    char *room = alloca(4 << 20);
    int fd = open("/dev/zero", O_RDONLY);
    show("4 MB further down, by read", read(fd, room, 10));
    room[0] = 3;
    printf("%d\n", room[0]);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        char here;
        volatile char *far = &here - (64 << 20);
        *far = 1;
        _exit(0);
    }
    show_status("64 MB below", wait_for(pid));
    return 0;
}
