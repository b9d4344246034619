/* Descriptors: shared offsets, O_APPEND, lowest numbers, limits. Build: dynamic */
#include "program.h"

int main(void)
{
    char text[64] = "";
    int fd = (int)MUST(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        MUST(write(fd, "child ", 6));
        _exit(0);
    }
    wait_for(pid);
    MUST(write(fd, "parent", 6));
    show("one offset", lseek(fd, 0, SEEK_CUR));
    int copy = dup(fd), second = (int)MUST(open("file", O_RDWR | O_APPEND));
    lseek(copy, 2, SEEK_SET);
    show("dup shares it", lseek(fd, 0, SEEK_CUR));
    show("open does not", lseek(second, 0, SEEK_CUR));
    MUST(write(second, "!", 1));
    show("append", lseek(second, 0, SEEK_CUR));
    show("pread", pread(fd, text, 64, 0));
    printf("%s\n", text);
    close(0);
    show("lowest", dup(fd));
    show("flags", fcntl(second, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    show("set", fcntl(second, F_SETFL, O_NONBLOCK));
    show("flags", fcntl(second, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    struct rlimit limit = { 12, 12 };
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    int last = 0, now;
    while ((now = dup(fd)) >= 0)
        last = now;
    printf("last %d, then %s\n", last, error_name(errno));
    show("beyond the limit", dup2(fd, 12));
    show("F_DUPFD beyond", fcntl(fd, F_DUPFD, 12));
    show("open", open("file", O_RDONLY));
    show("pipe", pipe((int[2]){ 0 }));
    show("close twice", close(last));
    show("close twice", close(last));
    show("read of a writer", read((int)MUST(open("file", O_WRONLY)), text, 1));
    show("negative", write(-1, "x", 1));
    show("raise the hard limit", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 5, 4 }));
    return 0;
}
