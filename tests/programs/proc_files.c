/* /proc/self and /proc/PID: exe, cmdline, environ, comm, fd, maps, stat, status, cwd. */
#include "program.h"

#include <dirent.h>
#include <sys/prctl.h>

static char text[65536];

static int slurp(const char *path)
{
    int fd = open(path, O_RDONLY), size = 0, now;
    if (fd < 0) {
        printf("%s: %s\n", path, error_name(errno));
        return 0;
    }
    while ((now = (int)read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += now;
    close(fd);
    text[size] = 0;
    return size;
}

static const char *field(const char *name)
{
    static char line[256];
    slurp("/proc/self/status");
    char *found = strstr(text, name);
    if (found == NULL)
        return "missing";
    snprintf(line, sizeof line, "%.*s", (int)strcspn(found, "\n"), found);
    return line;
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    if (argc == 1) {
        setenv("ONLY", "variable", 1);
        execle("/proc/self/exe", "the name", "one", "", "two words", NULL, (char *[]){ "A=1", "B=", NULL });
        return 1;
    }
    (void)argv;
    int size = slurp("/proc/self/cmdline");
    for (int i = 0; i < size; i++)
        putchar(text[i] ? text[i] : '|');
    printf(" %d\n", size);
    size = slurp("/proc/self/environ");
    for (int i = 0; i < size; i++)
        putchar(text[i] ? text[i] : '|');
    printf(" %d\n", size);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    printf("exe: %s\n", strrchr(path, '/'));
    slurp("/proc/self/comm");
    printf("comm: %s", text);
    prctl(PR_SET_NAME, "a name that is too long");
    slurp("/proc/self/comm");
    printf("comm: %s", text);
    printf("%s\n%s\n%s\n", field("Name:"), field("State:"), field("Threads:"));
    slurp("/proc/self/stat");
    int fields = 1;
    for (char *c = strrchr(text, ')'); *c; c++)
        fields += *c == ' ';
    printf("stat: own pid %d, fields %d\n", atoi(text) == getpid(), fields + 1);
    slurp("/proc/self/maps");
    printf("maps: stack %d heap %d\n", strstr(text, "[stack]") != NULL, strstr(text, "[heap]") != NULL);
    int lines = 0, good = 0, sorted = 1;
    unsigned long last = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1, lines++) {
        unsigned long from, to, offset, inode;
        char flags[5], major[8];
        if (sscanf(line, "%lx-%lx %4s %lx %7s %lu", &from, &to, flags, &offset, major, &inode) == 6 && from < to)
            good++;
        sorted &= from >= last;
        last = to;
    }
    printf("maps: every line parses %d, sorted %d\n", lines == good && lines > 3, sorted);
    printf("Uid: %d\n", strncmp(field("Uid:"), "Uid:\t", 5) == 0);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        MUST(mkdir("sub", 0755));
        MUST(chdir("sub"));
        kill(getpid(), SIGSTOP);
        _exit(0);
    }
    wait_for_state(pid, 'T');
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    char target[PATH_MAX] = "";
    readlink(path, target, sizeof target - 1);
    printf("cwd of the child: %s\n", strrchr(target, '/'));
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    printf("its descriptors: %d\n", count - 2);
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    printf("environment of the child: %d %s\n", slurp(path), text);
    struct stat status;
    stat(path, &status);
    printf("mode %o, own %d\n", status.st_mode & 07777, status.st_uid == geteuid());
    kill(pid, SIGKILL);
    wait_for_state(pid, 'Z');
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    printf("cmdline of a zombie: %d\n", slurp(path));
    wait_for(pid);
    show("after wait", open(path, O_RDONLY));
    return 0;
}
