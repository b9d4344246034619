/* Compiled inside by tcc: threads, processes and signals in a dynamic program. Build: tcc */
#include "program.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int count;
static volatile sig_atomic_t handled;
static void handler(int number) { handled = number; }

static void *work(void *argument)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        count++;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

static int child(void *argument) { (void)argument; return 12; }

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("count %d\n", count);
    on_signal(SIGUSR1, handler, SA_RESTART);
    kill(getpid(), SIGUSR1);
    printf("handled %d\n", handled);
    show_status("child", wait_for(start(child, NULL)));
    return 0;
}
