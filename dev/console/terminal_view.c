/* The terminal's scroll-back and the user's view of it; see terminal.h. */
#include <dev/console/terminal_private.h>

#include <lib/printf.h>
#include <lib/string.h>

void terminal_keep_row(struct terminal *terminal, uint16_t row)
{
    uint16_t *lines = terminal->screens[0].lines;

    if (terminal->history_capacity == 0)
        return;
    uint16_t *slot = &terminal->history[terminal->history_next], line = lines[row];
    lines[row] = *slot;
    *slot = line;
    terminal->history_next = (uint16_t)((terminal->history_next + 1) % terminal->history_capacity);
    if (terminal->history_count < terminal->history_capacity)
        terminal->history_count++;
    if (terminal->view_back > 0 && terminal->view_back < terminal->history_count)
        terminal->view_back++; /* the same lines stay in view */
}

void terminal_forget_history(struct terminal *terminal)
{
    terminal_end_view(terminal);
    terminal->history_count = 0;
}

void terminal_scroll_view(struct terminal *terminal, int32_t rows)
{
    int32_t back = terminal->view_back + rows;

    if (terminal->screen != &terminal->screens[0])
        return;
    terminal->view_back = (uint16_t)(back < 0 ? 0 : MIN(back, terminal->history_count));
    memset(terminal->dirty, true, terminal->rows);
}

void terminal_end_view(struct terminal *terminal)
{
    if (terminal->view_back == 0)
        return;
    terminal->view_back = 0;
    memset(terminal->dirty, true, terminal->rows);
}

/* Over the end of the line, in reverse: how much is above and below what is seen. Nothing where it does not fit. */
LOCAL void terminal_draw_mark(const struct terminal *terminal, struct terminal_cell *line)
{
    char text[48];
    int size = ksnprintf(text, sizeof(text), " %u lines above, %u below ",
                         (unsigned)terminal->history_count - terminal->view_back, (unsigned)terminal->view_back);

    if (size > terminal->columns)
        return;
    for (int i = 0; i < size; i++)
        line[terminal->columns - size + i] =
            (struct terminal_cell){ .code_point = (uint8_t)text[i] & 0x7f, .attributes = TERMINAL_REVERSE };
}

const struct terminal_cell *terminal_view_row(struct terminal *terminal, uint16_t row)
{
    uint16_t back = terminal->view_back, capacity = terminal->history_capacity;

    if (row >= back)
        return terminal_row(terminal, row - back);
    uint16_t slot = (uint16_t)((terminal->history_next + capacity - (back - row)) % capacity);
    const struct terminal_cell *cells =
        terminal->screens[0].cells + (size_t)terminal->history[slot] * terminal->columns;
    if (row > 0)
        return cells;
    memcpy(terminal->view_line, cells, terminal->columns * sizeof(*cells));
    terminal_draw_mark(terminal, terminal->view_line);
    return terminal->view_line;
}
