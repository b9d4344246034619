/* Arguments and environment over execve: many, empty, long; the limits of one string and of all. */
#include "program.h"

static int report(int argc, char **argv, char **environment)
{
    unsigned long sum = 0, bytes = 0;
    int variables = 0;
    for (int i = 0; i < argc; i++)
        for (char *c = argv[i]; *c; c++)
            sum = sum * 31 + (unsigned char)*c, bytes++;
    while (environment[variables])
        variables++;
    printf("argc %d, bytes %lu, sum %lx, variables %d, end %s\n", argc, bytes, sum, variables, argv[argc] ? "no" : "NULL");
    return argc & 0x7f;
}

static void try(const char *label, char **argv, char **environment)
{
    fflush(stdout);
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        execve("/proc/self/exe", argv, environment);
        printf("%s: %s\n", label, error_name(errno));
        fflush(stdout);
        _exit(1);
    }
    show_status(label, wait_for(pid));
}

int main(int argc, char **argv, char **environment)
{
    if (argc != 1)
        return report(argc, argv, environment);
    static char *many[30001], longest[131073];
    char *variables[] = { "A=1", "B=", "NOEQUALS", "", "A=2", NULL };
    try("two", (char *[]){ "x", "", NULL }, variables);
    try("no environment", (char *[]){ "", "two words", NULL }, (char *[]){ NULL });
    for (int i = 0; i < 30000; i++)
        many[i] = i % 3 ? "abc" : "d";
    try("30,000", many, variables);
    memset(longest, 'x', 131072);
    longest[131071] = 0;
    try("longest", (char *[]){ "x", longest, NULL }, variables);
    longest[131071] = 'x';
    try("too long", (char *[]){ "x", longest, NULL }, variables);
    longest[131071] = 0;
    for (int i = 0; i < 100; i++)
        many[i] = longest;
    many[100] = NULL;
    try("all together too long", many, variables);
    try("bad pointer", (char *[]){ "x", (char *)8, NULL }, variables);
    try("bad array", (char **)8, variables);
    try("bad environment", (char *[]){ "x", "y", NULL }, (char **)8);
    return 0;
}
