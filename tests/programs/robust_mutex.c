/* Robust mutexes: the owner's end is noticed, between threads and between processes. */
#include "program.h"

#include <pthread.h>

static pthread_mutex_t *shared;

static void *lock_and_end(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

static int lock_and_die(void *argument)
{
    (void)argument;
    pthread_mutex_lock(shared);
    kill(getpid(), SIGKILL);
    return 0;
}

static int lock_and_exec(void *argument)
{
    (void)argument;
    pthread_mutex_lock(shared);
    execl("/bin/true", "true", NULL);
    return 1;
}

static int wait_for_it(void *argument)
{
    (void)argument;
    int result = pthread_mutex_lock(shared);
    if (result == EOWNERDEAD)
        pthread_mutex_consistent(shared), pthread_mutex_unlock(shared);
    return result == EOWNERDEAD ? 33 : 34;
}

int main(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t own;
    pthread_t thread;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&own, &attributes);
    pthread_create(&thread, NULL, lock_and_end, &own);
    pthread_join(thread, NULL);
    printf("thread's: %s\n", error_name(pthread_mutex_lock(&own)));
    printf("consistent: %s\n", error_name(pthread_mutex_consistent(&own)));
    pthread_mutex_unlock(&own);
    printf("again: %s\n", error_name(pthread_mutex_lock(&own)));
    pthread_mutex_unlock(&own);
    pthread_create(&thread, NULL, lock_and_end, &own);
    pthread_join(thread, NULL);
    printf("thread's: %s\n", error_name(pthread_mutex_lock(&own)));
    pthread_mutex_unlock(&own);
    printf("never made consistent: %s\n", error_name(pthread_mutex_lock(&own)));
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(shared, &attributes);
    show_status("killed owner", wait_for(start(lock_and_die, NULL)));
    printf("process's: %s\n", error_name(pthread_mutex_lock(shared)));
    pthread_mutex_consistent(shared);
    pid_t pid = start(wait_for_it, NULL);
    wait_for_state(pid, 'S');
    pthread_mutex_unlock(shared);
    show_status("unlocked properly", wait_for(pid));
    show_status("executing owner", wait_for(start(lock_and_exec, NULL)));
    printf("process's: %s\n", error_name(pthread_mutex_lock(shared)));
    return 0;
}
