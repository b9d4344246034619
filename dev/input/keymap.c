/* Keyboard layouts: a new one is a new entry here. */
#include <dev/input/scan_codes.h>

#include <lib/string.h>

/* The rows of keys, by the scan code of their first. */
#define DIGITS 0x02
#define UPPER 0x10
#define MIDDLE 0x1e
#define LOWER 0x2b
#define EXTRA 0x56 /* between left Shift and Z, on keyboards with 102 keys */

static const struct keymap keymaps[] = {
    {
        .name = "us",
        .rows = {
            { DIGITS, { u"1234567890-=", u"!@#$%^&*()_+", NULL } },
            { UPPER,  { u"qwertyuiop[]", u"QWERTYUIOP{}", NULL } },
            { MIDDLE, { u"asdfghjkl;'`", u"ASDFGHJKL:\"~", NULL } },
            { LOWER,  { u"\\zxcvbnm,./", u"|ZXCVBNM<>?", NULL } },
            { EXTRA,  { u"\\", u"|", NULL } },
        },
    },
    {
        .name = "de",
        .has_altgr = true,
        .rows = {
            { DIGITS, { u"1234567890ß´", u"!\"§$%&/()=?`", u" ²³   {[]}\\ " } },
            { UPPER,  { u"qwertzuiopü+", u"QWERTZUIOPÜ*", u"@ €        ~" } },
            { MIDDLE, { u"asdfghjklöä^", u"ASDFGHJKLÖÄ°", NULL } },
            { LOWER,  { u"#yxcvbnm,.-", u"'YXCVBNM;:_", u"       µ   " } },
            { EXTRA,  { u"<", u">", u"|" } },
        },
    },
};

const struct keymap *keymap_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(keymaps); i++)
        if (strcmp(keymaps[i].name, name) == 0)
            return &keymaps[i];
    return NULL;
}

uint16_t keymap_character(const struct keymap *keymap, uint8_t scan_code, enum keymap_level level)
{
    if (scan_code == 0x39)
        return ' ';
    for (size_t i = 0; i < KEYMAP_ROWS; i++) {
        const struct keymap_row *row = &keymap->rows[i];
        const uint16_t *keys = row->keys[level];
        if (keys == NULL || scan_code < row->first)
            continue;
        for (unsigned offset = 0; keys[offset] != 0; offset++)
            if (offset == (unsigned)(scan_code - row->first))
                return keys[offset] == ' ' ? 0 : keys[offset];
    }
    return 0;
}
