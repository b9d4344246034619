/*
 * Draws text cells into the loader's framebuffer. Pixels are only ever written:
 * what is shown is remembered as cells, and only cells that differ are drawn.
 *
 *     framebuffer_init(&boot_info.framebuffer);
 *     framebuffer_draw_row(row, cells, columns, cursor, reverse);
 *
 * Before there is memory to remember cells in, framebuffer_init_early() and
 * framebuffer_draw_cell() do with the loader's mapping.
 *
 * Locking is the caller's. Context of drawing: any.
 */
#ifndef DEV_CONSOLE_FRAMEBUFFER_H
#define DEV_CONSOLE_FRAMEBUFFER_H

#include <boot/boot_info.h>
#include <dev/console/terminal.h>

/* Maps the framebuffer, clears it. 0; -ENODEV: there is none that text fits on; -ENOMEM. Context: boot. */
MUST_CHECK int framebuffer_init(const struct boot_framebuffer *framebuffer);

/* Uses the loader's direct map, which lasts until the kernel switches to page tables of its own. False: there is no
 * framebuffer that text fits on, or not there. */
bool framebuffer_init_early(const struct boot_framebuffer *framebuffer);

/* Draws one cell, whatever is there. */
void framebuffer_draw_cell(uint16_t row, uint16_t column, const struct terminal_cell *cell);

/* Size in characters. */
uint16_t framebuffer_columns(void);
uint16_t framebuffer_rows(void);

/* Brings a row to the screen. `cursor`: its column in this row, or -1. `reverse`: with the colours of every cell exchanged. */
void framebuffer_draw_row(uint16_t row, const struct terminal_cell *cells, uint16_t columns, int cursor, bool reverse);

#endif
