/*
 * A PC keyboard's scan codes (set 1) become the bytes that xterm's keys send.
 * Pure logic, tested on the host; the layouts are tables in keymap.c.
 *
 *     keyboard_reset(&keyboard, keymap_find("de"));
 *     n = keyboard_translate(&keyboard, scan_code, application_keys, out);    for each byte of the device
 *     keyboard.command                                   what the byte asks of the terminal itself
 *
 * Left out: dead keys (they type their character), compose, other keyboards'
 * extra keys.
 */
#ifndef DEV_INPUT_SCAN_CODES_H
#define DEV_INPUT_SCAN_CODES_H

#include <lib/types.h>

#define KEYMAP_ROWS 5
enum keymap_level { KEYMAP_PLAIN, KEYMAP_SHIFT, KEYMAP_ALTGR, KEYMAP_LEVELS };

/* Characters of the keys from `first` on, for each level. A blank: no character. NULL: none in the row. */
struct keymap_row {
    uint8_t first; /* scan code */
    const uint16_t *keys[KEYMAP_LEVELS];
};

struct keymap {
    const char *name;
    bool has_altgr; /* the right Alt key selects the third level, else it is another Alt key */
    struct keymap_row rows[KEYMAP_ROWS];
};

/* By name ("us", "de"); NULL: unknown. */
const struct keymap *keymap_find(const char *name);
/* 0: the key types nothing at this level. `scan_code`: without the release bit. */
uint16_t keymap_character(const struct keymap *keymap, uint8_t scan_code, enum keymap_level level);

enum keyboard_led { KEYBOARD_LED_SCROLL = 1, KEYBOARD_LED_NUM = 2, KEYBOARD_LED_CAPS = 4 };

/* Shift-PageUp and Shift-PageDown are the terminal's own. */
enum keyboard_command { KEYBOARD_NO_COMMAND, KEYBOARD_SCROLL_BACK, KEYBOARD_SCROLL_FORWARD };

struct keyboard {
    const struct keymap *keymap;
    uint8_t held;     /* modifier keys that are down */
    uint8_t leds;     /* enum keyboard_led; the locks that are on */
    bool extended;    /* E0 came */
    uint8_t skip;     /* bytes of the Pause key that are to come */
    uint8_t command;  /* enum keyboard_command of the last byte */
};

/* The most bytes one key gives. */
#define KEYBOARD_MAX_OUTPUT 16

void keyboard_reset(struct keyboard *keyboard, const struct keymap *keymap);

/* One byte from the device; returns how many bytes the key typed, 0 for a release or a modifier. */
size_t keyboard_translate(struct keyboard *keyboard, uint8_t scan_code, bool application_keys,
                          uint8_t out[KEYBOARD_MAX_OUTPUT]);

#endif
