/* RLIMIT_FSIZE and RLIMIT_CPU: what is cut, refused, signalled and killed. */
#include "program.h"

static volatile sig_atomic_t signals;

static void count(int number) { signals++; }

static int writes(void *unused)
{
    on_signal(SIGXFSZ, count, 0);
    MUST(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100, 200 }));
    int fd = (int)MUST(open("file", O_CREAT | O_RDWR, 0644)), ends[2];
    char bytes[150] = { 0 };
    show("cut at the limit", write(fd, bytes, 150));
    show("at the limit", write(fd, bytes, 1));
    show("beyond it", pwrite(fd, bytes, 1, 150));
    show("inside", pwrite(fd, bytes, 10, 50));
    printf("signals: %d\n", signals);
    show("longer", ftruncate(fd, 101));
    show("by name", truncate("file", 101));
    show("reserved", fallocate(fd, 0, 0, 4096));
    show("shorter", ftruncate(fd, 10));
    printf("signals: %d\n", signals);
    lseek(fd, 0, SEEK_SET);
    int copy = (int)MUST(open("copy", O_CREAT | O_WRONLY, 0644));
    MUST(lseek(copy, 95, SEEK_SET));
    show("copied", copy_file_range(fd, NULL, copy, NULL, 10, 0));
    MUST(pipe(ends));
    show("a pipe has no limit", write(ends[1], bytes, 150));
    signal(SIGXFSZ, SIG_IGN);
    show("ignored", pwrite(fd, bytes, 1, 150));
    MUST(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 200, 200 }));
    show("raised", pwrite(fd, bytes, 1, 150));
    signal(SIGXFSZ, SIG_DFL);
    pwrite(fd, bytes, 1, 300);
    return 5;
}

/* Burns CPU time until `signals` says that it is enough. */
static void spin(int enough)
{
    volatile unsigned long n = 0;
    while (signals < enough)
        n++;
}

static int soft_limit(void *unused)
{
    on_signal(SIGXCPU, count, 0);
    MUST(setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 20 }));
    spin(1);
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    printf("next: %ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
    return 0;
}

static int inherited(void *unused)
{
    spin(100);
    return 0;
}

static int hard_limit(void *unused)
{
    MUST(setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 1 }));
    show_status("a child has a second of its own", wait_for(start(inherited, NULL)));
    on_signal(SIGXCPU, count, 0);
    spin(100);
    return 0;
}

static int default_action(void *unused)
{
    MUST(setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 20 }));
    spin(1);
    return 0;
}

int main(void)
{
    MUST(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
    /* Standard output is a file, which the limit is for, too: the child prints to a pipe. */
    int ends[2], out = dup(1);
    char text[4096];
    MUST(pipe(ends));
    fflush(stdout);
    dup2(ends[1], 1);
    pid_t pid = start(writes, NULL);
    dup2(out, 1);
    int status = wait_for(pid);
    fwrite(text, 1, MUST(read(ends[0], text, sizeof text)), stdout);
    show_status("size", status);
    show_status("soft", wait_for(start(soft_limit, NULL)));
    show_status("hard", wait_for(start(hard_limit, NULL)));
    show_status("default", wait_for(start(default_action, NULL)));
    return 0;
}
