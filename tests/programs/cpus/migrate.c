/*
 * Threads of one process that compute, unmap, fork and make threads at once. Nobody is pinned: the scheduler moves them. Each counts how often
 * it found itself on another CPU than before, and checks what a move could damage: memory, FPU registers, children.
 *
 *     migrate MOVES      until every thread has moved MOVES times; prints "moves A B ..., children N, threads N, wrong N"
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 9
#define PAGES 8

static atomic_int moves[WORKERS], wrong, children, threads, stop;
static int wanted;

/* The same number for the same seed, whatever CPU it is computed on. */
static double compute(int seed)
{
    double x = 0.1 + seed / 100.0;
    for (int i = 0; i < 5000; i++)
        x = 3.7 * x * (1 - x);
    return x;
}

static void check(int right)
{
    if (!right)
        wrong++;
}

static void use_memory(int seed)
{
    char *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int page = 0; page < PAGES; page++) {
        check(memory[page * 4096] == 0); /* not what it held for somebody else */
        memory[page * 4096] = (char)(seed + page);
    }
    sched_yield();
    for (int page = 0; page < PAGES; page++)
        check(memory[page * 4096] == (char)(seed + page));
    munmap(memory, PAGES * 4096);
}

static void use_child(int seed)
{
    volatile int value = seed; /* the child writes to its own copy */
    pid_t pid = fork();
    if (pid == 0) {
        value = -1;
        _exit(compute(seed) == compute(seed) ? seed & 63 : 64);
    }
    int status = -1;
    check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == (seed & 63));
    check(value == seed);
    children++;
}

static void *short_life(void *argument)
{
    use_memory((int)(long)argument);
    return argument;
}

static void use_thread(int seed)
{
    pthread_t thread;
    void *result = NULL;
    check(pthread_create(&thread, NULL, short_life, (void *)(long)seed) == 0 && pthread_join(thread, &result) == 0);
    check(result == (void *)(long)seed);
    threads++;
}

static void *work(void *argument)
{
    int number = (int)(long)argument, last = sched_getcpu();
    const double expected = compute(number);
    for (int round = 0; !stop; round++) {
        check(compute(number) == expected);
        if (number % 3 == 0)
            use_memory(number + round);
        else if (number % 3 == 1)
            use_child(number + round);
        else if (round % 4 == 0)
            use_thread(number + round);
        int cpu = sched_getcpu();
        moves[number] += cpu != last;
        last = cpu;
    }
    return NULL;
}

static int enough(void)
{
    for (int i = 0; i < WORKERS; i++)
        if (moves[i] < wanted)
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    pthread_t workers[WORKERS];
    wanted = argc > 1 ? atoi(argv[1]) : 3;
    for (long i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, (void *)i);
    while (!enough())
        usleep(10000);
    stop = 1;
    printf("moves");
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i], NULL);
        printf(" %d", moves[i]);
    }
    printf(", children %d, threads %d, wrong %d\n", children, threads, wrong);
    return wrong != 0;
}
