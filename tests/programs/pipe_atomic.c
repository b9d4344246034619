/* Four writers, one reader: records of PIPE_BUF bytes are never torn. */
#include "program.h"

#define RECORDS 60

static int fd;

static int writer(void *argument)
{
    char record[PIPE_BUF];
    memset(record, 'a' + (int)(intptr_t)argument, sizeof record);
    for (int i = 0; i < RECORDS; i++)
        if (write(fd, record, sizeof record) != sizeof record)
            return 1;
    return 0;
}

int main(void)
{
    int ends[2], torn = 0, counts[4] = { 0 };
    char record[PIPE_BUF];
    pid_t pids[4];
    MUST(pipe(ends));
    fd = ends[1];
    for (int i = 0; i < 4; i++)
        pids[i] = start(writer, (void *)(intptr_t)i);
    close(ends[1]);
    for (;;) {
        size_t size = 0;
        ssize_t now;
        while (size < sizeof record && (now = read(ends[0], record + size, sizeof record - size)) > 0)
            size += now;
        if (size == 0)
            break;
        counts[record[0] - 'a']++;
        for (size_t i = 1; i < size; i++)
            torn += record[i] != record[0];
    }
    for (int i = 0; i < 4; i++) {
        printf("writer %d: %d records, ", i, counts[i]);
        show_status("status", wait_for(pids[i]));
    }
    printf("torn: %d\n", torn);
    return 0;
}
