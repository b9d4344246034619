/* pthread_cancel: at cancellation points, clean-up handlers, disabled, asynchronous. Build: dynamic */
#include "program.h"

#include <pthread.h>

static int ends[2];
static void clean(void *argument) { printf("clean %s\n", (char *)argument); }

static void *reader(void *argument)
{
    char byte;
    pthread_cleanup_push(clean, "outer");
    pthread_cleanup_push(clean, argument);
    read(ends[0], &byte, 1);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *busy(void *argument)
{
    (void)argument;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        ;
}

static void *deaf(void *argument)
{
    char byte;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    read(ends[0], &byte, 1);
    *(char *)argument = byte;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    return NULL;
}

static void *leave(void *argument)
{
    pthread_cleanup_push(clean, "leaving");
    pthread_exit(argument);
    pthread_cleanup_pop(0);
    return NULL;
}

static void try(const char *label, void *(*function)(void *), void *argument, int after)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, function, argument);
    sleep_ms(20);
    pthread_cancel(thread);
    if (after)
        MUST(write(ends[1], "w", 1));
    pthread_join(thread, &result);
    printf("%s: %s\n", label, result == PTHREAD_CANCELED ? "cancelled" : "returned");
}

int main(void)
{
    char seen = 0;
    void *result;
    pthread_t thread;
    MUST(pipe(ends));
    try("in read", reader, "inner", 0);
    try("busy", busy, NULL, 0);
    try("disabled", deaf, &seen, 1);
    printf("it had read %c\n", seen);
    pthread_create(&thread, NULL, leave, "value");
    pthread_join(thread, &result);
    printf("pthread_exit: %s\n", (char *)result);
    return 0;
}
