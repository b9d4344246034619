/*
 * Runs a plan of the conformance suite with the C binding.
 *
 *     runner PLAN [--here]      a case is a child process in a new directory of its own; --here: without the process
 *
 * A plan is lines of words; numbers are decimal, a value is terms joined by +:
 *     NUMBER | rN result of step N | bN address of buffer N | mN.OFFSET.WIDTHs|u what lies in a buffer
 *     case NAME                            until the next one
 *     buffer N SIZE HEX|-                  memory, zeroed or with this content
 *     store N OFFSET WIDTH VALUE           put there before the next call
 *     call STEP NUMBER CHILD VALUE*6       CHILD 1: only the child of the last fork makes it
 *     show STEP NAME N                     print that buffer
 * Printed: "case NAME", "r STEP RESULT", "o STEP NAME HEX", "end NAME STATUS" (as wait4 gives it).
 * runner.zig and runner.rs are the same program.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "polyglot_syscall.h"

enum { MOST = 256 };

static uint8_t *buffers[MOST];
static size_t sizes[MOST];
static int64_t results[MOST];
static int in_child; /* of a fork that the case made */

static uint64_t term(const char *text)
{
    unsigned index, offset, width;
    char sign;
    if (text[0] == 'r')
        return (uint64_t)results[atoi(text + 1)];
    if (text[0] == 'b')
        return (uint64_t)(uintptr_t)buffers[atoi(text + 1)];
    if (sscanf(text, "m%u.%u.%u%c", &index, &offset, &width, &sign) == 4) {
        uint64_t value = 0;
        memcpy(&value, buffers[index] + offset, width);
        unsigned unused = 64 - 8 * width;
        return sign == 's' ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
    }
    return strtoull(text, NULL, 10);
}

static uint64_t value(char *text)
{
    uint64_t sum = 0;
    for (char *plus; (plus = strchr(text, '+')) != NULL; text = plus + 1)
        *plus = '\0', sum += term(text);
    return sum + term(text);
}

static void make_buffer(int index, size_t size, const char *hex)
{
    buffers[index] = calloc(1, size + 16);
    sizes[index] = size;
    for (size_t i = 0; hex[0] != '-' && i < size; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        buffers[index][i] = (uint8_t)byte;
    }
}

static void show(const char *step, const char *name, int index)
{
    printf("o %s %s ", step, name);
    for (size_t i = 0; i < sizes[index]; i++)
        printf("%02x", buffers[index][i]);
    printf("\n");
}

static void make_call(char **words)
{
    int step = atoi(words[1]), child = atoi(words[3]);
    uint64_t arguments[6];
    if (child != in_child) {
        if (in_child)
            polyglot_exit_group(0);
        return;
    }
    for (int i = 0; i < 6; i++)
        arguments[i] = value(words[4 + i]);
    fflush(stdout);
    int64_t number = atoi(words[2]);
    results[step] = polyglot_call(number, arguments);
    if ((number == SYS_fork || number == SYS_clone || number == SYS_clone3) && results[step] == 0)
        in_child = 1;
    if (!in_child)
        printf("r %d %lld\n", step, (long long)results[step]);
}

static void run_line(char *line)
{
    char *words[12], *rest = line;
    int count = 0;
    while (count < 12 && (words[count] = strtok_r(rest, " \n", &rest)) != NULL)
        count++;
    if (count == 0)
        return;
    if (!strcmp(words[0], "buffer"))
        make_buffer(atoi(words[1]), strtoul(words[2], NULL, 10), words[3]);
    else if (!strcmp(words[0], "store")) {
        uint64_t number = value(words[4]);
        memcpy(buffers[atoi(words[1])] + atoi(words[2]), &number, strtoul(words[3], NULL, 10));
    } else if (!strcmp(words[0], "call"))
        make_call(words);
    else if (!strcmp(words[0], "show") && !in_child)
        show(words[1], words[2], atoi(words[3]));
}

/* The lines from `text` to the next case, which is returned. */
static char *run_case(char *text, const char *name, int skip)
{
    if (!skip) {
        polyglot_mkdir(name, 0755);
        polyglot_chdir(name);
    }
    while (*text != '\0' && strncmp(text, "case ", 5) != 0) {
        char *end = strchr(text, '\n');
        *end = '\0';
        if (!skip)
            run_line(text);
        text = end + 1;
    }
    if (in_child)
        polyglot_exit_group(0);
    fflush(stdout);
    return text;
}

/* The status of a case's process, which is killed after ten seconds. */
static int32_t wait_for(int64_t child)
{
    const struct polyglot_timespec step = { 0, 1000000 };
    int32_t status = 0;
    for (int i = 0; i < 10000; i++) {
        if (polyglot_wait4((int32_t)child, &status, WNOHANG, NULL) != 0)
            return status;
        polyglot_nanosleep(&step, NULL);
    }
    polyglot_kill((int32_t)child, SIGKILL);
    polyglot_wait4((int32_t)child, &status, 0, NULL);
    return status;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    for (size_t got; (got = fread(text + size, 1, room - size - 1, file)) > 0;) {
        size += got;
        if (room - size < 2)
            text = realloc(text, room *= 2);
    }
    text[size] = '\0';
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: runner PLAN [--here]\n");
        return 2;
    }
    int here = argc > 2 && !strcmp(argv[2], "--here");
    char *text = read_file(argv[1]);
    polyglot_close_range(3, ~0U, 0);
    polyglot_umask(022);
    while (strncmp(text, "case ", 5) == 0) {
        char *name = text + 5;
        text = strchr(text, '\n');
        *text++ = '\0';
        int32_t status = 0;
        printf("case %s\n", name);
        fflush(stdout);
        int64_t child = here ? 0 : polyglot_fork();
        if (child != 0) {
            status = wait_for(child);
            text = run_case(text, name, 1);
        } else {
            text = run_case(text, name, 0);
            if (!here)
                _exit(0);
            polyglot_chdir("..");
            polyglot_close_range(3, ~0U, 0);
        }
        printf("end %s %d\n", name, status);
    }
    return 0;
}
