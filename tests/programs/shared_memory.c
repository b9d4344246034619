/* MAP_SHARED: anonymous and of files, between processes; MAP_PRIVATE of files. */
#include "program.h"

#include <stdatomic.h>

static atomic_int *counter;
static int adder(void *argument)
{
    (void)argument;
    for (int i = 0; i < 10000; i++)
        atomic_fetch_add(counter, 1);
    return 0;
}

static int from_file(void *argument)
{
    (void)argument;
    int fd = (int)MUST(open("file", O_RDWR));
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    memcpy(map + 100, "written by another process", 26);
    map[5000] = 'Z';
    return map[0];
}

int main(void)
{
    char text[64] = "";
    counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[4];
    for (int i = 0; i < 4; i++)
        pids[i] = start(adder, NULL);
    for (int i = 0; i < 4; i++)
        wait_for(pids[i]);
    printf("counter: %d\n", atomic_load(counter));
    int fd = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, 6000));
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    shared[0] = 'A';
    show_status("child", wait_for(start(from_file, NULL)));
    printf("%.26s %c\n", shared + 100, shared[5000]);
    MUST(pread(fd, text, 26, 100));
    printf("%s\n", text);
    printf("private sees it: %c\n", private[5000]);
    private[5000] = 'P';
    MUST(pwrite(fd, "W", 1, 5000));
    printf("private keeps its own: %c, shared %c\n", private[5000], shared[5000]);
    show("msync", msync(shared, 8192, MS_SYNC));
    int reader = (int)MUST(open("file", O_RDONLY));
    printf("writable mapping of a reader: %s\n", mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED ? error_name(errno) : "ok");
    printf("private is: %s\n", mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE, reader, 0) == MAP_FAILED ? error_name(errno) : "ok");
    printf("of a directory: %s\n", mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(".", O_RDONLY), 0) == MAP_FAILED ? error_name(errno) : "ok");
    printf("unaligned offset: %s\n", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 100) == MAP_FAILED ? error_name(errno) : "ok");
    printf("length 0: %s\n", mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? error_name(errno) : "ok");
    unlink("file");
    printf("after unlink: %c\n", shared[5000]);
    return 0;
}
