/* Named pipes: opening waits for the other side; errors without it. */
#include "program.h"

static int reader(void *argument)
{
    char text[32] = "";
    (void)argument;
    int fd = (int)MUST(open("fifo", O_RDONLY));
    ssize_t size = read(fd, text, sizeof text);
    printf("reader got %zd bytes: %s\n", size, text);
    printf("then %zd\n", read(fd, text, sizeof text));
    return 0;
}

int main(void)
{
    show("mkfifo", mkfifo("fifo", 0640));
    show("again", mkfifo("fifo", 0640));
    struct stat status;
    stat("fifo", &status);
    printf("mode %o\n", status.st_mode);
    show("no reader", open("fifo", O_WRONLY | O_NONBLOCK));
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);
    printf("no writer: %s\n", fd >= 0 ? "opened" : error_name(errno));
    char byte;
    show("reads end of file", read(fd, &byte, 1));
    close(fd);
    pid_t pid = start(reader, NULL);
    wait_for_state(pid, 'S');
    fd = (int)MUST(open("fifo", O_WRONLY));
    MUST(write(fd, "through the fifo", 16));
    close(fd);
    show_status("reader", wait_for(pid));
    fd = open("fifo", O_RDWR);
    printf("both: %s\n", fd >= 0 ? "opened" : error_name(errno));
    MUST(write(fd, "x", 1));
    show("back", read(fd, &byte, 1));
    show("unlink", unlink("fifo"));
    show("still works", write(fd, "y", 1));
    return 0;
}
