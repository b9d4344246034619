/* Condition variables, barriers, read-write locks, semaphores, spin locks. Build: static-pie */
#include "program.h"

#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static int queue[4], length, serial;
static long sum, readers_saw;

static void *produce(void *argument)
{
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&mutex);
        while (length == 4)
            pthread_cond_wait(&room, &mutex);
        queue[length++] = (int)(long)argument + i;
        pthread_cond_signal(&more);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *consume(void *argument)
{
    (void)argument;
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&mutex);
        while (length == 0)
            pthread_cond_wait(&more, &mutex);
        sum += queue[--length];
        pthread_cond_broadcast(&room);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *meet(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20; i++)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *read_or_write(void *argument)
{
    static long a, b;
    for (int i = 0; i < 200; i++)
        if ((long)argument == 0) {
            pthread_rwlock_wrlock(&rwlock);
            a++, sched_yield(), b++;
            pthread_rwlock_unlock(&rwlock);
        } else {
            pthread_rwlock_rdlock(&rwlock);
            __atomic_fetch_add(&readers_saw, a != b, __ATOMIC_SEQ_CST);
            pthread_rwlock_unlock(&rwlock);
        }
    sem_post(&semaphore);
    return NULL;
}

static void run(void *(*function)(void *), int count, void *(*other)(void *), int others)
{
    pthread_t threads[16];
    for (int i = 0; i < count + others; i++)
        pthread_create(&threads[i], NULL, i < count ? function : other, (void *)(long)(i * 1000));
    for (int i = 0; i < count + others; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    run(produce, 4, consume, 4);
    printf("sum %ld, left %d\n", sum, length);
    pthread_barrier_init(&barrier, NULL, 5);
    run(meet, 5, NULL, 0);
    printf("serial %d\n", serial);
    sem_init(&semaphore, 0, 0);
    run(read_or_write, 6, NULL, 0);
    int value;
    sem_getvalue(&semaphore, &value);
    printf("readers saw halves: %ld, posts %d\n", readers_saw, value);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += 20000000;
    if (time.tv_nsec >= 1000000000)
        time.tv_sec++, time.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    printf("timed wait: %s\n", error_name(pthread_cond_timedwait(&more, &mutex, &time)));
    pthread_mutex_unlock(&mutex);
    while (sem_trywait(&semaphore) == 0)
        ;
    show("sem_timedwait", sem_timedwait(&semaphore, &time));
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t check;
    pthread_mutex_init(&check, &attributes);
    pthread_mutex_lock(&check);
    printf("again: %s\n", error_name(pthread_mutex_lock(&check)));
    pthread_mutex_unlock(&check);
    printf("not locked: %s\n", error_name(pthread_mutex_unlock(&check)));
    return 0;
}
