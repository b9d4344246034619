/* fcntl locks: by process and byte range, split and joined, waited for, gone with any close. */
#include "program.h"

static struct flock ask(int type, long start, long length)
{
    struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    return lock;
}

static int fd;

static void set(const char *label, int type, long start, long length)
{
    struct flock lock = ask(type, start, length);
    show(label, fcntl(fd, F_SETLK, &lock));
}

/* What a child sees at each of ten bytes. */
static int look(void *argument)
{
    pid_t parent = getppid();
    char map[11] = "";
    for (int i = 0; i < 10; i++) {
        struct flock lock = ask(F_WRLCK, i, 1);
        fcntl(fd, F_GETLK, &lock);
        map[i] = lock.l_type == F_UNLCK ? '.' : lock.l_pid != parent ? '?' : lock.l_type == F_RDLCK ? 'r' : 'w';
    }
    printf("%s: %s\n", (char *)argument, map);
    return 0;
}

static void others(const char *label) { wait_for(start(look, (char *)label)); }

static int wait_lock(void *argument)
{
    struct flock lock = ask(F_WRLCK, 0, 1);
    (void)argument;
    return fcntl(fd, F_SETLKW, &lock) == 0 ? 11 : 12;
}

int main(void)
{
    fd = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    others("none");
    set("write all", F_WRLCK, 0, 0);
    others("all");
    set("hole", F_UNLCK, 3, 4);
    others("hole");
    set("read", F_RDLCK, 4, 2);
    others("three ranges");
    set("convert", F_RDLCK, 0, 2);
    others("converted");
    pid_t pid = start(wait_lock, NULL);
    wait_for_state(pid, 'S');
    show("waits", waitpid(pid, NULL, WNOHANG));
    set("unlock", F_UNLCK, 0, 0);
    show_status("got it", wait_for(pid));
    set("again", F_WRLCK, 0, 1);
    close((int)MUST(open("file", O_RDWR))); /* any close of the file drops all */
    others("gone");
    int reader = (int)MUST(open("file", O_RDONLY));
    struct flock lock = ask(F_WRLCK, 0, 1);
    show("write lock by a reader", fcntl(reader, F_SETLK, &lock));
    lock.l_whence = 9;
    show("bad whence", fcntl(fd, F_SETLK, &lock));
    return 0;
}
