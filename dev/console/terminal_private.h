/* What terminal.c (parser, control functions) and terminal_grid.c (cells) share. */
#ifndef DEV_CONSOLE_TERMINAL_PRIVATE_H
#define DEV_CONSOLE_TERMINAL_PRIVATE_H

#include <dev/console/terminal.h>

/* Prints one character at the cursor, mapped by the character set in use. */
void terminal_print(struct terminal *terminal, uint32_t character);

/* Prints the printable ASCII characters at the beginning of `bytes`, as far as they can be printed in one go: plain
 * text before the row's last column. Returns how many, maybe 0. */
size_t terminal_print_ascii(struct terminal *terminal, const uint8_t *bytes, size_t size);

/* Fills [from, to) of a row with blanks in the current background. */
void terminal_erase_cells(struct terminal *terminal, uint16_t row, uint16_t from, uint16_t to);
void terminal_erase_rows(struct terminal *terminal, uint16_t from, uint16_t to);

/* Move rows of [top, bottom] up or down by `count`; blank ones come in. */
void terminal_scroll_up(struct terminal *terminal, uint16_t top, uint16_t bottom, uint16_t count);
void terminal_scroll_down(struct terminal *terminal, uint16_t top, uint16_t bottom, uint16_t count);

/* Scrolls the region up; what leaves the primary screen by its first row goes into the scroll-back. */
void terminal_scroll_region_up(struct terminal *terminal, uint16_t count);

/* Move the rest of the cursor's row right or left by `count` cells. */
void terminal_insert_cells(struct terminal *terminal, uint16_t count);
void terminal_delete_cells(struct terminal *terminal, uint16_t count);

/* Line feed and reverse line feed: scroll at the region's edge. */
void terminal_line_feed(struct terminal *terminal);
void terminal_reverse_line_feed(struct terminal *terminal);

struct terminal_cell *terminal_line(struct terminal *terminal, uint16_t row);

/* terminal_view.c: the scroll-back takes a row of the primary screen, which gets another line in exchange, of any
 * content. */
void terminal_keep_row(struct terminal *terminal, uint16_t row);
void terminal_forget_history(struct terminal *terminal);

/* terminal_control.c: complete sequences. */
void terminal_control_character(struct terminal *terminal, uint8_t byte);
void terminal_escape_sequence(struct terminal *terminal, uint8_t final);
void terminal_control_sequence(struct terminal *terminal, uint8_t final);
void terminal_reset(struct terminal *terminal);
void terminal_erase_display(struct terminal *terminal);
void terminal_erase_line(struct terminal *terminal);
void terminal_move_to(struct terminal *terminal, uint32_t row, uint32_t column);
void terminal_move_vertically(struct terminal *terminal, int32_t by);
void terminal_move_horizontally(struct terminal *terminal, int32_t by);
void terminal_reply_text(struct terminal *terminal, const char *text);

/* terminal_vt52.c: the byte after ESC of a VT52; and the cursor's place, of which a byte each is a row and a column. Both
 * return true while more bytes belong to the sequence. */
bool terminal_vt52_sequence(struct terminal *terminal, uint8_t byte);
bool terminal_vt52_address(struct terminal *terminal, uint8_t byte);

#endif
