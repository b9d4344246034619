/* #! lines: their argument, blanks, chains of interpreters, the longest line. */
#include "program.h"

static char self[PATH_MAX];

static void put(const char *path, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    int fd = (int)MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    MUST(write(fd, text, size));
    close(fd);
}

static void try(const char *path, const char *argument)
{
    printf("%s\n", path);
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        execl(path, "zero", argument, (char *)NULL);
        printf("  %s\n", error_name(errno));
        fflush(stdout);
        _exit(1);
    }
    show_status("  status", wait_for(pid));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            printf("  [%s]", strcmp(argv[i], self) ? argv[i] : "self");
        printf("\n");
        return argc;
    }
    char blanks[300];
    MUST(readlink("/proc/self/exe", self, sizeof self));
    MUST(symlink(self, "i"));
    put("plain", "#!./i\n");
    put("argument", "#!./i one\n");
    put("blanks", "#! \t ./i \t one  two \t \n");
    put("no_newline", "#!./i last");
    put("first", "#!./plain\n");
    put("second", "#!./first x\n");
    put("third", "#!./second y\n");
    put("fourth", "#!./third z\n");
    put("fifth", "#!./fourth\n");
    put("sixth", "#!./fifth\n");
    memset(blanks, ' ', sizeof blanks);
    blanks[251 - 3] = 0;
    put("long_line", "#!./i%s\n", blanks);
    memset(blanks, 'a', sizeof blanks);
    blanks[240] = 0;
    put("long_argument", "#!./i %s\n", blanks);
    blanks[260] = 'a';
    blanks[299] = 0;
    put("longer_argument", "#!./i %s\n", blanks);
    put("long_name", "#!%s\n", blanks);
    const char *names[] = { "plain", "argument", "blanks", "no_newline", "first", "second", "third", "fourth", "fifth", "sixth",
                            "long_line", "long_argument", "longer_argument", "long_name" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        try(names[i], i % 2 ? "given" : NULL);
    return 0;
}
