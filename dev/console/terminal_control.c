/*
 * What the terminal's control characters and sequences do. Numbers and letters
 * are those of xterm's ctlseqs.txt; ECMA-48 names in comments.
 */
#include <dev/console/terminal_private.h>

#include <lib/printf.h>
#include <lib/string.h>

/* --- parameters -------------------------------------------------------------------------- */

LOCAL uint32_t terminal_parameter(const struct terminal *terminal, unsigned index, uint32_t otherwise)
{
    uint32_t value = index < terminal->parameter_count ? terminal->parameters[index] : 0;
    return value != 0 ? value : otherwise;
}

/* A count: at least 1, at most what can make a difference. */
LOCAL uint16_t terminal_count(const struct terminal *terminal)
{
    return (uint16_t)MIN(terminal_parameter(terminal, 0, 1), (uint32_t)MAX(TERMINAL_MAX_COLUMNS, TERMINAL_MAX_ROWS));
}

LOCAL void terminal_reply(struct terminal *terminal, const char *text, size_t size)
{
    if (terminal->reply_size + size > sizeof(terminal->reply))
        return; /* nobody reads: the answers are lost as a whole */
    memcpy(terminal->reply + terminal->reply_size, text, size);
    terminal->reply_size = (uint8_t)(terminal->reply_size + size);
}

void terminal_reply_text(struct terminal *terminal, const char *text)
{
    terminal_reply(terminal, text, strlen(text));
}

/* --- cursor ------------------------------------------------------------------------------ */

/* Row 0 of origin mode is the region's first. */
void terminal_move_to(struct terminal *terminal, uint32_t row, uint32_t column)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    uint32_t last = terminal->rows - 1u;

    if (cursor->origin_mode) {
        row += terminal->scroll_top;
        last = terminal->scroll_bottom;
    }
    cursor->row = (uint16_t)MIN(row, last);
    cursor->column = (uint16_t)MIN(column, terminal->columns - 1u);
    cursor->wrap_pending = false;
}

LOCAL uint32_t terminal_logical_row(const struct terminal *terminal)
{
    return terminal->cursor.row - (terminal->cursor.origin_mode ? terminal->scroll_top : 0u);
}

/* CUU, CUD: stop at the region's edge when they begin inside. */
void terminal_move_vertically(struct terminal *terminal, int32_t by)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    int32_t low = cursor->row >= terminal->scroll_top ? terminal->scroll_top : 0;
    int32_t high = cursor->row <= terminal->scroll_bottom ? terminal->scroll_bottom : terminal->rows - 1;
    int32_t row = cursor->row + by;

    cursor->row = (uint16_t)(row < low ? low : row > high ? high : row);
    cursor->wrap_pending = false;
}

void terminal_move_horizontally(struct terminal *terminal, int32_t by)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    int32_t column = cursor->column + by;

    cursor->column = (uint16_t)(column < 0 ? 0 : MIN(column, terminal->columns - 1));
    cursor->wrap_pending = false;
}

LOCAL void terminal_tab_forward(struct terminal *terminal, uint16_t count)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    for (; count > 0 && cursor->column < terminal->columns - 1; count--)
        do
            cursor->column++;
        while (cursor->column < terminal->columns - 1 && !terminal->tabs[cursor->column]);
}

LOCAL void terminal_tab_backward(struct terminal *terminal, uint16_t count)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    cursor->wrap_pending = false;
    for (; count > 0 && cursor->column > 0; count--)
        do
            cursor->column--;
        while (cursor->column > 0 && !terminal->tabs[cursor->column]);
}

LOCAL void terminal_save_cursor(struct terminal *terminal) { terminal->screen->saved = terminal->cursor; }

LOCAL void terminal_restore_cursor(struct terminal *terminal) { terminal->cursor = terminal->screen->saved; }

/* --- characters -------------------------------------------------------------------------- */

void terminal_control_character(struct terminal *terminal, uint8_t byte)
{
    switch (byte) {
    case '\a':
        terminal->bells++;
        break;
    case '\b':
        terminal_move_horizontally(terminal, -1);
        break;
    case '\t':
        terminal_tab_forward(terminal, 1);
        break;
    case '\n':
    case '\v':
    case '\f':
        terminal_line_feed(terminal);
        if (terminal->newline_mode)
            terminal->cursor.column = 0;
        break;
    case '\r':
        terminal->cursor.column = 0;
        terminal->cursor.wrap_pending = false;
        break;
    case 0x0e: /* SO */
    case 0x0f: /* SI */
        terminal->cursor.charset = byte == 0x0e;
        break;
    }
}

/* --- reset ------------------------------------------------------------------------------- */

/* ASCII in all four sets. */
LOCAL void terminal_reset_sets(struct terminal *terminal)
{
    terminal->single_shift = terminal->cursor.charset = 0;
    memset(terminal->cursor.charsets, TERMINAL_ASCII, sizeof(terminal->cursor.charsets));
}

/* DECSTR: modes and attributes, not the text. */
LOCAL void terminal_soft_reset(struct terminal *terminal)
{
    terminal->autowrap = terminal->cursor_visible = true;
    terminal->insert_mode = terminal->newline_mode = false;
    terminal->application_cursor_keys = false;
    terminal->scroll_top = 0;
    terminal->scroll_bottom = terminal->rows - 1;
    terminal->cursor.origin_mode = false;
    terminal_reset_sets(terminal);
    terminal->cursor.style = (struct terminal_cell){ .code_point = ' ' };
    for (size_t i = 0; i < ARRAY_COUNT(terminal->screens); i++) {
        struct terminal_cursor *saved = &terminal->screens[i].saved;
        memset(saved, 0, sizeof(*saved));
        saved->style.code_point = ' ';
    }
}

/* RIS */
void terminal_reset(struct terminal *terminal)
{
    terminal_soft_reset(terminal);
    terminal->bracketed_paste = false;
    terminal->reverse_screen = terminal->vt52 = false;
    terminal->last_character = 0;
    terminal->state = 0;
    utf8_decoder_init(&terminal->decoder);
    for (uint16_t column = 0; column < terminal->columns; column++)
        terminal->tabs[column] = column % 8 == 0;
    for (size_t i = ARRAY_COUNT(terminal->screens); i-- > 0;) {
        terminal->screen = &terminal->screens[i];
        terminal_erase_rows(terminal, 0, terminal->rows);
    }
    terminal_move_to(terminal, 0, 0);
}

/* --- escape sequences -------------------------------------------------------------------- */

/* DECALN: fills the screen with E, to adjust the tube. */
LOCAL void terminal_align(struct terminal *terminal)
{
    for (uint16_t row = 0; row < terminal->rows; row++) {
        struct terminal_cell *line = terminal_line(terminal, row);
        for (uint16_t column = 0; column < terminal->columns; column++)
            line[column] = (struct terminal_cell){ .code_point = 'E' };
        terminal->dirty[row] = true;
    }
    terminal->scroll_top = 0;
    terminal->scroll_bottom = terminal->rows - 1;
    terminal_move_to(terminal, 0, 0);
}

void terminal_escape_sequence(struct terminal *terminal, uint8_t final)
{
    if (terminal->intermediate >= '(' && terminal->intermediate <= '+') { /* SCS for G0 to G3 */
        terminal->cursor.charsets[terminal->intermediate - '('] =
            final == '0' || final == '2' ? TERMINAL_SPECIAL_GRAPHICS : final == 'A' ? TERMINAL_BRITISH : TERMINAL_ASCII;
        return;
    }
    if (terminal->intermediate == '#' && final == '8') {
        terminal_align(terminal);
        return;
    }
    if (terminal->intermediate != 0)
        return;
    switch (final) {
    case '7': terminal_save_cursor(terminal); break;
    case '8': terminal_restore_cursor(terminal); break;
    case 'D': terminal_line_feed(terminal); break;          /* IND */
    case 'E':                                               /* NEL */
        terminal_line_feed(terminal);
        terminal->cursor.column = 0;
        break;
    case 'H': terminal->tabs[terminal->cursor.column] = true; break; /* HTS */
    case 'M': terminal_reverse_line_feed(terminal); break;  /* RI */
    case 'N':                                               /* SS2 */
    case 'O':                                               /* SS3 */
        terminal->single_shift = (uint8_t)(final == 'N' ? 2 : 3);
        break;
    case 'Z': terminal_reply_text(terminal, "\033[?62;22c"); break; /* DECID */
    case 'n':                                               /* LS2 */
    case 'o':                                               /* LS3 */
        terminal->cursor.charset = (uint8_t)(final == 'n' ? 2 : 3);
        break;
    case 'c': terminal_reset(terminal); break;              /* RIS */
    }
}

/* --- graphic rendition ------------------------------------------------------------------- */

/* 38 and 48: an indexed or direct colour from parameter `index` on (the one after 38). Both ways of writing it:
 * 38;5;n and 38:5:n, 38;2;r;g;b and 38:2:[space]:r:g:b. Returns the number of parameters used. */
LOCAL unsigned terminal_extended_colour(const struct terminal *terminal, unsigned index, uint32_t *colour)
{
    bool colons = index < TERMINAL_MAX_PARAMETERS && (terminal->sub_parameters >> index & 1);
    unsigned end = index;
    const uint32_t *values = terminal->parameters;

    while (end < terminal->parameter_count && (!colons || (terminal->sub_parameters >> end & 1)))
        end++;
    if (index >= end)
        return 0;
    if (values[index] == 5 && index + 1 < end) {
        *colour = TERMINAL_COLOUR_INDEX | (values[index + 1] & 0xff);
        return colons ? end - index : 2;
    }
    if (values[index] == 2) {
        unsigned first = index + 1 + (colons && end - index >= 5);
        if (first + 2 < end)
            *colour = TERMINAL_COLOUR_RGB | (values[first] & 0xff) << 16 | (values[first + 1] & 0xff) << 8 |
                      (values[first + 2] & 0xff);
        return colons ? end - index : MIN(4u, end - index);
    }
    return colons ? end - index : 1;
}

LOCAL void terminal_set_attribute(struct terminal_cell *style, uint32_t attribute, bool on)
{
    uint32_t attributes = on ? style->attributes | attribute : style->attributes & ~attribute;
    style->attributes = attributes & 0x7ff;
}

/* One SGR parameter that stands alone. */
LOCAL void terminal_set_rendition(struct terminal_cell *style, uint32_t value)
{
    static const uint16_t on[] = { 0, TERMINAL_BOLD, TERMINAL_DIM, TERMINAL_ITALIC, TERMINAL_UNDERLINE, TERMINAL_BLINK,
                                   TERMINAL_BLINK, TERMINAL_REVERSE, TERMINAL_INVISIBLE, TERMINAL_STRIKE };
    static const uint16_t off[] = { 0, TERMINAL_UNDERLINE, TERMINAL_BOLD | TERMINAL_DIM, TERMINAL_ITALIC,
                                    TERMINAL_UNDERLINE, TERMINAL_BLINK, 0, TERMINAL_REVERSE, TERMINAL_INVISIBLE,
                                    TERMINAL_STRIKE };
    if (value == 0)
        *style = (struct terminal_cell){ .code_point = ' ' };
    else if (value < 10)
        terminal_set_attribute(style, on[value], true);
    else if (value == 21) /* double underline */
        terminal_set_attribute(style, TERMINAL_UNDERLINE, true);
    else if (value >= 22 && value < 30)
        terminal_set_attribute(style, off[value - 20], false);
    else if (value >= 30 && value <= 37)
        style->foreground = TERMINAL_COLOUR_INDEX | (value - 30);
    else if (value == 39)
        style->foreground = 0;
    else if (value >= 40 && value <= 47)
        style->background = TERMINAL_COLOUR_INDEX | (value - 40);
    else if (value == 49)
        style->background = 0;
    else if (value >= 90 && value <= 97)
        style->foreground = TERMINAL_COLOUR_INDEX | (value - 90 + 8);
    else if (value >= 100 && value <= 107)
        style->background = TERMINAL_COLOUR_INDEX | (value - 100 + 8);
}

/* SGR */
LOCAL void terminal_select_rendition(struct terminal *terminal)
{
    struct terminal_cell *style = &terminal->cursor.style;

    if (terminal->parameter_count == 0)
        terminal_set_rendition(style, 0);
    for (unsigned i = 0; i < terminal->parameter_count; i++) {
        uint32_t value = terminal->parameters[i], unused;
        bool colons = i + 1 < terminal->parameter_count && (terminal->sub_parameters >> (i + 1) & 1);
        if (value == 38 || value == 48)
            i += terminal_extended_colour(terminal, i + 1, value == 38 ? &style->foreground : &style->background);
        else if (value == 58) /* colour of the underline: not shown */
            i += terminal_extended_colour(terminal, i + 1, &unused);
        else if (value == 4 && colons) /* kinds of underline; 4:0 is none */
            terminal_set_attribute(style, TERMINAL_UNDERLINE, terminal->parameters[++i] != 0);
        else
            terminal_set_rendition(style, value);
    }
}

/* --- modes ------------------------------------------------------------------------------- */

LOCAL void terminal_switch_screen(struct terminal *terminal, bool alternate)
{
    struct terminal_screen *screen = &terminal->screens[alternate];

    if (terminal->screen == screen)
        return;
    terminal_end_view(terminal);
    terminal->screen = screen;
    memset(terminal->dirty, true, terminal->rows);
}

/* 1049: the alternate screen with the cursor saved around it. */
LOCAL void terminal_switch_screen_and_cursor(struct terminal *terminal, bool alternate)
{
    if ((terminal->screen == &terminal->screens[1]) == alternate)
        return;
    if (alternate) {
        terminal_save_cursor(terminal);
        terminal_switch_screen(terminal, true);
        terminal_erase_rows(terminal, 0, terminal->rows);
    } else {
        terminal_switch_screen(terminal, false);
        terminal_restore_cursor(terminal);
    }
}

/* The state of a private mode by its number; NULL: not known, or not a plain switch. */
LOCAL bool *terminal_private_mode(struct terminal *terminal, uint32_t number)
{
    switch (number) {
    case 1: return &terminal->application_cursor_keys;
    case 5: return &terminal->reverse_screen;
    case 6: return &terminal->cursor.origin_mode;
    case 7: return &terminal->autowrap;
    case 25: return &terminal->cursor_visible;
    case 2004: return &terminal->bracketed_paste;
    default: return NULL;
    }
}

/* DECSET, DECRST. Unknown ones (synchronized update 2026, mouse, focus) have no effect. */
LOCAL void terminal_set_private_mode(struct terminal *terminal, uint32_t number, bool on)
{
    bool *mode = terminal_private_mode(terminal, number);

    if (mode != NULL)
        *mode = on;
    switch (number) {
    case 2: /* DECANM */
        terminal->vt52 = !on;
        if (terminal->vt52)
            terminal_reset_sets(terminal);
        break;
    case 5: memset(terminal->dirty, true, terminal->rows); break;
    case 6: terminal_move_to(terminal, 0, 0); break;
    case 7: terminal->cursor.wrap_pending = false; break;
    case 47:
    case 1047: terminal_switch_screen(terminal, on); break;
    case 1048:
        if (on)
            terminal_save_cursor(terminal);
        else
            terminal_restore_cursor(terminal);
        break;
    case 1049: terminal_switch_screen_and_cursor(terminal, on); break;
    }
}

LOCAL void terminal_set_modes(struct terminal *terminal, bool on)
{
    for (unsigned i = 0; i < terminal->parameter_count; i++) {
        if (terminal->prefix == '?')
            terminal_set_private_mode(terminal, terminal->parameters[i], on);
        else if (terminal->prefix == 0 && terminal->parameters[i] == 4)
            terminal->insert_mode = on;
        else if (terminal->prefix == 0 && terminal->parameters[i] == 20)
            terminal->newline_mode = on;
    }
}

/* DECRQM: 1 set, 2 reset, 0 not recognised. */
LOCAL void terminal_report_mode(struct terminal *terminal)
{
    char text[32];
    uint32_t number = terminal_parameter(terminal, 0, 0);
    const bool *mode = terminal_private_mode(terminal, number);
    unsigned state = mode == NULL ? 0 : *mode ? 1 : 2;

    terminal_reply(terminal, text, (size_t)ksnprintf(text, sizeof(text), "\033[?%u;%u$y", number, state));
}

/* --- queries ----------------------------------------------------------------------------- */

/* DSR */
LOCAL void terminal_report_status(struct terminal *terminal)
{
    char text[32];
    uint32_t what = terminal_parameter(terminal, 0, 0);

    if (what == 5 && terminal->prefix == 0) {
        terminal_reply_text(terminal, "\033[0n");
    } else if (what == 6) {
        int size = ksnprintf(text, sizeof(text), "\033[%s%u;%uR", terminal->prefix == '?' ? "?" : "",
                             terminal_logical_row(terminal) + 1, terminal->cursor.column + 1u);
        terminal_reply(terminal, text, (size_t)size);
    }
}

/* DA: a VT220 with colours. */
LOCAL void terminal_report_identity(struct terminal *terminal)
{
    if (terminal_parameter(terminal, 0, 0) != 0)
        return;
    if (terminal->prefix == 0)
        terminal_reply_text(terminal, "\033[?62;22c");
    else if (terminal->prefix == '>')
        terminal_reply_text(terminal, "\033[>1;10;0c");
    else if (terminal->prefix == '=') /* DA3: a unit without a number */
        terminal_reply_text(terminal, "\033P!|00000000\033\\");
}

/* DECREQTPARM: no parity, eight bits, 19200 baud both ways, as xterm says. */
LOCAL void terminal_report_parameters(struct terminal *terminal)
{
    char text[32];
    uint32_t what = terminal_parameter(terminal, 0, 0);

    if (what <= 1)
        terminal_reply(terminal, text, (size_t)ksnprintf(text, sizeof(text), "\033[%u;1;1;128;128;1;0x", what + 2));
}

/* XTWINOPS: only the size in characters is told. */
LOCAL void terminal_report_window(struct terminal *terminal)
{
    char text[32];

    if (terminal_parameter(terminal, 0, 0) == 18)
        terminal_reply(terminal, text,
                       (size_t)ksnprintf(text, sizeof(text), "\033[8;%u;%ut", terminal->rows, terminal->columns));
}

/* --- control sequences ------------------------------------------------------------------- */

/* ED */
void terminal_erase_display(struct terminal *terminal)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    cursor->wrap_pending = false;
    switch (terminal_parameter(terminal, 0, 0)) {
    case 0:
        terminal_erase_cells(terminal, cursor->row, cursor->column, terminal->columns);
        terminal_erase_rows(terminal, cursor->row + 1, terminal->rows);
        break;
    case 1:
        terminal_erase_rows(terminal, 0, cursor->row);
        terminal_erase_cells(terminal, cursor->row, 0, cursor->column + 1);
        break;
    case 2:
        terminal_erase_rows(terminal, 0, terminal->rows);
        break;
    case 3:
        terminal_forget_history(terminal);
        break;
    }
}

/* EL */
void terminal_erase_line(struct terminal *terminal)
{
    struct terminal_cursor *cursor = &terminal->cursor;
    uint32_t what = terminal_parameter(terminal, 0, 0);

    cursor->wrap_pending = false;
    if (what <= 2)
        terminal_erase_cells(terminal, cursor->row, what == 0 ? cursor->column : 0,
                             what == 1 ? cursor->column + 1 : terminal->columns);
}

/* IL, DL: only with the cursor inside the region, whose rest moves. */
LOCAL void terminal_insert_lines(struct terminal *terminal, bool insert)
{
    struct terminal_cursor *cursor = &terminal->cursor;

    if (cursor->row < terminal->scroll_top || cursor->row > terminal->scroll_bottom)
        return;
    if (insert)
        terminal_scroll_down(terminal, cursor->row, terminal->scroll_bottom, terminal_count(terminal));
    else
        terminal_scroll_up(terminal, cursor->row, terminal->scroll_bottom, terminal_count(terminal));
    cursor->column = 0;
    cursor->wrap_pending = false;
}

/* DECSTBM: at least two rows. */
LOCAL void terminal_set_region(struct terminal *terminal)
{
    uint32_t top = terminal_parameter(terminal, 0, 1);
    uint32_t bottom = MIN(terminal_parameter(terminal, 1, terminal->rows), (uint32_t)terminal->rows);

    if (top >= bottom)
        return;
    terminal->scroll_top = (uint16_t)(top - 1);
    terminal->scroll_bottom = (uint16_t)(bottom - 1);
    terminal_move_to(terminal, 0, 0);
}

/* TBC */
LOCAL void terminal_clear_tabs(struct terminal *terminal)
{
    uint32_t what = terminal_parameter(terminal, 0, 0);

    if (what == 0)
        terminal->tabs[terminal->cursor.column] = false;
    else if (what == 3)
        memset(terminal->tabs, false, terminal->columns);
}

/* REP */
LOCAL void terminal_repeat(struct terminal *terminal)
{
    uint32_t cells = (uint32_t)terminal->columns * terminal->rows;

    if (terminal->last_character != 0)
        for (uint32_t count = MIN(terminal_parameter(terminal, 0, 1), cells); count > 0; count--)
            terminal_print(terminal, terminal->last_character);
}

/* Sequences with an intermediate byte or a prefix. */
LOCAL void terminal_special_sequence(struct terminal *terminal, uint8_t final)
{
    uint8_t prefix = terminal->prefix, intermediate = terminal->intermediate;

    if (intermediate == '!' && final == 'p')
        terminal_soft_reset(terminal);
    else if (intermediate == '$' && prefix == '?' && final == 'p')
        terminal_report_mode(terminal);
    else if (intermediate != 0)
        return;
    else if (prefix == '?' && (final == 'h' || final == 'l'))
        terminal_set_modes(terminal, final == 'h');
    else if (prefix == '?' && final == 'n')
        terminal_report_status(terminal);
    else if (prefix == '?' && final == 'J') /* DECSED and DECSEL: nothing is protected here */
        terminal_erase_display(terminal);
    else if (prefix == '?' && final == 'K')
        terminal_erase_line(terminal);
    else if ((prefix == '>' || prefix == '=') && final == 'c')
        terminal_report_identity(terminal);
}

void terminal_control_sequence(struct terminal *terminal, uint8_t final)
{
    uint16_t count = terminal_count(terminal);
    uint16_t row = terminal->cursor.row, column = terminal->cursor.column;

    if (terminal->prefix != 0 || terminal->intermediate != 0) {
        terminal_special_sequence(terminal, final);
        return;
    }
    switch (final) {
    case '@': /* ICH */
        terminal->cursor.wrap_pending = false;
        terminal_insert_cells(terminal, count);
        break;
    case 'A': /* CUU */
    case 'F': /* CPL */
    case 'k': /* VPB */
        terminal_move_vertically(terminal, -(int32_t)count);
        if (final == 'F')
            terminal->cursor.column = 0;
        break;
    case 'B': /* CUD */
    case 'E': /* CNL */
    case 'e': /* VPR */
        terminal_move_vertically(terminal, count);
        if (final == 'E')
            terminal->cursor.column = 0;
        break;
    case 'C': /* CUF */
    case 'a': /* HPR */
        terminal_move_horizontally(terminal, count);
        break;
    case 'D': /* CUB */
        terminal_move_horizontally(terminal, -(int32_t)count);
        break;
    case 'G': /* CHA */
    case '`': /* HPA */
        terminal_move_to(terminal, terminal_logical_row(terminal), terminal_parameter(terminal, 0, 1) - 1);
        break;
    case 'H': /* CUP */
    case 'f': /* HVP */
        terminal_move_to(terminal, terminal_parameter(terminal, 0, 1) - 1, terminal_parameter(terminal, 1, 1) - 1);
        break;
    case 'I': terminal_tab_forward(terminal, count); break;  /* CHT */
    case 'J': terminal_erase_display(terminal); break;
    case 'K': terminal_erase_line(terminal); break;
    case 'L': terminal_insert_lines(terminal, true); break;
    case 'M': terminal_insert_lines(terminal, false); break;
    case 'P': /* DCH */
        terminal->cursor.wrap_pending = false;
        terminal_delete_cells(terminal, count);
        break;
    case 'S': terminal_scroll_region_up(terminal, count); break; /* SU */
    case 'T':
        if (terminal->parameter_count <= 1) /* with more it is a mouse request */
            terminal_scroll_down(terminal, terminal->scroll_top, terminal->scroll_bottom, count);
        break;
    case 'X': /* ECH */
        terminal->cursor.wrap_pending = false;
        terminal_erase_cells(terminal, row, column, (uint16_t)MIN((uint32_t)column + count, terminal->columns));
        break;
    case 'Z': terminal_tab_backward(terminal, count); break; /* CBT */
    case 'b': terminal_repeat(terminal); break;
    case 'c': terminal_report_identity(terminal); break;
    case 'd': /* VPA */
        terminal_move_to(terminal, terminal_parameter(terminal, 0, 1) - 1, column);
        break;
    case 'g': terminal_clear_tabs(terminal); break;
    case 'h': terminal_set_modes(terminal, true); break;
    case 'l': terminal_set_modes(terminal, false); break;
    case 'm': terminal_select_rendition(terminal); break;
    case 'n': terminal_report_status(terminal); break;
    case 'r': terminal_set_region(terminal); break;
    case 's': terminal_save_cursor(terminal); break;
    case 't': terminal_report_window(terminal); break;
    case 'u': terminal_restore_cursor(terminal); break;
    case 'x': terminal_report_parameters(terminal); break;
    }
}
