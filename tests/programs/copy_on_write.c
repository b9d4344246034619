/* After fork each process has its own memory: children, grandchildren, system calls writing into shared pages. */
#include "program.h"

#define PAGES 200

static unsigned char *memory;

static unsigned long sum(void)
{
    unsigned long total = 0;
    for (int i = 0; i < PAGES * 4096; i += 64)
        total = total * 31 + memory[i];
    return total;
}

static int change(void *argument)
{
    int number = (int)(intptr_t)argument;
    unsigned long before = sum();
    for (int i = number; i < PAGES; i += 3)
        memory[i * 4096 + 64] ^= (unsigned char)number;
    if (number < 4 && number > 0) {
        unsigned long mine = sum();
        wait_for(start(change, (void *)(intptr_t)(number + 10)));
        if (sum() != mine)
            return 2;
    }
    return sum() != before || number == 0 ? 0 : 1;
}

int main(void)
{
    memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < PAGES * 4096; i++)
        memory[i] = (unsigned char)(i * 7 + i / 4096);
    unsigned long before = sum();
    pid_t pids[8];
    for (int i = 0; i < 8; i++)
        pids[i] = start(change, (void *)(intptr_t)i);
    memory[5] = 200;
    for (int i = 0; i < 8; i++)
        show_status("child", wait_for(pids[i]));
    memory[5] = (unsigned char)(5 * 7);
    printf("unchanged: %d\n", sum() == before);
    int ends[2];
    MUST(pipe(ends));
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        MUST(read(ends[0], memory + 4090, 12)); /* the kernel writes into two shared pages */
        MUST(read(open("/dev/zero", O_RDONLY), memory + 8192, 4096));
        printf("child: %.12s %d\n", memory + 4090, memory[8192] + memory[12287]);
        fflush(stdout);
        _exit(0);
    }
    MUST(write(ends[1], "hello kernel", 12));
    show_status("reader", wait_for(pid));
    printf("unchanged: %d\n", sum() == before);
    static char *untouched;
    untouched = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        untouched[4096] = 1;
        _exit(untouched[0]);
    }
    wait_for(pid);
    printf("first touched by the child: %d\n", untouched[4096]);
    mprotect(memory, 4096, PROT_READ);
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        mprotect(memory, 4096, PROT_READ | PROT_WRITE);
        memory[0] = 77;
        _exit(memory[0]);
    }
    show_status("writable again in the child", wait_for(pid));
    printf("unchanged: %d\n", sum() == before);
    return 0;
}
