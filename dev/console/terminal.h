/*
 * The terminal emulator: bytes in, a grid of characters with attributes out.
 * It follows xterm (ctlseqs.txt, ECMA-48) as far as line editors and full-screen
 * text programs go; TERM=xterm-256color describes it.
 *
 * Pure logic on memory, tested on the host against another emulator. Drawing is
 * somebody else's: it looks at rows whose `dirty` flag is set, and clears it.
 *
 *     size = terminal_memory_size(columns, rows, history);
 *     terminal_init(&terminal, columns, rows, history, memory);
 *     terminal_write(&terminal, bytes, size);
 *     cells = terminal_row(&terminal, row);           what the program sees
 *     terminal_scroll_view(&terminal, rows);          look back, into the lines that scrolled off
 *     cells = terminal_view_row(&terminal, row);      what the user sees
 *     n = terminal_take_reply(&terminal, buffer, size);    answers to queries, for the program's input
 *
 * Rows are kept as a permutation, so scrolling moves row numbers, not cells; the
 * scroll-back is a ring of such numbers. Lines enter it when they leave the primary
 * screen by its first row; the alternate screen has none.
 *
 * Left out: combining characters (dropped), selections, left and
 * right margins, double-size lines, character sets but ASCII, the British one and line drawing (in G0 to G3),
 * mouse reports, titles, sixel. Such sequences are recognised and ignored.
 */
#ifndef DEV_CONSOLE_TERMINAL_H
#define DEV_CONSOLE_TERMINAL_H

#include <lib/utf8.h>

#define TERMINAL_MAX_COLUMNS 512
#define TERMINAL_MAX_ROWS 256
#define TERMINAL_MAX_HISTORY 32768
#define TERMINAL_MAX_PARAMETERS 16

/* Colours: 0 is the default one; else a kind and a value. */
#define TERMINAL_COLOUR_INDEX 0x01000000u /* | palette index 0..255 */
#define TERMINAL_COLOUR_RGB 0x02000000u   /* | 0xrrggbb */

enum terminal_attribute {
    TERMINAL_BOLD = 1, TERMINAL_DIM = 2, TERMINAL_ITALIC = 4, TERMINAL_UNDERLINE = 8, TERMINAL_BLINK = 16,
    TERMINAL_REVERSE = 32, TERMINAL_INVISIBLE = 64, TERMINAL_STRIKE = 128,
    TERMINAL_WIDE = 256,       /* the left half of a wide character; the right half has code point 0 */
    TERMINAL_CURSOR = 512      /* for the drawing side; never in the grid */
};

struct terminal_cell {
    uint32_t code_point : 21;  /* ' ' when blank */
    uint32_t attributes : 11;  /* enum terminal_attribute */
    uint32_t foreground, background;
};

enum terminal_charset { TERMINAL_ASCII, TERMINAL_BRITISH, TERMINAL_SPECIAL_GRAPHICS };

/* What DECSC saves. */
struct terminal_cursor {
    uint16_t row, column;
    bool wrap_pending;         /* the last column was written: the next character goes to the next line */
    bool origin_mode;
    uint8_t charset;           /* which of G0 to G3 is in use */
    uint8_t charsets[4];       /* G0 to G3: enum terminal_charset */
    struct terminal_cell style; /* attributes and colours of what is written */
};

struct terminal_screen {
    struct terminal_cell *cells; /* lines of `columns` cells */
    uint16_t *lines;             /* row -> line */
    struct terminal_cursor saved;
};

struct terminal {
    uint16_t columns, rows;
    struct terminal_screen screens[2]; /* primary, alternate */
    struct terminal_screen *screen;    /* the one shown */
    struct terminal_cursor cursor;
    uint16_t scroll_top, scroll_bottom; /* the region's first and last row */
    bool *dirty;                        /* rows that changed since they were drawn */
    bool *tabs;                         /* columns with a tab stop */

    /* scroll-back: lines of the primary screen's cells */
    uint16_t *history;                  /* a ring: history_next is the oldest once it is full */
    uint16_t history_capacity, history_count, history_next;
    uint16_t view_back;                 /* rows that the user looks back; 0: the live screen */
    struct terminal_cell *view_line;    /* terminal_view_row()'s first row with the mark */

    /* modes */
    bool autowrap, insert_mode, newline_mode, cursor_visible;
    bool application_cursor_keys, bracketed_paste;
    bool reverse_screen;                /* DECSCNM: for the drawing side; cells stay as they are */
    bool vt52;                          /* DECANM is off: the sequences are a VT52's */
    uint8_t single_shift;               /* SS2, SS3: the set of the next character; 0: none */
    uint32_t bells;                     /* rung so far */

    /* parser */
    uint8_t state;                      /* enum terminal_state of terminal.c */
    uint8_t prefix, intermediate;       /* of the sequence: '?', '>', '=', '<'; ' ', '!', '$', ... */
    uint32_t parameters[TERMINAL_MAX_PARAMETERS];
    uint16_t sub_parameters;            /* bit n: parameter n follows a colon */
    uint8_t parameter_count;
    struct utf8_decoder decoder;
    uint32_t last_character;            /* for REP */

    uint8_t reply[64];                  /* waits for terminal_take_reply() */
    uint8_t reply_size;
};

/* Bytes of memory for a grid; columns and rows within 2 .. TERMINAL_MAX, `history` lines of scroll-back up to
 * TERMINAL_MAX_HISTORY. */
size_t terminal_memory_size(uint16_t columns, uint16_t rows, uint16_t history);

/* `memory` is aligned to 8 bytes and belongs to the terminal from now on. Everything is blank and dirty. */
void terminal_init(struct terminal *terminal, uint16_t columns, uint16_t rows, uint16_t history, void *memory);

void terminal_write(struct terminal *terminal, const uint8_t *bytes, size_t size);

/* A line of text from elsewhere (the kernel's log) on a line of its own, with plain attributes; the sequence that
 * the program is in the middle of goes on afterwards. "\n" also returns the carriage. */
void terminal_write_aside(struct terminal *terminal, const char *text, size_t size);

/* `columns` cells. */
const struct terminal_cell *terminal_row(const struct terminal *terminal, uint16_t row);

/* Moves the view by `rows`: above 0 back, below 0 forward, as far as there are lines. While the user looks back, output
 * does not move what is seen (until the oldest lines are gone). The alternate screen stays as it is. */
void terminal_scroll_view(struct terminal *terminal, int32_t rows);

/* Back to the live screen. */
void terminal_end_view(struct terminal *terminal);

/* As terminal_row(), of what the user sees. While view_back is not 0, any row may change with any output, whatever
 * `dirty` says, and the first row's end tells where one is. Valid until the next call. */
const struct terminal_cell *terminal_view_row(struct terminal *terminal, uint16_t row);

/* Takes out what the terminal answers to queries; returns the number of bytes. */
size_t terminal_take_reply(struct terminal *terminal, uint8_t *buffer, size_t size);

#endif
