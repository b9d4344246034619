/*
 * The terminal's parser: splits bytes into characters and control sequences
 * (ECMA-48, section 5; the states are those of DEC's terminals, which ignore a
 * sequence they do not know to its end). What a sequence does: terminal_control.c.
 */
#include <dev/console/terminal_private.h>

#include <lib/string.h>

enum terminal_state {
    TERMINAL_TEXT,
    TERMINAL_ESCAPE,        /* after ESC, and intermediates */
    TERMINAL_CSI,           /* after ESC [ */
    TERMINAL_CSI_IGNORE,    /* a malformed one: to its final byte */
    TERMINAL_STRING,        /* OSC, DCS, SOS, PM, APC: to ST, or BEL */
    TERMINAL_STRING_ESCAPE, /* ESC within: ST follows, or a new sequence */
    TERMINAL_VT52_ADDRESS   /* a VT52's row or column */
};

#define TERMINAL_PARAMETER_LIMIT 99999u

size_t terminal_memory_size(uint16_t columns, uint16_t rows, uint16_t history)
{
    size_t line = columns * sizeof(struct terminal_cell);
    return ALIGN_UP((rows + history) * line, 8) + ALIGN_UP(rows * line, 8) + ALIGN_UP(line, 8) +
           2 * ALIGN_UP(rows * sizeof(uint16_t), 8) + ALIGN_UP(history * sizeof(uint16_t), 8) +
           ALIGN_UP(rows * sizeof(bool), 8) + ALIGN_UP(columns * sizeof(bool), 8);
}

/* The next piece of the memory block. */
LOCAL void *terminal_carve(uint8_t **memory, size_t size)
{
    void *piece = *memory;
    *memory += ALIGN_UP(size, 8);
    return piece;
}

void terminal_init(struct terminal *terminal, uint16_t columns, uint16_t rows, uint16_t history, void *memory)
{
    uint8_t *next = memory;
    size_t line = columns * sizeof(struct terminal_cell);

    memset(terminal, 0, sizeof(*terminal));
    terminal->columns = columns;
    terminal->rows = rows;
    for (size_t i = 0; i < ARRAY_COUNT(terminal->screens); i++) {
        terminal->screens[i].cells = terminal_carve(&next, (rows + (i == 0 ? history : 0u)) * line);
        terminal->screens[i].lines = terminal_carve(&next, rows * sizeof(uint16_t));
        for (uint16_t row = 0; row < rows; row++)
            terminal->screens[i].lines[row] = row;
    }
    terminal->history = terminal_carve(&next, history * sizeof(uint16_t));
    terminal->history_capacity = history;
    for (uint16_t i = 0; i < history; i++)
        terminal->history[i] = (uint16_t)(rows + i);
    terminal->view_line = terminal_carve(&next, line);
    terminal->dirty = terminal_carve(&next, rows * sizeof(bool));
    terminal->tabs = terminal_carve(&next, columns * sizeof(bool));
    terminal_reset(terminal);
}

LOCAL void terminal_begin_sequence(struct terminal *terminal, enum terminal_state state)
{
    terminal->state = state;
    terminal->prefix = terminal->intermediate = 0;
    terminal->parameter_count = 0;
    terminal->sub_parameters = 0;
    memset(terminal->parameters, 0, sizeof(terminal->parameters));
}

LOCAL void terminal_parse_escape(struct terminal *terminal, uint8_t byte)
{
    if (terminal->vt52) {
        terminal->state = terminal_vt52_sequence(terminal, byte) ? TERMINAL_VT52_ADDRESS : TERMINAL_TEXT;
        return;
    }
    if (byte >= 0x20 && byte <= 0x2f) {
        terminal->intermediate = byte;
        return;
    }
    terminal->state = TERMINAL_TEXT;
    if (terminal->intermediate == 0 && byte == '[')
        terminal_begin_sequence(terminal, TERMINAL_CSI);
    else if (terminal->intermediate == 0 &&
             (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_'))
        terminal->state = TERMINAL_STRING;
    else if (byte < 0x7f)
        terminal_escape_sequence(terminal, byte);
}

LOCAL void terminal_parse_parameter(struct terminal *terminal, uint8_t byte)
{
    if (terminal->parameter_count == 0)
        terminal->parameter_count = 1;
    if (byte >= '0' && byte <= '9') {
        uint32_t *value = &terminal->parameters[terminal->parameter_count - 1];
        *value = MIN(*value * 10 + (byte - '0'), TERMINAL_PARAMETER_LIMIT);
    } else if (terminal->parameter_count == TERMINAL_MAX_PARAMETERS) {
        terminal->state = TERMINAL_CSI_IGNORE;
    } else {
        if (byte == ':')
            terminal->sub_parameters |= (uint16_t)(1u << terminal->parameter_count);
        terminal->parameter_count++;
    }
}

LOCAL void terminal_parse_csi(struct terminal *terminal, uint8_t byte)
{
    if (byte >= 0x40 && byte <= 0x7e) {
        bool ignore = terminal->state == TERMINAL_CSI_IGNORE;
        terminal->state = TERMINAL_TEXT;
        if (!ignore)
            terminal_control_sequence(terminal, byte);
    } else if (terminal->state == TERMINAL_CSI_IGNORE) {
        return;
    } else if (byte >= 0x3c && byte <= 0x3f && terminal->parameter_count == 0 && terminal->intermediate == 0 &&
               terminal->prefix == 0) {
        terminal->prefix = byte;
    } else if (byte >= 0x30 && byte <= 0x3b && terminal->intermediate == 0) {
        terminal_parse_parameter(terminal, byte);
    } else if (byte >= 0x20 && byte <= 0x2f) {
        terminal->intermediate = byte;
    } else {
        terminal->state = TERMINAL_CSI_IGNORE;
    }
}

/* Control characters act wherever they come; within a string they are part of it. */
LOCAL void terminal_parse_control(struct terminal *terminal, uint8_t byte)
{
    bool in_string = terminal->state == TERMINAL_STRING || terminal->state == TERMINAL_STRING_ESCAPE;

    if (byte == 0x1b) {
        if (in_string)
            terminal->state = TERMINAL_STRING_ESCAPE;
        else
            terminal_begin_sequence(terminal, TERMINAL_ESCAPE);
    } else if (byte == 0x18 || byte == 0x1a) { /* CAN, SUB */
        terminal->state = TERMINAL_TEXT;
    } else if (in_string) {
        if (byte == '\a')
            terminal->state = TERMINAL_TEXT;
    } else {
        terminal_control_character(terminal, byte);
    }
}

LOCAL void terminal_parse_text(struct terminal *terminal, uint8_t byte)
{
    uint32_t points[2];
    unsigned count = utf8_decoder_feed(&terminal->decoder, byte, points);

    for (unsigned i = 0; i < count; i++)
        if (points[i] >= 0xa0 || (points[i] >= 0x20 && points[i] < 0x7f)) /* C1 controls in UTF-8 are ignored */
            terminal_print(terminal, points[i]);
}

LOCAL void terminal_parse(struct terminal *terminal, uint8_t byte)
{
    if (byte < 0x20) {
        if (terminal->decoder.needed > 0) /* a character is broken off */
            terminal_parse_text(terminal, 0);
        terminal_parse_control(terminal, byte);
        return;
    }
    switch (terminal->state) {
    case TERMINAL_TEXT:
        terminal_parse_text(terminal, byte);
        break;
    case TERMINAL_ESCAPE:
        terminal_parse_escape(terminal, byte);
        break;
    case TERMINAL_CSI:
    case TERMINAL_CSI_IGNORE:
        if (byte != 0x7f)
            terminal_parse_csi(terminal, byte);
        break;
    case TERMINAL_VT52_ADDRESS:
        if (!terminal_vt52_address(terminal, byte))
            terminal->state = TERMINAL_TEXT;
        break;
    case TERMINAL_STRING_ESCAPE:
        if (byte == '\\') {
            terminal->state = TERMINAL_TEXT;
        } else {
            terminal_begin_sequence(terminal, TERMINAL_ESCAPE);
            terminal_parse_escape(terminal, byte);
        }
        break;
    default: /* a string's content */
        break;
    }
}

void terminal_write(struct terminal *terminal, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t printed = 0;
        if (terminal->state == TERMINAL_TEXT && terminal->decoder.needed == 0)
            printed = terminal_print_ascii(terminal, bytes + i, size - i);
        if (printed == 0)
            terminal_parse(terminal, bytes[i]);
        i += MAX(printed, (size_t)1);
    }
}

void terminal_write_aside(struct terminal *terminal, const char *text, size_t size)
{
    struct terminal_cell style = terminal->cursor.style;
    struct utf8_decoder decoder = terminal->decoder;
    uint8_t state = terminal->state;
    bool insert_mode = terminal->insert_mode;

    terminal->state = TERMINAL_TEXT;
    terminal->insert_mode = false;
    utf8_decoder_init(&terminal->decoder);
    terminal->cursor.style = (struct terminal_cell){ .code_point = ' ' };
    if (terminal->cursor.column > 0)
        terminal_write(terminal, (const uint8_t *)"\r\n", 2);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte == 0x1b) /* a log line holds no sequences: shown, not obeyed */
            byte = '?';
        if (byte == '\n')
            terminal_parse(terminal, '\r');
        terminal_parse(terminal, byte);
    }
    terminal->cursor.style = style;
    terminal->decoder = decoder;
    terminal->state = state;
    terminal->insert_mode = insert_mode;
}

size_t terminal_take_reply(struct terminal *terminal, uint8_t *buffer, size_t size)
{
    size_t count = MIN(size, (size_t)terminal->reply_size);

    memcpy(buffer, terminal->reply, count);
    memmove(terminal->reply, terminal->reply + count, terminal->reply_size - count);
    terminal->reply_size = (uint8_t)(terminal->reply_size - count);
    return count;
}
