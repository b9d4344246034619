/* CPU time: clocks of process and thread, getrusage, times. */
#include "program.h"

#include <sys/times.h>

static long long cpu_ms(clockid_t clock)
{
    struct timespec time;
    MUST(clock_gettime(clock, &time));
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void burn(int milliseconds)
{
    long long end = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) + milliseconds;
    while (cpu_ms(CLOCK_PROCESS_CPUTIME_ID) < end)
        for (volatile int i = 0; i < 10000; i++)
            ;
}

static int burner(void *argument) { burn((int)(intptr_t)argument); return 0; }

int main(void)
{
    struct rusage usage;
    struct tms ticks;
    long long before = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(50);
    printf("sleep costs nothing: %d\n", cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - before < 40);
    burn(60);
    printf("work does: %d %d\n", cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - before >= 60, cpu_ms(CLOCK_THREAD_CPUTIME_ID) >= 60);
    getrusage(RUSAGE_SELF, &usage);
    printf("getrusage: %d\n", usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000
           + usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000 >= 50);
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("children: %ld\n", (long)usage.ru_utime.tv_sec);
    wait_for(start(burner, (void *)80));
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("children: %d\n", usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 70000);
    times(&ticks);
    printf("times: %d %d\n", ticks.tms_utime + ticks.tms_stime >= 5, ticks.tms_cutime + ticks.tms_cstime >= 7);
    show("bad who", getrusage(77, &usage));
    return 0;
}
