/* pthreads: results, thread-local storage, mutexes, once, keys, many at a time. */
#include "program.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static long total, destroyed, onces;
static __thread int own = 5;

static void init(void) { onces++; }
static void destroy(void *value) { __atomic_fetch_add(&destroyed, (long)value, __ATOMIC_SEQ_CST); }

static void *work(void *argument)
{
    long number = (long)argument;
    own += (int)number;
    pthread_once(&once, init);
    pthread_setspecific(key, argument);
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        total++;
        pthread_mutex_unlock(&mutex);
    }
    return (void *)(long)own;
}

static void *detached(void *argument) { *(volatile int *)argument = 1; return NULL; }

int main(void)
{
    pthread_t threads[50];
    long sum = 0;
    pthread_key_create(&key, destroy);
    for (long i = 0; i < 50; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
            return 1;
    for (int i = 0; i < 50; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("sum %ld, total %ld, destroyed %ld, once %ld, own %d\n", sum, total, destroyed, onces, own);
    volatile int done = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_create(&threads[0], &attributes, detached, (void *)&done);
    while (!done)
        sched_yield();
    printf("detached: done\n");
    for (int i = 0; i < 300; i++) {
        pthread_create(&threads[0], NULL, work, NULL);
        pthread_join(threads[0], NULL);
    }
    printf("total %ld\n", total);
    printf("trylock: %s\n", pthread_mutex_trylock(&mutex) == 0 ? "ok" : "busy");
    printf("join myself: %s\n", error_name(pthread_join(pthread_self(), NULL)));
    return 0;
}
