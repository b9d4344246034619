/* brk and mremap: growing, shrinking, moving; fresh memory is zero. Build: dynamic */
#include "program.h"

int main(void)
{
    char *start_of_heap = sbrk(0);
    show("grow", sbrk(100000) == start_of_heap ? 0 : -1);
    int zero = 1;
    for (int i = 0; i < 100000; i++)
        zero &= start_of_heap[i] == 0;
    memset(start_of_heap, 5, 100000);
    sbrk(-100000);
    sbrk(100000);
    for (int i = 8192; i < 100000 - 8192; i++)
        zero &= start_of_heap[i] == 0;
    printf("zero at first and again: %d\n", zero);
    printf("below the start: %d\n", syscall(SYS_brk, 4096) == (long)sbrk(0));
    char *p = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++)
        p[i * 4096] = (char)(i + 1);
    char *q = mremap(p, 4096 * 4, 4096 * 2, 0);
    printf("shrunk in place: %d\n", q == p);
    mmap(p + 4096 * 2, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("no room: %s\n", mremap(p, 4096 * 2, 4096 * 8, 0) == MAP_FAILED ? error_name(errno) : "ok");
    q = mremap(p, 4096 * 2, 4096 * 1000, MREMAP_MAYMOVE);
    printf("moved: %d, %d %d %d\n", q != p && q != MAP_FAILED, q[0], q[4096], q[4096 * 999]);
    printf("bad flags: %s\n", mremap(q + 8192, 4096, 8192, 64) == MAP_FAILED ? error_name(errno) : "ok");
    char *blocks[100];
    unsigned long sum = 0;
    for (int i = 0; i < 100; i++) {
        blocks[i] = malloc(i * 5000 + 1);
        memset(blocks[i], i, i * 5000 + 1);
    }
    for (int i = 0; i < 100; i += 2)
        blocks[i] = realloc(blocks[i], i * 7000 + 1);
    for (int i = 0; i < 100; i++)
        sum = sum * 31 + (unsigned char)blocks[i][i * 5000], free(blocks[i]);
    printf("malloc: %lx\n", sum);
    return 0;
}
