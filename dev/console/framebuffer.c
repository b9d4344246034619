/* Text on a linear framebuffer of 32 bits a pixel; see framebuffer.h. */
#include <dev/console/framebuffer.h>

#include <abi/errno.h>
#include <dev/console/font.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <lib/string.h>

#define FRAMEBUFFER_FOREGROUND 0xcccccc
#define FRAMEBUFFER_BACKGROUND 0x101418
#define FRAMEBUFFER_UNDERLINE_ROW 14
#define FRAMEBUFFER_STRIKE_ROW 8

/* xterm's first 16 colours, softened; 0xrrggbb. */
static const uint32_t framebuffer_palette[16] = {
    0x101418, 0xd05050, 0x50b050, 0xc8a040, 0x5080e0, 0xb060c0, 0x40b0b8, 0xcccccc,
    0x606870, 0xff7070, 0x70e070, 0xf0d060, 0x80a8ff, 0xe088f0, 0x60e0e8, 0xffffff,
};

static struct {
    uint8_t *pixels;              /* write-combining */
    struct boot_framebuffer mode;
    uint16_t columns, rows;
    struct terminal_cell *shown;  /* what the screen shows, cursor included */
} framebuffer;

uint16_t framebuffer_columns(void) { return framebuffer.columns; }
uint16_t framebuffer_rows(void) { return framebuffer.rows; }

/* --- colours ----------------------------------------------------------------------------- */

/* The 256-colour palette above the first 16: a 6x6x6 cube, then greys (xterm's 256colres.h). */
LOCAL uint32_t framebuffer_indexed_colour(uint32_t index)
{
    if (index < 16)
        return framebuffer_palette[index];
    if (index >= 232) {
        uint32_t grey = 8 + (index - 232) * 10;
        return grey << 16 | grey << 8 | grey;
    }
    uint32_t rgb = 0;
    for (uint32_t divisor = 36; divisor > 0; divisor /= 6) {
        uint32_t level = (index - 16) / divisor % 6;
        rgb = rgb << 8 | (level == 0 ? 0 : 55 + 40 * level);
    }
    return rgb;
}

LOCAL uint32_t framebuffer_colour(uint32_t colour, uint32_t otherwise)
{
    if (colour & TERMINAL_COLOUR_INDEX)
        return framebuffer_indexed_colour(colour & 0xff);
    return colour & TERMINAL_COLOUR_RGB ? colour & 0xffffff : otherwise;
}

/* 0xrrggbb as the mode's pixel. */
LOCAL uint32_t framebuffer_pixel(uint32_t rgb)
{
    const struct boot_framebuffer *mode = &framebuffer.mode;
    return (rgb >> 16 & 0xff) << mode->red_shift | (rgb >> 8 & 0xff) << mode->green_shift |
           (rgb & 0xff) << mode->blue_shift;
}

/* The two pixel values of a cell. */
LOCAL void framebuffer_cell_pixels(const struct terminal_cell *cell, uint32_t *foreground, uint32_t *background)
{
    uint32_t front = framebuffer_colour(cell->foreground, FRAMEBUFFER_FOREGROUND);
    uint32_t back = framebuffer_colour(cell->background, FRAMEBUFFER_BACKGROUND);
    bool reverse = !(cell->attributes & TERMINAL_REVERSE) != !(cell->attributes & TERMINAL_CURSOR);

    if (cell->attributes & TERMINAL_DIM)
        front = (front >> 1 & 0x7f7f7f) + (back >> 1 & 0x7f7f7f);
    if (cell->attributes & TERMINAL_INVISIBLE)
        front = back;
    *foreground = framebuffer_pixel(reverse ? back : front);
    *background = framebuffer_pixel(reverse ? front : back);
}

/* --- drawing ----------------------------------------------------------------------------- */

void framebuffer_draw_cell(uint16_t row, uint16_t column, const struct terminal_cell *cell)
{
    uint32_t foreground, background;
    const uint8_t *glyph = font_glyph(cell->attributes & TERMINAL_BOLD ? FONT_BOLD : FONT_REGULAR,
                                      cell->code_point == 0 ? ' ' : cell->code_point);

    framebuffer_cell_pixels(cell, &foreground, &background);
    /* Two pixels at a time, by their bits; the left one is the lower half. */
    const uint64_t pairs[4] = {
        (uint64_t)background << 32 | background, (uint64_t)foreground << 32 | background,
        (uint64_t)background << 32 | foreground, (uint64_t)foreground << 32 | foreground,
    };
    uint8_t *line = framebuffer.pixels + (size_t)row * FONT_HEIGHT * framebuffer.mode.pitch +
                    (size_t)column * FONT_WIDTH * sizeof(uint32_t);
    for (unsigned y = 0; y < FONT_HEIGHT; y++, line += framebuffer.mode.pitch) {
        uint8_t bits = glyph[y];
        if (((cell->attributes & TERMINAL_UNDERLINE) && y == FRAMEBUFFER_UNDERLINE_ROW) ||
            ((cell->attributes & TERMINAL_STRIKE) && y == FRAMEBUFFER_STRIKE_ROW))
            bits = 0xff;
        volatile uint64_t *pixels = (volatile uint64_t *)(void *)line;
        pixels[0] = pairs[bits >> 6];
        pixels[1] = pairs[bits >> 4 & 3];
        pixels[2] = pairs[bits >> 2 & 3];
        pixels[3] = pairs[bits & 3];
    }
}

LOCAL bool framebuffer_shows(const struct terminal_cell *shown, const struct terminal_cell *cell)
{
    return shown->code_point == cell->code_point && shown->attributes == cell->attributes &&
           shown->foreground == cell->foreground && shown->background == cell->background;
}

void framebuffer_draw_row(uint16_t row, const struct terminal_cell *cells, uint16_t columns, int cursor, bool reverse)
{
    struct terminal_cell *shown = framebuffer.shown + (size_t)row * framebuffer.columns;

    for (uint16_t column = 0; column < columns; column++) {
        struct terminal_cell cell = cells[column];
        if (column == cursor)
            cell.attributes |= TERMINAL_CURSOR;
        if (reverse)
            cell.attributes ^= TERMINAL_REVERSE;
        if (!framebuffer_shows(&shown[column], &cell)) {
            shown[column] = cell;
            framebuffer_draw_cell(row, column, &cell);
        }
    }
}

/* --- set-up ------------------------------------------------------------------------------ */

/* Two pixels at a time: the whole screen is the longest thing that set-up does. */
LOCAL void framebuffer_clear(void)
{
    const struct boot_framebuffer *mode = &framebuffer.mode;
    uint32_t background = framebuffer_pixel(FRAMEBUFFER_BACKGROUND);
    uint64_t pair = (uint64_t)background << 32 | background;

    for (uint32_t y = 0; y < mode->height; y++) {
        volatile uint64_t *line = (volatile uint64_t *)(void *)(framebuffer.pixels + (size_t)y * mode->pitch);
        for (uint32_t x = 0; x < mode->width / 8; x++, line += 4)
            line[0] = line[1] = line[2] = line[3] = pair;
        for (uint32_t x = 0; x < mode->width % 8; x++)
            ((volatile uint32_t *)line)[x] = background;
    }
}

/* Takes the mode over. False: it is no use for text. */
LOCAL bool framebuffer_set_mode(const struct boot_framebuffer *mode)
{
    framebuffer.mode = *mode;
    framebuffer.columns = (uint16_t)MIN(mode->width / FONT_WIDTH, (uint32_t)TERMINAL_MAX_COLUMNS);
    framebuffer.rows = (uint16_t)MIN(mode->height / FONT_HEIGHT, (uint32_t)TERMINAL_MAX_ROWS);
    return framebuffer.columns >= 2 && framebuffer.rows >= 2 && mode->bits_per_pixel == 32;
}

bool framebuffer_init_early(const struct boot_framebuffer *mode)
{
    if (!framebuffer_set_mode(mode) || mode->phys + (uint64_t)mode->pitch * mode->height > (uint64_t)1 << 32)
        return false;
    framebuffer.pixels = (uint8_t *)(BOOT_DIRECT_MAP_BASE + mode->phys);
    return true;
}

int framebuffer_init(const struct boot_framebuffer *mode)
{
    if (!framebuffer_set_mode(mode))
        return -ENODEV;
    size_t cells = (size_t)framebuffer.columns * framebuffer.rows;
    framebuffer.shown = kmalloc(cells * sizeof(struct terminal_cell));
    if (framebuffer.shown == NULL)
        return -ENOMEM;
    framebuffer.pixels = device_map(mode->phys, (size_t)mode->pitch * mode->height, CACHE_WRITE_COMBINING);
    if (framebuffer.pixels == NULL) {
        kfree(framebuffer.shown);
        return -ENOMEM;
    }
    for (size_t i = 0; i < cells; i++)
        framebuffer.shown[i] = (struct terminal_cell){ .code_point = ' ' };
    framebuffer_clear();
    return 0;
}
