/* What execve refuses, by name. */
#include "program.h"

static char *const arguments[] = { "name", NULL };

static void put(const char *path, const char *content, int mode)
{
    int fd = (int)MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    MUST(write(fd, content, strlen(content)));
    close(fd);
    MUST(chmod(path, mode));
}

static void try(const char *label, const char *path)
{
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        execve(path, arguments, (char *[]){ NULL });
        printf("%s: %s\n", label, error_name(errno));
        fflush(stdout);
        _exit(9);
    }
    show_status(label, wait_for(pid));
}

int main(void)
{
    char longest[5000];
    MUST(mkdir("directory", 0755));
    put("text", "hello world\n", 0755);
    put("empty", "", 0755);
    put("plain", "#!/bin/sh\n", 0644);
    put("elf", "\177ELF", 0755);
    put("elf64", "\177ELF\2\1\1", 0755);
    put("shebang2", "#!   \n", 0755);
    put("missing", "#!/no/such/interpreter\n", 0755);
    put("loop", "#!loop\n", 0755);
    put("script", "#!./text\n", 0755);
    MUST(symlink("circle", "circle"));
    MUST(symlink("nowhere", "dangling"));
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    try("missing file", "absent");
    try("empty name", "");
    try("directory", "directory");
    try("directory/", "directory/");
    try("below a file", "text/x");
    try("text", "text");
    try("empty", "empty");
    try("no permission", "plain");
    try("four bytes of ELF", "elf");
    try("seven bytes of ELF", "elf64");
    try("#! and blanks", "shebang2");
    try("missing interpreter", "missing");
    try("interprets itself", "loop");
    try("text as interpreter", "script");
    try("circle of links", "circle");
    try("dangling link", "dangling");
    try("long name", longest);
    try("device", "/dev/null");
    try("bad pointer", (char *)16);
    int fd = (int)MUST(open("text", O_RDONLY));
    show("execveat without name", syscall(SYS_execveat, fd, "", arguments, arguments + 1, 0));
    return 0;
}
