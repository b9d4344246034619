/* How many columns of a terminal a character takes. */
#ifndef DEV_TTY_COLUMN_WIDTH_H
#define DEV_TTY_COLUMN_WIDTH_H

#include <lib/types.h>

/* 0 for combining and other zero-width characters, 2 for East Asian wide ones and emoji, else 1 (also for
 * control characters, which are the caller's business). */
unsigned column_width(uint32_t code_point);

#endif
