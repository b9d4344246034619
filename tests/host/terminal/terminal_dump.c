/*
 * The terminal emulator as a process, for emulators.py: requests on standard input, answers on standard output.
 * All numbers are 32-bit, of this machine's byte order. A request is three numbers:
 *
 *     0 columns rows      a new terminal; no answer
 *     1 size 0            then as many bytes of output. Answer: a size, then what the terminal replies to queries
 *     2 0 0               Answer: the cursor's row and column, then the cells as they are in memory
 */
#include <stdio.h>
#include <stdlib.h>

#include <dev/console/terminal.h>

static struct terminal terminal;
static void *memory;

static void start(uint32_t columns, uint32_t rows)
{
    free(memory);
    memory = malloc(terminal_memory_size((uint16_t)columns, (uint16_t)rows, 100));
    if (memory == NULL)
        exit(1);
    terminal_init(&terminal, (uint16_t)columns, (uint16_t)rows, 100, memory);
}

static void feed(uint32_t size)
{
    uint8_t *bytes = malloc(size + 1), reply[sizeof(terminal.reply)];

    if (bytes == NULL || fread(bytes, 1, size, stdin) != size)
        exit(1);
    terminal_write(&terminal, bytes, size);
    free(bytes);
    uint32_t reply_size = (uint32_t)terminal_take_reply(&terminal, reply, sizeof(reply));
    fwrite(&reply_size, sizeof(reply_size), 1, stdout);
    fwrite(reply, 1, reply_size, stdout);
}

static void dump(void)
{
    uint32_t cursor[2] = { terminal.cursor.row, terminal.cursor.column };

    fwrite(cursor, sizeof(cursor), 1, stdout);
    for (uint16_t row = 0; row < terminal.rows; row++)
        fwrite(terminal_row(&terminal, row), sizeof(struct terminal_cell), terminal.columns, stdout);
}

int main(void)
{
    uint32_t request[3];

    while (fread(request, sizeof(request), 1, stdin) == 1) {
        if (request[0] == 0)
            start(request[1], request[2]);
        else if (request[0] == 1)
            feed(request[1]);
        else
            dump();
        fflush(stdout);
    }
    free(memory);
    return 0;
}
