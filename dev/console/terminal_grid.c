/* The terminal's cells: printing, erasing, moving; see terminal_private.h. */
#include <dev/console/terminal_private.h>

#include <dev/tty/column_width.h>
#include <lib/string.h>

struct terminal_cell *terminal_line(struct terminal *terminal, uint16_t row)
{
    return terminal->screen->cells + (size_t)terminal->screen->lines[row] * terminal->columns;
}

const struct terminal_cell *terminal_row(const struct terminal *terminal, uint16_t row)
{
    return terminal->screen->cells + (size_t)terminal->screen->lines[row] * terminal->columns;
}

/* --- erasing ----------------------------------------------------------------------------- */

/* A half of a wide character that is about to lose its other half becomes a blank. `column` is where a change
 * begins or, exclusively, ends. */
LOCAL void terminal_split_wide(struct terminal *terminal, uint16_t row, uint16_t column)
{
    struct terminal_cell *line = terminal_line(terminal, row);

    if (column == 0 || column >= terminal->columns || !(line[column - 1].attributes & TERMINAL_WIDE))
        return;
    for (uint16_t i = column - 1; i <= column; i++) {
        line[i].code_point = ' ';
        line[i].attributes &= ~(uint32_t)TERMINAL_WIDE & 0x7ff;
    }
}

void terminal_erase_cells(struct terminal *terminal, uint16_t row, uint16_t from, uint16_t to)
{
    struct terminal_cell *line = terminal_line(terminal, row);
    struct terminal_cell blank = { .code_point = ' ', .background = terminal->cursor.style.background };

    terminal_split_wide(terminal, row, from);
    terminal_split_wide(terminal, row, to);
    for (uint16_t column = from; column < to; column++)
        line[column] = blank;
    terminal->dirty[row] = true;
}

void terminal_erase_rows(struct terminal *terminal, uint16_t from, uint16_t to)
{
    for (uint16_t row = from; row < to; row++)
        terminal_erase_cells(terminal, row, 0, terminal->columns);
}

/* --- moving rows ------------------------------------------------------------------------- */

void terminal_scroll_up(struct terminal *terminal, uint16_t top, uint16_t bottom, uint16_t count)
{
    uint16_t *lines = terminal->screen->lines, moved[TERMINAL_MAX_ROWS];
    uint16_t height = bottom - top + 1;

    count = MIN(count, height);
    memcpy(moved, lines + top, count * sizeof(*lines));
    memmove(lines + top, lines + top + count, (size_t)(height - count) * sizeof(*lines));
    memcpy(lines + bottom + 1 - count, moved, count * sizeof(*lines));
    memset(terminal->dirty + top, true, height);
    terminal_erase_rows(terminal, bottom + 1 - count, bottom + 1);
}

void terminal_scroll_down(struct terminal *terminal, uint16_t top, uint16_t bottom, uint16_t count)
{
    uint16_t *lines = terminal->screen->lines, moved[TERMINAL_MAX_ROWS];
    uint16_t height = bottom - top + 1;

    count = MIN(count, height);
    memcpy(moved, lines + bottom + 1 - count, count * sizeof(*lines));
    memmove(lines + top + count, lines + top, (size_t)(height - count) * sizeof(*lines));
    memcpy(lines + top, moved, count * sizeof(*lines));
    memset(terminal->dirty + top, true, height);
    terminal_erase_rows(terminal, top, top + count);
}

void terminal_scroll_region_up(struct terminal *terminal, uint16_t count)
{
    uint16_t top = terminal->scroll_top, bottom = terminal->scroll_bottom;

    if (top == 0 && terminal->screen == &terminal->screens[0])
        for (uint16_t row = 0; row < count && row <= bottom; row++)
            terminal_keep_row(terminal, row);
    terminal_scroll_up(terminal, top, bottom, count);
}

void terminal_line_feed(struct terminal *terminal)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    cursor->wrap_pending = false;
    if (cursor->row == terminal->scroll_bottom)
        terminal_scroll_region_up(terminal, 1);
    else if (cursor->row + 1 < terminal->rows)
        cursor->row++;
}

void terminal_reverse_line_feed(struct terminal *terminal)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    cursor->wrap_pending = false;
    if (cursor->row == terminal->scroll_top)
        terminal_scroll_down(terminal, terminal->scroll_top, terminal->scroll_bottom, 1);
    else if (cursor->row > 0)
        cursor->row--;
}

/* --- moving cells ------------------------------------------------------------------------ */

void terminal_insert_cells(struct terminal *terminal, uint16_t count)
{
    uint16_t row = terminal->cursor.row, column = terminal->cursor.column;
    struct terminal_cell *line = terminal_line(terminal, row);

    count = MIN(count, (uint16_t)(terminal->columns - column));
    terminal_split_wide(terminal, row, column);
    terminal_split_wide(terminal, row, terminal->columns - count);
    memmove(line + column + count, line + column, (size_t)(terminal->columns - column - count) * sizeof(*line));
    struct terminal_cell blank = { .code_point = ' ', .background = terminal->cursor.style.background };
    for (uint16_t i = 0; i < count; i++)
        line[column + i] = blank;
    terminal->dirty[row] = true;
}

void terminal_delete_cells(struct terminal *terminal, uint16_t count)
{
    uint16_t row = terminal->cursor.row, column = terminal->cursor.column;
    struct terminal_cell *line = terminal_line(terminal, row);

    count = MIN(count, (uint16_t)(terminal->columns - column));
    terminal_split_wide(terminal, row, column);
    terminal_split_wide(terminal, row, column + count);
    memmove(line + column, line + column + count, (size_t)(terminal->columns - column - count) * sizeof(*line));
    struct terminal_cell blank = { .code_point = ' ', .background = terminal->cursor.style.background };
    for (uint16_t i = terminal->columns - count; i < terminal->columns; i++)
        line[i] = blank;
    terminal->dirty[row] = true;
}

/* --- printing ---------------------------------------------------------------------------- */

/* DEC special graphics, 0x5f to 0x7e (VT220 programmer reference manual, table 2-4). */
static const uint16_t terminal_special_graphics[] = {
    0x0020, 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c,
    0x2514,
    0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0,
    0x2260, 0x00a3, 0x00b7,
};

LOCAL uint32_t terminal_map_character(struct terminal *terminal, uint32_t code_point)
{
    const struct terminal_cursor *cursor = &terminal->cursor;
    uint8_t charset = cursor->charsets[terminal->single_shift != 0 ? terminal->single_shift : cursor->charset];

    terminal->single_shift = 0;

    if (charset == TERMINAL_SPECIAL_GRAPHICS && code_point >= 0x5f && code_point <= 0x7e)
        return terminal_special_graphics[code_point - 0x5f];
    return charset == TERMINAL_BRITISH && code_point == '#' ? 0xa3 : code_point;
}

LOCAL void terminal_put_cell(struct terminal *terminal, uint32_t code_point, unsigned width)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    struct terminal_cell *line = terminal_line(terminal, cursor->row);
    struct terminal_cell *cell = line + cursor->column;

    terminal_split_wide(terminal, cursor->row, cursor->column);
    terminal_split_wide(terminal, cursor->row, (uint16_t)(cursor->column + width));
    *cell = cursor->style;
    cell->code_point = code_point & 0x1fffff;
    if (width == 2) {
        cell->attributes |= TERMINAL_WIDE;
        cell[1] = cursor->style;
        cell[1].code_point = 0;
    }
    terminal->dirty[cursor->row] = true;
}

void terminal_print(struct terminal *terminal, uint32_t character)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    uint32_t code_point = terminal_map_character(terminal, character);
    unsigned width = column_width(code_point);
    if (width == 0)
        return;
    if (cursor->wrap_pending || cursor->column + width > terminal->columns) {
        if (terminal->autowrap) {
            terminal_line_feed(terminal);
            cursor->column = 0;
        } else {
            cursor->column = (uint16_t)(terminal->columns - width);
        }
        cursor->wrap_pending = false;
    }
    if (terminal->insert_mode)
        terminal_insert_cells(terminal, (uint16_t)width);
    terminal_put_cell(terminal, code_point, width);
    terminal->last_character = character;
    if (cursor->column + width < terminal->columns) {
        cursor->column = (uint16_t)(cursor->column + width);
    } else {
        cursor->column = terminal->columns - 1;
        cursor->wrap_pending = terminal->autowrap;
    }
}

size_t terminal_print_ascii(struct terminal *terminal, const uint8_t *bytes, size_t size)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    size_t count = 0, limit = MIN(size, (size_t)(terminal->columns - 1 - cursor->column));

    if (cursor->wrap_pending || terminal->insert_mode || terminal->single_shift != 0 ||
        cursor->charsets[cursor->charset] != TERMINAL_ASCII)
        return 0;
    while (count < limit && bytes[count] >= 0x20 && bytes[count] < 0x7f)
        count++;
    if (count == 0)
        return 0;
    struct terminal_cell *cell = terminal_line(terminal, cursor->row) + cursor->column, style = cursor->style;
    terminal_split_wide(terminal, cursor->row, cursor->column);
    terminal_split_wide(terminal, cursor->row, (uint16_t)(cursor->column + count));
    for (size_t i = 0; i < count; i++) {
        style.code_point = bytes[i];
        cell[i] = style;
    }
    terminal->dirty[cursor->row] = true;
    cursor->column = (uint16_t)(cursor->column + count);
    terminal->last_character = bytes[count - 1];
    return count;
}
