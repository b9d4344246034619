/* Seals of a memfd: what each forbids, mappings that stand against them, and read-only files that stay so in memory. */
#include "program.h"

static void *map(int protection, int fd) { return mmap(NULL, 4096, protection, MAP_SHARED, fd, 0); }

static void show_map(const char *label, int protection, int fd)
{
    void *address = map(protection, fd);
    printf("%s: %s\n", label, address == MAP_FAILED ? error_name(errno) : "ok");
    if (address != MAP_FAILED)
        munmap(address, 4096);
}

int main(void)
{
    int fd = (int)MUST(memfd_create("sealed", MFD_ALLOW_SEALING));
    MUST(write(fd, "0123456789", 10));
    show("no seals", fcntl(fd, F_GET_SEALS));
    show("shrink", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    show("cut", ftruncate(fd, 5));
    show("longer", ftruncate(fd, 20));
    show("grow", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    show("longer", ftruncate(fd, 30));
    show("write inside", pwrite(fd, "x", 1, 3));
    show("write over the end", pwrite(fd, "0123456789", 10, 15));
    show("append", pwrite(fd, "x", 1, 20));
    show("reserve", fallocate(fd, 0, 0, 4096));
    char *writable = map(PROT_READ | PROT_WRITE, fd), *readable = map(PROT_READ, fd);
    show("write, but it is mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(writable, 4096);
    show("a mapping that could become writable", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(readable, 4096);
    show("unknown seal", fcntl(fd, F_ADD_SEALS, 0x8000));
    show("write", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    show("write inside", pwrite(fd, "x", 1, 3));
    show("hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    show_map("map to write", PROT_READ | PROT_WRITE, fd);
    show_map("map to read", PROT_READ, fd);
    readable = map(PROT_READ, fd);
    show("made writable", mprotect(readable, 4096, PROT_READ | PROT_WRITE));
    printf("content: %.10s\n", readable);
    show("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    show("again", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    show("all", fcntl(fd, F_GET_SEALS));
    int later = (int)MUST(memfd_create("later", MFD_ALLOW_SEALING));
    MUST(ftruncate(later, 4096));
    writable = map(PROT_READ | PROT_WRITE, later);
    show("future writes", fcntl(later, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    writable[0] = 'w';
    show("write", pwrite(later, "x", 1, 0));
    show_map("map to write", PROT_READ | PROT_WRITE, later);
    printf("the old mapping writes: %c\n", *(char *)map(PROT_READ, later));
    int plain = (int)MUST(memfd_create("plain", 0));
    show("plain", fcntl(plain, F_GET_SEALS));
    show("cannot be sealed", fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    int ends[2];
    MUST(pipe(ends));
    show("a pipe", fcntl(ends[0], F_GET_SEALS));
    close((int)MUST(open("file", O_CREAT | O_WRONLY, 0644)));
    MUST(truncate("file", 4096));
    int file = (int)MUST(open("file", O_RDONLY));
    readable = map(PROT_READ, file);
    show("a read-only file's mapping made writable", mprotect(readable, 4096, PROT_READ | PROT_WRITE));
    char *private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    show("a private one", mprotect(private, 4096, PROT_READ | PROT_WRITE));
    return 0;
}
