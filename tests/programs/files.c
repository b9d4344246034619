/* Files: creation modes and umask, holes, times, links, access, names. */
#include "program.h"

static void mode(const char *path)
{
    struct stat status;
    MUST(lstat(path, &status));
    printf("%s: %o size %ld\n", path, status.st_mode, S_ISDIR(status.st_mode) ? 0 : (long)status.st_size);
}

int main(void)
{
    char text[5000];
    printf("umask %o\n", umask(027));
    close((int)MUST(open("a", O_CREAT | O_WRONLY, 0666)));
    mkdir("d", 0777);
    mknod("n", S_IFREG | 0666, 0);
    umask(0);
    close((int)MUST(open("b", O_CREAT | O_WRONLY, 06755)));
    symlink("a", "l");
    mode("a"), mode("d"), mode("n"), mode("b"), mode("l");
    show("exclusive", open("a", O_CREAT | O_EXCL | O_WRONLY, 0600));
    show("exclusive link", open("l", O_CREAT | O_EXCL | O_WRONLY, 0600));
    show("missing", open("none", O_RDONLY));
    int fd = (int)MUST(open("a", O_RDWR));
    show("seek beyond", lseek(fd, 10000, SEEK_SET));
    show("write", write(fd, "end", 3));
    show("hole", pread(fd, text, 100, 5000));
    int zero = 1;
    for (int i = 0; i < 100; i++)
        zero &= text[i] == 0;
    printf("zeroes: %d\n", zero);
    show("SEEK_END", lseek(fd, -3, SEEK_END));
    show("before the start", lseek(fd, -1, SEEK_SET));
    show("bad whence", lseek(fd, 0, 99));
    show("truncate", ftruncate(fd, 2));
    show("longer again", ftruncate(fd, 10));
    show("position stays", lseek(fd, 0, SEEK_CUR));
    show("negative length", ftruncate(fd, -1));
    show("truncate a directory", truncate("d", 0));
    show("read of a directory", read((int)MUST(open("d", O_RDONLY)), text, 1));
    show("readlink", readlink("l", text, 1));
    show("readlink of a file", readlink("a", text, 10));
    show("symlink exists", symlink("x", "l"));
    memset(text, 'n', sizeof text);
    text[256] = 0;
    show("name of 256", open(text, O_CREAT | O_WRONLY, 0600));
    text[255] = 0;
    show_ok("name of 255", open(text, O_CREAT | O_WRONLY, 0600));
    memset(text, '/', sizeof text);
    text[4999] = 0;
    show("long path", open(text, O_RDONLY));
    show("empty path", open("", O_RDONLY));
    show("trailing slash", open("a/", O_RDONLY));
    for (int i = 0; i < 50; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, i ? "s%d" : "a", i - 1 + (i == 0));
        snprintf(from, sizeof from, i ? "s%d" : "a", i - 1);
        snprintf(to, sizeof to, "s%d", i);
        symlink(from, to);
    }
    show_ok("40 links", open("s39", O_RDONLY));
    show_ok("41 links", open("s40", O_RDONLY));
    struct timespec times[2] = { { 1000000000, 123456789 }, { 0, UTIME_OMIT } };
    struct stat status;
    show("utimensat", utimensat(AT_FDCWD, "b", times, 0));
    stat("b", &status);
    printf("accessed %ld.%09ld\n", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec);
    show("access", access("a", R_OK | W_OK));
    show("access missing", access("none", F_OK));
    show("chmod", chmod("a", 0400));
    mode("a");
    show("unlink", unlink("a"));
    show("write to an unlinked file", pwrite(fd, "still", 5, 0));
    fstat(fd, &status);
    printf("links %ld\n", (long)status.st_nlink);
    struct statx more;
    show("statx", statx(AT_FDCWD, "b", 0, STATX_BASIC_STATS, &more));
    printf("%o %llu\n", more.stx_mode, (unsigned long long)more.stx_size);
    show("statx of nothing", statx(AT_FDCWD, "", 0, STATX_BASIC_STATS, &more));
    show("bad pointer", stat("b", (struct stat *)8));
    return 0;
}
