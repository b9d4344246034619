/*
 * The console's font: 8x16 pixels, two faces, 1 bit a pixel. The tables are
 * made by tools/mkfont.py from dev/console/font/.
 */
#ifndef DEV_CONSOLE_FONT_H
#define DEV_CONSOLE_FONT_H

#include <lib/types.h>

#define FONT_WIDTH 8
#define FONT_HEIGHT 16

enum font_face { FONT_REGULAR, FONT_BOLD, FONT_FACE_COUNT };

extern const uint32_t font_glyph_count;
extern const uint32_t font_replacement;      /* index of U+FFFD */
extern const uint16_t font_code_points[];    /* ascending */
extern const uint8_t *const font_faces[FONT_FACE_COUNT]; /* FONT_HEIGHT bytes a glyph, highest bit leftmost */

/* FONT_HEIGHT rows of a character, of U+FFFD if the font lacks it. Context: any. */
const uint8_t *font_glyph(enum font_face face, uint32_t code_point);

#endif
