/* What the programs share: results by name, so that the output is the same on every kernel and in every run. */
#ifndef PROGRAM_H
#define PROGRAM_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct error_name {
    int number;
    const char *name;
};

#define ERROR_NAME(name) { name, #name }
static const struct error_name error_names[] = {
    ERROR_NAME(EPERM), ERROR_NAME(ENOENT), ERROR_NAME(ESRCH), ERROR_NAME(EINTR), ERROR_NAME(EIO), ERROR_NAME(ENXIO),
    ERROR_NAME(E2BIG), ERROR_NAME(ENOEXEC), ERROR_NAME(EBADF), ERROR_NAME(ECHILD), ERROR_NAME(EAGAIN),
    ERROR_NAME(ENOMEM), ERROR_NAME(EACCES), ERROR_NAME(EFAULT), ERROR_NAME(EBUSY), ERROR_NAME(EEXIST), ERROR_NAME(EXDEV),
    ERROR_NAME(ENODEV), ERROR_NAME(ENOTDIR), ERROR_NAME(EISDIR), ERROR_NAME(EINVAL), ERROR_NAME(ENFILE),
    ERROR_NAME(EMFILE), ERROR_NAME(ENOTTY), ERROR_NAME(ETXTBSY), ERROR_NAME(EFBIG), ERROR_NAME(ENOSPC),
    ERROR_NAME(ESPIPE), ERROR_NAME(EROFS), ERROR_NAME(EMLINK), ERROR_NAME(EPIPE), ERROR_NAME(ERANGE),
    ERROR_NAME(EDEADLK), ERROR_NAME(ENAMETOOLONG), ERROR_NAME(ENOSYS), ERROR_NAME(ENOTEMPTY), ERROR_NAME(ELOOP),
    ERROR_NAME(EOVERFLOW), ERROR_NAME(ETIMEDOUT), ERROR_NAME(EOWNERDEAD), ERROR_NAME(ENOTRECOVERABLE),
    ERROR_NAME(EOPNOTSUPP), ERROR_NAME(ENOTSOCK), ERROR_NAME(ENOTCONN), ERROR_NAME(ELIBBAD), ERROR_NAME(ECANCELED),
    ERROR_NAME(ECONNRESET), ERROR_NAME(EMSGSIZE), ERROR_NAME(EDOM),
};

static inline const char *error_name(int number)
{
    static char other[32];
    if (number == 0)
        return "OK";
    for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++)
        if (error_names[i].number == number)
            return error_names[i].name;
    snprintf(other, sizeof other, "errno %d", number);
    return other;
}

/* "label: 5" or "label: ENOENT". For calls that return -1 and set errno. */
static inline long show(const char *label, long result)
{
    if (result == -1)
        printf("%s: %s\n", label, error_name(errno));
    else
        printf("%s: %ld\n", label, result);
    fflush(stdout);
    return result;
}

/* "label: ok" or the error's name: where the number itself differs from run to run. */
static inline long show_ok(const char *label, long result)
{
    printf("%s: %s\n", label, result == -1 ? error_name(errno) : "ok");
    fflush(stdout);
    return result;
}

static inline void show_status(const char *label, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", label, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %d\n", label, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d\n", label, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", label);
    else
        printf("%s: unknown\n", label);
    fflush(stdout);
}

/* Ends the program if the call failed: what the test stands on. */
static inline long must(const char *label, long result)
{
    if (result == -1) {
        printf("%s failed: %s\n", label, error_name(errno));
        fflush(stdout);
        _exit(99);
    }
    return result;
}
#define MUST(call) must(#call, (long)(call))

/* A child that runs function(argument) and exits with its result. */
static inline pid_t start(int (*function)(void *), void *argument)
{
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        int status = function(argument);
        fflush(stdout);
        _exit(status);
    }
    return pid;
}

static inline int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR) {
            printf("waitpid: %s\n", error_name(errno));
            return -1;
        }
    return status;
}

static inline void sleep_ms(long milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    while (nanosleep(&time, &time) == -1 && errno == EINTR)
        ;
}

static inline long long now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static inline void on_signal(int number, void (*handler)(int), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    MUST(sigaction(number, &action, NULL));
}

static inline void on_siginfo(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    MUST(sigaction(number, &action, NULL));
}

/* Waits until the process's state in /proc/PID/stat is `state`: an event, not a time. */
static inline void wait_for_state(pid_t pid, char state)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 20000; i++) {
        int fd = open(path, O_RDONLY);
        ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        if (size > 0) {
            text[size] = 0;
            char *end = strrchr(text, ')');
            if (end != NULL && end[2] == state)
                return;
        }
        usleep(1000);
    }
    printf("process never reached state %c\n", state);
}
#endif
