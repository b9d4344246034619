/* ppoll and pselect open their mask only while they wait; time-outs; select's sets. */
#include "program.h"

#include <sys/select.h>

static volatile sig_atomic_t handled;
static void handler(int number) { (void)number; handled++; }

int main(void)
{
    sigset_t blocked, none;
    int ends[2];
    struct timespec time = { 5, 0 }, zero = { 0, 0 }, bad = { 0, -1 };
    MUST(pipe(ends));
    struct pollfd wanted = { ends[0], POLLIN, 0 };
    on_signal(SIGUSR1, handler, SA_RESTART);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    printf("blocked: %d\n", handled);
    show("ppoll opens the mask", ppoll(&wanted, 1, &time, &none));
    printf("handled: %d\n", handled);
    raise(SIGUSR1);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    show("pselect", pselect(ends[0] + 1, &set, NULL, NULL, &time, &none));
    printf("handled: %d\n", handled);
    raise(SIGUSR1);
    MUST(write(ends[1], "x", 1));
    show("ready at once", ppoll(&wanted, 1, &time, &none));
    printf("handled: %d\n", handled);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    printf("blocked again: %d\n", sigismember(&now, SIGUSR1));
    show("bad time", ppoll(&wanted, 1, &bad, NULL));
    show("bad array", poll((struct pollfd *)8, 1, 0));
    show("no descriptors", poll(NULL, 0, 20));
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    FD_SET(ends[1], &set);
    fd_set writable = set, exceptional = set;
    show("select", select(ends[1] + 1, &set, &writable, &exceptional, &(struct timeval){ 0, 0 }));
    printf("read %d %d write %d %d except %d %d\n", FD_ISSET(ends[0], &set) != 0, FD_ISSET(ends[1], &set) != 0,
           FD_ISSET(ends[0], &writable) != 0, FD_ISSET(ends[1], &writable) != 0, FD_ISSET(ends[0], &exceptional) != 0,
           FD_ISSET(ends[1], &exceptional) != 0);
    show("select negative", select(-1, NULL, NULL, NULL, &(struct timeval){ 0, 0 }));
    int file = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    struct pollfd both[2] = { { file, POLLIN | POLLOUT, 0 }, { ends[0], POLLIN, 0 } };
    show("regular file", poll(both, 2, 0));
    printf("%#x %#x\n", both[0].revents, both[1].revents);
    (void)zero;
    return 0;
}
