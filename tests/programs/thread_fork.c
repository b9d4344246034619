/* fork, execve and exit_group from a thread that is not the first. */
#include "program.h"

#include <pthread.h>

static pid_t before;

static int thread_count(void)
{
    char line[256];
    int count = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "Threads: %d", &count);
    if (file != NULL)
        fclose(file);
    return count;
}

static void *nap(void *argument) { (void)argument; for (;;) pause(); return NULL; }

static void *fork_here(void *argument)
{
    (void)argument;
    printf("threads: %d\n", thread_count());
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        pthread_t thread;
        printf("child: threads %d, leads itself %d\n", thread_count(), getpid() == (pid_t)syscall(SYS_gettid));
        pthread_create(&thread, NULL, nap, NULL);
        printf("child: threads %d\n", thread_count());
        fflush(stdout);
        exit(3);
    }
    show_status("child", wait_for(pid));
    return NULL;
}

static void *exec_here(void *argument)
{
    char text[32];
    (void)argument;
    snprintf(text, sizeof text, "%d", getpid());
    execl("/proc/self/exe", "thread_fork", text, NULL);
    return NULL;
}

static void *exit_here(void *argument) { exit((int)(long)argument); }

static int with_threads(void *function)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, nap, NULL);
    pthread_create(&threads[0], NULL, (void *(*)(void *))function, (void *)44L);
    for (;;)
        pause();
}

static void *last(void *argument)
{
    (void)argument;
    sleep_ms(30);
    printf("the last thread\n");
    fflush(stdout);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread, sleeping;
    if (argc > 1) {
        printf("same pid: %d, threads %d, first thread: %d\n", atoi(argv[1]) == getpid(), thread_count(),
               (pid_t)syscall(SYS_gettid) == getpid());
        return 9;
    }
    before = getpid();
    pthread_create(&sleeping, NULL, nap, NULL);
    pthread_create(&thread, NULL, fork_here, NULL);
    pthread_join(thread, NULL);
    show_status("execve", wait_for(start(with_threads, exec_here)));
    show_status("exit", wait_for(start(with_threads, exit_here)));
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        pthread_create(&thread, NULL, last, NULL);
        pthread_exit(NULL);
    }
    show_status("the first thread left early", wait_for(pid));
    pid = (pid_t)MUST(fork());
    if (pid == 0) {
        pthread_create(&thread, NULL, nap, NULL);
        pthread_kill(thread, SIGSEGV);
        for (;;)
            pause();
    }
    show_status("a thread is killed, all are", wait_for(pid));
    return 0;
}
