/*
 * Starts a program over and over and prints what each start took: nanoseconds from vfork(2) to the end of waitpid(2), one a line.
 *
 *     bench_spawn COUNT PROGRAM [ARGUMENT...]
 *
 * Built for Linux with musl, so that tools/bench_c.py measures the same launcher on Polyglot OS and in the Linux guest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int left = atoi(argv[1]); left > 0; left--) {
        long long start = now();
        int status;
        pid_t child = vfork();
        if (child == 0) {
            execv(argv[2], argv + 2);
            _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
            return 1;
        printf("%lld\n", now() - start);
    }
    return 0;
}
