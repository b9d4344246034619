/* Finds a character's glyph; see font.h. */
#include <dev/console/font.h>

const uint8_t *font_glyph(enum font_face face, uint32_t code_point)
{
    uint32_t low = 0, high = font_glyph_count;

    /* The font has all of ASCII from the blank on, in order: most text needs no search. */
    if (code_point >= 0x20 && code_point < 0x7f)
        return font_faces[face] + (code_point - 0x20) * FONT_HEIGHT;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (font_code_points[middle] < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == font_glyph_count || font_code_points[low] != code_point)
        low = font_replacement;
    return font_faces[face] + low * FONT_HEIGHT;
}
