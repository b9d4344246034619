/* Signals and threads: to one thread, to the process, sigwait in one of them, masks of their own. */
#include "program.h"

#include <pthread.h>

static pthread_t main_thread, workers[3];
static volatile int ready, stop, in_main, in_worker;

static void handler(int number)
{
    (void)number;
    if (pthread_equal(pthread_self(), main_thread))
        in_main++;
    else
        in_worker++;
}

static void *sleeper(void *argument)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(argument == NULL ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (!stop)
        usleep(1000);
    return NULL;
}

static void *waiter(void *argument)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
    *(int *)argument = number;
    return NULL;
}

int main(void)
{
    sigset_t set;
    int got = 0;
    main_thread = pthread_self();
    on_signal(SIGUSR1, handler, 0);
    on_signal(SIGUSR2, handler, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&workers[0], NULL, sleeper, NULL);
    pthread_create(&workers[1], NULL, sleeper, "blocked");
    pthread_create(&workers[2], NULL, waiter, &got);
    while (ready < 2)
        sched_yield();
    pthread_kill(workers[1], SIGUSR1);
    while (in_worker < 1)
        sched_yield();
    printf("to one thread: main %d, workers %d\n", in_main, in_worker);
    kill(getpid(), SIGUSR2);
    while (in_main + in_worker < 2)
        sched_yield();
    printf("to the one that does not block it: main %d, workers %d\n", in_main, in_worker);
    kill(getpid(), SIGTERM);
    pthread_join(workers[2], NULL);
    printf("sigwait: %d\n", got);
    stop = 1;
    pthread_join(workers[0], NULL);
    pthread_join(workers[1], NULL);
    printf("ended: %s\n", error_name((int)-syscall(SYS_tgkill, getpid(), getpid() + 0, 0)));
    return 0;
}
