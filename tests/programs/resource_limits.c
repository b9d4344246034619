/* Limits: address space, stack, processes; inherited by children. */
#include "program.h"

static int recurse(int depth)
{
    volatile char room[65536];
    memset((char *)room, depth, sizeof room);
    return depth == 0 ? 0 : recurse(depth - 1) + room[5] * 0;
}

static int deep(void *argument) { return recurse((int)(intptr_t)argument); }

int main(void)
{
    struct rlimit limit;
    fflush(stdout);
    wait_for(start(deep, (void *)110)); /* 7 MB of 8 */
    show_status("7 MB of stack", wait_for(start(deep, (void *)110)));
    show_status("9 MB of stack", wait_for(start(deep, (void *)140)));
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        MUST(setrlimit(RLIMIT_AS, &(struct rlimit){ 64 << 20, 64 << 20 }));
        printf("100 MB: %s\n", mmap(NULL, 100 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? error_name(errno) : "ok");
        printf("10 MB: %s\n", mmap(NULL, 10 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? error_name(errno) : "ok");
        printf("brk: %s\n", sbrk(100 << 20) == (void *)-1 ? error_name(errno) : "ok");
        fflush(stdout);
        _exit(0);
    }
    show_status("RLIMIT_AS", wait_for(pid));
    fflush(stdout);
    MUST(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 5 }));
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        getrlimit(RLIMIT_CORE, &limit);
        printf("inherited: %ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
        fflush(stdout);
        _exit(0);
    }
    wait_for(pid);
    show("soft above hard", setrlimit(RLIMIT_CORE, &(struct rlimit){ 6, 5 }));
    show("bad resource", setrlimit(77, &limit));
    show("bad pointer", getrlimit(RLIMIT_CORE, (struct rlimit *)8));
    struct rlimit old;
    show("prlimit", prlimit(0, RLIMIT_CORE, &(struct rlimit){ 1, 5 }, &old));
    printf("old %ld\n", (long)old.rlim_cur);
    return 0;
}
