/* Compiled inside by tcc: integers, floating point, structures, varargs, strings, the C library. Build: tcc */
#include "program.h"

#include <setjmp.h>
#include <ctype.h>

struct point { double x, y; };
struct bits { unsigned a : 3, b : 5; int c : 7; };
union both { float f; unsigned u; };

static struct point add(struct point a, struct point b) { return (struct point){ a.x + b.x, a.y + b.y }; }

static int sum(int count, ...)
{
    va_list list;
    int total = 0;
    va_start(list, count);
    while (count--)
        total += va_arg(list, int);
    va_end(list);
    return total;
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void)
{
    struct point p = add((struct point){ 1.5, 2 }, (struct point){ .25, -3 });
    struct bits bits = { 9, 33, -5 };
    union both both = { .f = 1.0f };
    int numbers[] = { 5, 3, 9, -1, 0 };
    printf("%g %g, %u %u %d, %x\n", p.x, p.y, bits.a, bits.b, bits.c, both.u);
    printf("%d %lld %llu\n", sum(4, 1, 2, 3, 4), 1LL << 40, ~0ULL / 3);
    qsort(numbers, 5, sizeof numbers[0], compare);
    for (int i = 0; i < 5; i++)
        printf("%d ", numbers[i]);
    printf("\n%.10f %e %a %Lg\n", 1.0 / 3, 1e-300 / 7, 0.1, 1.0L / 3);
    printf("%d %u %ld\n", (int)-2.7, (unsigned)3e9, (long)1e18);
    char text[64];
    snprintf(text, sizeof text, "%-8s|%5d|%#o|%c", "left", -42, 8, toupper('q'));
    puts(text);
    printf("%s %ld\n", strstr("needle in haystack", "in"), strtol("-0x7f", NULL, 0));
    jmp_buf back;
    volatile int again = 0;
    if (setjmp(back) < 3)
        longjmp(back, ++again);
    printf("jumps %d\n", again);
    show("errno", open("/nowhere", O_RDONLY));
    return 6;
}
