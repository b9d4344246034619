/* memfd: a file without a name, shared by mapping over fork, executed by its name in /proc. */
#include "program.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("executed with %s\n", argv[1]);
        return 17;
    }
    int fd = (int)MUST(memfd_create("name", MFD_CLOEXEC));
    MUST(ftruncate(fd, 8192));
    int *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        shared[1024] = 99;
        _exit(0);
    }
    wait_for(pid);
    printf("written by the child: %d\n", shared[1024]);
    int value;
    MUST(pread(fd, &value, 4, 4096));
    printf("read: %d\n", value);
    struct stat status;
    fstat(fd, &status);
    printf("size %ld, links %ld, mode %o\n", (long)status.st_size, (long)status.st_nlink, status.st_mode & 0777);
    close(fd);
    int program = (int)MUST(memfd_create("program", 0)), self = (int)MUST(open("/proc/self/exe", O_RDONLY));
    char block[65536];
    ssize_t size;
    while ((size = read(self, block, sizeof block)) > 0)
        MUST(write(program, block, size));
    fflush(stdout);
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        char *arguments[] = { "zero", "one", NULL };
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", program);
        execve(path, arguments, (char *[]){ NULL });
        printf("execve: %s\n", error_name(errno));
        fflush(stdout);
        _exit(1);
    }
    show_status("child", wait_for(pid));
    show("bad flags", memfd_create("x", 0x4000));
    return 0;
}
