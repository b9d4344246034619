/* A binary tree of processes, five levels deep; every inner one adds its children's results. */
#include "program.h"

static int grow(int depth)
{
    if (depth == 0)
        return 1;
    int sum = 1;
    for (int i = 0; i < 2; i++) {
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0)
            _exit(grow(depth - 1));
    }
    for (int i = 0; i < 2; i++) {
        int status;
        MUST(wait(&status));
        sum += WEXITSTATUS(status);
    }
    return sum;
}

int main(void)
{
    printf("processes: %d\n", grow(5));
    return 0;
}
