/* mprotect, munmap of parts, MAP_FIXED, madvise, mincore; code made at run time. */
#include "program.h"

#include <setjmp.h>

static sigjmp_buf back;
static void on_fault(int number, siginfo_t *info, void *context) { (void)info, (void)context; siglongjmp(back, number); }

static const char *try_read(volatile char *address)
{
    int number = sigsetjmp(back, 1);
    if (number != 0)
        return number == SIGSEGV ? "SIGSEGV" : "SIGBUS";
    (void)*address;
    return "ok";
}

static const char *try_write(volatile char *address)
{
    int number = sigsetjmp(back, 1);
    if (number != 0)
        return number == SIGSEGV ? "SIGSEGV" : "SIGBUS";
    *address = 1;
    return "ok";
}

static char *map(char *where, size_t size, int protection, int flags)
{
    return mmap(where, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

int main(void)
{
    on_siginfo(SIGSEGV, on_fault, 0);
    on_siginfo(SIGBUS, on_fault, 0);
    char *p = map(NULL, 10 * 4096, PROT_READ | PROT_WRITE, 0);
    memset(p, 7, 10 * 4096);
    show("middle read-only", mprotect(p + 4096 * 3, 4096 * 2, PROT_READ));
    printf("%s %s %s %s\n", try_write(p + 4096 * 2), try_write(p + 4096 * 3), try_read(p + 4096 * 4), try_write(p + 4096 * 5));
    show("none", mprotect(p + 4096 * 4, 4096, PROT_NONE));
    printf("%s\n", try_read(p + 4096 * 4));
    show("hole", munmap(p + 4096 * 6, 4096));
    printf("%s %s\n", try_read(p + 4096 * 6), try_read(p + 4096 * 7));
    show("mprotect over the hole", mprotect(p, 4096 * 10, PROT_READ | PROT_WRITE));
    printf("before the hole it took effect: %s\n", try_write(p + 4096 * 4));
    show("munmap over the hole", munmap(p + 4096 * 5, 4096 * 3));
    show("munmap of nothing", munmap(p + 4096 * 5, 4096));
    show("unaligned", munmap(p + 1, 4096));
    show("length 0", munmap(p, 0));
    printf("fixed: %d\n", map(p + 4096, 4096, PROT_READ | PROT_WRITE, MAP_FIXED) == p + 4096);
    printf("is new: %d, neighbours old: %d %d\n", p[4096], p[4095], p[8192 + 5]);
    printf("no replace: %s\n", map(p, 4096, PROT_READ, MAP_FIXED_NOREPLACE) == MAP_FAILED ? error_name(errno) : "ok");
    printf("no replace, free: %d\n", map(p + 4096 * 5, 4096, PROT_READ, MAP_FIXED_NOREPLACE) == p + 4096 * 5);
    printf("fixed, unaligned: %s\n", map(p + 1, 4096, PROT_READ, MAP_FIXED) == MAP_FAILED ? error_name(errno) : "ok");
    printf("fixed, kernel's: %s\n", map((char *)0xffff800000000000, 4096, PROT_READ, MAP_FIXED) == MAP_FAILED ? error_name(errno) : "ok");
    printf("too big: %s\n", map(NULL, 1UL << 60, PROT_READ, 0) == MAP_FAILED ? error_name(errno) : "ok");
    p[0] = 9;
    show("MADV_DONTNEED", madvise(p, 4096, MADV_DONTNEED));
    printf("zero again: %d\n", p[0]);
    show("bad advice", madvise(p, 4096, 999));
    unsigned char code[] = { 0x48, 0x8d, 0x47, 0x2a, 0xc3 }; /* lea rax, [rdi + 42]; ret */
    char *run = map(NULL, 4096, PROT_READ | PROT_WRITE, 0);
    memcpy(run, code, sizeof code);
    int number = sigsetjmp(back, 1);
    if (number == 0)
        ((long (*)(long))run)(1);
    printf("not executable: %d\n", number);
    show("executable", mprotect(run, 4096, PROT_READ | PROT_EXEC));
    printf("result %ld\n", ((long (*)(long))run)(100));
    char *both = map(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, 0);
    printf("all at once: %s\n", both == MAP_FAILED ? error_name(errno) : "ok");
    memcpy(both, code, sizeof code);
    printf("result %ld\n", ((long (*)(long))both)(1));
    both[3] = 43;
    printf("changed %ld\n", ((long (*)(long))both)(1));
    return 0;
}
