/* waitpid and waitid: WNOHANG, WUNTRACED, WCONTINUED, WNOWAIT, and what siginfo says. */
#include "program.h"

static int nap(void *argument)
{
    (void)argument;
    setpgid(0, 0); /* its parent is in the session and not in the group: not orphaned, so SIGTSTP stops it */
    for (;;)
        pause();
}

static int leave(void *argument) { return (int)(intptr_t)argument; }

static void show_info(const char *label, int result, siginfo_t *info, pid_t pid)
{
    if (result == -1) {
        printf("%s: %s\n", label, error_name(errno));
        return;
    }
    printf("%s: signo %d code %d status %d pid %s uid %d\n", label, info->si_signo, info->si_code, info->si_status,
           info->si_pid == pid ? "right" : info->si_pid == 0 ? "0" : "wrong", info->si_uid == getuid());
}

int main(void)
{
    siginfo_t info;
    int status = 0;
    pid_t pid = start(nap, NULL);
    MUST(setpgid(pid, pid));
    show("nothing yet", waitpid(pid, &status, WNOHANG));
    memset(&info, 0xff, sizeof info);
    show_info("waitid, nothing yet", waitid(P_PID, pid, &info, WEXITED | WNOHANG), &info, pid);
    kill(pid, SIGSTOP);
    show_info("stopped, kept", waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), &info, pid);
    printf("stopped again: %d\n", waitpid(pid, &status, WUNTRACED) == pid);
    show_status("status", status);
    show("told once", waitpid(pid, &status, WUNTRACED | WNOHANG));
    kill(pid, SIGCONT);
    printf("continued: %d\n", waitpid(pid, &status, WCONTINUED) == pid);
    show_status("status", status);
    show("told once", waitpid(pid, &status, WCONTINUED | WNOHANG));
    kill(pid, SIGTSTP);
    show_info("stopped by SIGTSTP", waitid(P_ALL, 0, &info, WSTOPPED), &info, pid);
    kill(pid, SIGCONT);
    show_info("continued", waitid(P_PGID, pid, &info, WCONTINUED), &info, pid);
    kill(pid, SIGSTOP);
    wait_for_state(pid, 'T');
    show("without WUNTRACED", waitpid(pid, &status, WNOHANG));
    kill(pid, SIGTERM);
    show("SIGTERM waits", waitpid(pid, &status, WNOHANG));
    kill(pid, SIGCONT);
    show_info("then it is killed, kept", waitid(P_PID, pid, &info, WEXITED | WNOWAIT), &info, pid);
    show_info("killed", waitid(P_PID, pid, &info, WEXITED), &info, pid);
    show_info("gone", waitid(P_PID, pid, &info, WEXITED), &info, pid);
    pid = start(nap, NULL);
    kill(pid, SIGSTOP);
    wait_for_state(pid, 'T');
    kill(pid, SIGKILL);
    show_status("SIGKILL while stopped", wait_for(pid));
    pid = start(leave, (void *)0x1ff);
    show_info("exit status", waitid(P_PID, pid, &info, WEXITED), &info, pid);
    show_info("no option", waitid(P_PID, pid, &info, 0), &info, pid);
    show_info("bad kind", waitid(17, pid, &info, WEXITED), &info, pid);
    pid = start(leave, NULL);
    show("without siginfo", waitid(P_PID, pid, NULL, WEXITED));
    show("group without children", waitpid(-getpid() - 100000, NULL, 0));
    return 0;
}
