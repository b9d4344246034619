/*
 * The terminal emulator as a filter, for test_terminal.py. Input, repeated: columns, rows and size as 32-bit
 * numbers, then as many bytes for a fresh terminal. Output for each: "cursor ROW COLUMN", then a line a row of
 * the code points in hexadecimal, each followed by its attributes after a slash; 0 is the right half of a wide one.
 */
#include <stdio.h>
#include <stdlib.h>

#include <dev/console/terminal.h>

static void dump(const struct terminal *terminal)
{
    printf("cursor %u %u\n", terminal->cursor.row, terminal->cursor.column);
    for (uint16_t row = 0; row < terminal->rows; row++) {
        const struct terminal_cell *cells = terminal_row(terminal, row);
        for (uint16_t column = 0; column < terminal->columns; column++)
            printf("%x/%x ", cells[column].code_point, cells[column].attributes);
        putchar('\n');
    }
    fflush(stdout);
}

int main(void)
{
    uint32_t header[3];

    while (fread(header, sizeof(header), 1, stdin) == 1) {
        struct terminal terminal;
        void *memory = malloc(terminal_memory_size((uint16_t)header[0], (uint16_t)header[1], 0));
        uint8_t *bytes = malloc(header[2] + 1);
        if (memory == NULL || bytes == NULL || fread(bytes, 1, header[2], stdin) != header[2])
            return 1;
        terminal_init(&terminal, (uint16_t)header[0], (uint16_t)header[1], 0, memory);
        terminal_write(&terminal, bytes, header[2]);
        dump(&terminal);
        free(memory);
        free(bytes);
    }
    return 0;
}
