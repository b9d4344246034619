/* Stop and continue: defaults, handlers, what cancels what, SIGCHLD and SA_NOCLDSTOP. */
#include "program.h"

static volatile sig_atomic_t children;
static siginfo_t last;
static void on_child(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    children++;
}

static int told[2];
static void on_continue(int number) { (void)number; (void)!write(told[1], "c", 1); }

/* The handler has run. */
static void wait_handler(void)
{
    char byte;
    printf("handler of SIGCONT: %zd\n", read(told[0], &byte, 1));
}

static int worker(void *argument)
{
    char byte;
    int *ends = argument;
    setpgid(0, 0);
    on_signal(SIGCONT, on_continue, SA_RESTART);
    close(ends[1]);
    return read(ends[0], &byte, 1) == 0 ? 6 : 7;
}

static void wait_children(int wanted)
{
    while (children < wanted)
        usleep(1000);
}

int main(void)
{
    int ends[2], status;
    MUST(pipe(ends));
    MUST(pipe(told));
    on_siginfo(SIGCHLD, on_child, SA_RESTART);
    pid_t pid = start(worker, ends);
    wait_for_state(pid, 'S');
    setpgid(pid, pid);
    int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
    for (int i = 0; i < 4; i++) {
        children = 0;
        kill(pid, stops[i]);
        MUST(waitpid(pid, &status, WUNTRACED));
        show_status("state", status);
        wait_children(1);
        printf("SIGCHLD code %d status %d\n", last.si_code, last.si_status);
        children = 0;
        kill(pid, SIGCONT);
        MUST(waitpid(pid, &status, WCONTINUED));
        show_status("state", status);
        wait_children(1);
        printf("SIGCHLD code %d status %d\n", last.si_code, last.si_status);
        wait_handler();
    }
    on_siginfo(SIGCHLD, on_child, SA_RESTART | SA_NOCLDSTOP);
    children = 0;
    kill(pid, SIGSTOP);
    MUST(waitpid(pid, &status, WUNTRACED));
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
    wait_children(1);
    printf("SA_NOCLDSTOP: code %d status %d\n", last.si_code, last.si_status);
    show_status("state", wait_for(pid));
    pid = start(worker, ends);
    wait_for_state(pid, 'S');
    kill(pid, SIGSTOP);
    kill(pid, SIGCONT);
    close(ends[1]);
    show_status("stop and continue at once, then the end of the pipe", wait_for(pid));
    return 0;
}
