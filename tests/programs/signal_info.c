/* siginfo: who sent it, why, and for faults where. Build: static-pie */
#include "program.h"

#include <pthread.h>
#include <setjmp.h>

static siginfo_t seen;
static volatile int got;
static sigjmp_buf back;
static void *volatile fault_address;

static void keep(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    seen = *info;
    got++;
}

static void keep_and_jump(int number, siginfo_t *info, void *context)
{
    keep(number, info, context);
    siglongjmp(back, 1);
}

static void report(const char *label)
{
    printf("%s: signo %d code %d errno %d", label, seen.si_signo, seen.si_code, seen.si_errno);
    if (seen.si_code <= 0)
        printf(" pid %s uid %d value %d", seen.si_pid == getpid() ? "self" : seen.si_pid == 0 ? "0" : "other", seen.si_uid == getuid(),
               seen.si_code == SI_QUEUE ? seen.si_value.sival_int : 0);
    printf("\n");
    fflush(stdout);
    memset(&seen, 0, sizeof seen);
}

static volatile int zero;
static volatile int sink;

static void fault(const char *label, int kind, char *address)
{
    fault_address = address;
    if (sigsetjmp(back, 1) == 0) {
        switch (kind) {
        case 0: sink = *(volatile char *)address; break;
        case 1: *(volatile char *)address = 1; break;
        case 2: ((void (*)(void))address)(); break;
        case 3: sink = 1 / zero; break;
        case 4: __asm__ volatile("ud2"); break;
        case 5: __asm__ volatile("int3"); break;
        case 6: __asm__ volatile("hlt"); break;
        case 7: __asm__ volatile("movq $0x1234567890123456, %%rax; movb (%%rax), %%al" ::: "rax"); break;
        }
        printf("no fault\n");
        return;
    }
    printf("%s: signo %d code %d address %s\n", label, seen.si_signo, seen.si_code,
           kind == 3 || kind == 4 ? "of the instruction" : seen.si_addr == address ? "right" : seen.si_addr == NULL ? "0" : "wrong");
    fflush(stdout);
}

int main(void)
{
    union sigval value = { .sival_int = 4711 };
    on_siginfo(SIGUSR1, keep, 0);
    on_siginfo(SIGRTMIN + 3, keep, 0);
    on_siginfo(SIGALRM, keep, 0);
    on_siginfo(SIGPIPE, keep, 0);
    kill(getpid(), SIGUSR1);
    report("kill");
    raise(SIGUSR1);
    report("raise");
    pthread_kill(pthread_self(), SIGUSR1);
    report("pthread_kill");
    sigqueue(getpid(), SIGUSR1, value);
    report("sigqueue");
    sigqueue(getpid(), SIGRTMIN + 3, value);
    report("sigqueue, real time");
    fflush(stdout);
    pid_t me = getpid(), pid = (pid_t)MUST(fork());
    if (pid == 0) {
        kill(me, SIGUSR1);
        _exit(0);
    }
    wait_for(pid);
    report("from the child");
    struct itimerval timer = { { 0, 0 }, { 0, 1000 } };
    got = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
    while (!got)
        usleep(1000);
    report("setitimer");
    int ends[2];
    MUST(pipe(ends));
    close(ends[0]);
    show("write", write(ends[1], "x", 1));
    report("pipe");

    on_siginfo(SIGSEGV, keep_and_jump, 0);
    on_siginfo(SIGBUS, keep_and_jump, 0);
    on_siginfo(SIGFPE, keep_and_jump, 0);
    on_siginfo(SIGILL, keep_and_jump, 0);
    on_siginfo(SIGTRAP, keep_and_jump, 0);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int file = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    char *beyond = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fault("read of nothing mapped", 0, (char *)0x10008);
    fault("read of page 0", 0, (char *)8);
    fault("write to nothing", 1, (char *)0x700000001234);
    fault("write to read-only", 1, page + 5);
    fault("read of PROT_NONE", 0, nothing + 6);
    fault("run read-only", 2, page);
    fault("run nothing", 2, (char *)0x10000);
    fault("beyond the file's end", 0, beyond + 100);
    fault("kernel's address", 0, (char *)0xffffffff80000000);
    fault("divide", 3, NULL);
    fault("invalid instruction", 4, NULL);
    fault("breakpoint", 5, NULL);
    fault("privileged instruction", 6, NULL);
    fault("no address at all", 7, NULL);
    return 0;
}
