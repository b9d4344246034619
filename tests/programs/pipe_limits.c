/* Non-blocking pipes, their size, poll's answers, FIONREAD. */
#include "program.h"

#include <sys/ioctl.h>

static void show_poll(const char *label, int fd, int events)
{
    struct pollfd wanted = { fd, (short)events, 0 };
    int result = poll(&wanted, 1, 0);
    printf("%s: %d %#x\n", label, result, wanted.revents);
}

int main(void)
{
    int ends[2], count = 0;
    static char block[70000];
    MUST(pipe2(ends, O_NONBLOCK));
    show("empty", read(ends[0], block, 1));
    show_poll("empty", ends[0], POLLIN);
    show_poll("writable", ends[1], POLLOUT | POLLIN);
    show("too much at once", write(ends[1], block, sizeof block));
    show("full", write(ends[1], block, 1));
    show_poll("full", ends[1], POLLOUT);
    ioctl(ends[0], FIONREAD, &count);
    printf("FIONREAD %d\n", count);
    show("F_GETPIPE_SZ", fcntl(ends[0], F_GETPIPE_SZ));
    show("read 100", read(ends[0], block, 100));
    show("read 5000", read(ends[0], block, 5000));
    show("one byte", write(ends[1], block, 1));
    show("seek", lseek(ends[0], 0, SEEK_SET));
    show("pread", pread(ends[0], block, 1, 0));
    show("write to the reading end", write(ends[0], block, 1));
    show("read from the writing end", read(ends[1], block, 1));
    show("bad buffer", read(ends[0], (char *)8, 10));
    close(ends[1]);
    show_poll("writer is gone, data left", ends[0], POLLIN);
    while (read(ends[0], block, sizeof block) > 0)
        ;
    show_poll("writer is gone", ends[0], POLLIN);
    show("end", read(ends[0], block, 1));
    MUST(pipe(ends));
    close(ends[0]);
    show_poll("reader is gone", ends[1], POLLOUT);
    show_poll("not open", 99, POLLIN);
    show_poll("negative", -5, POLLIN);
    show("pipe flags", pipe2(ends, 1));
    show("pipe bad pointer", pipe((int *)8));
    struct stat status;
    MUST(pipe(ends));
    fstat(ends[0], &status);
    printf("is a FIFO: %d, size %ld, block %ld\n", S_ISFIFO(status.st_mode), (long)status.st_size, (long)status.st_blksize);
    return 0;
}
