/* clone without a library: what is shared with which flag, and which combinations are refused. */
#include "program.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int value, fd;
static int tid_word = -1;

static int child(void *argument)
{
    value++;
    if (argument != NULL) {
        fd = open("/dev/null", O_RDONLY);
        chdir("/");
        umask(0);
    }
    return 7;
}

static void try(const char *label, int flags)
{
    char path[PATH_MAX];
    value = 10;
    fd = -1;
    umask(022);
    chdir("/tmp");
    int pid = clone(child, stack + sizeof stack, flags | SIGCHLD, "x", NULL, NULL, &tid_word);
    if (pid == -1) {
        printf("%s: %s\n", label, error_name(errno));
        return;
    }
    int status = wait_for(pid);
    getcwd(path, sizeof path);
    printf("%s: value %d, cwd %s, umask %o, descriptor %s, ", label, value, path, umask(022),
           fd < 0 ? "unknown" : fcntl(fd, F_GETFD) == -1 ? "not here" : "here");
    show_status("status", status);
    if (fd >= 0)
        close(fd);
}

int main(void)
{
    try("nothing", 0);
    try("CLONE_VM", CLONE_VM);
    try("CLONE_VM | CLONE_FILES", CLONE_VM | CLONE_FILES);
    try("CLONE_VM | CLONE_FS", CLONE_VM | CLONE_FS);
    try("CLONE_VM | CLONE_VFORK", CLONE_VM | CLONE_VFORK);
    try("CLONE_SIGHAND alone", CLONE_SIGHAND);
    try("CLONE_THREAD alone", CLONE_THREAD);
    tid_word = 5;
    try("CLONE_CHILD_CLEARTID", CLONE_VM | CLONE_CHILD_CLEARTID);
    printf("cleared: %d\n", tid_word);
    tid_word = 5;
    try("CLONE_PARENT_SETTID needs a pointer", CLONE_CHILD_SETTID | CLONE_VM);
    printf("set: %d\n", tid_word > 5);
    return 0;
}
