/*
 * From scan codes to bytes; see scan_codes.h. Scan codes: "Keyboard Scan Code
 * Specification", Microsoft, 2000, set 1. Sequences: xterm's ctlseqs.txt, "PC-style
 * function keys".
 */
#include <dev/input/scan_codes.h>

#include <lib/printf.h>
#include <lib/string.h>
#include <lib/utf8.h>

#define KEY_EXTENDED 0x80 /* in our tables: the code came after E0 */
#define KEY_RELEASE 0x80  /* on the wire */
#define KEY_PAGE_UP (0x49 | KEY_EXTENDED)
#define KEY_PAGE_DOWN (0x51 | KEY_EXTENDED)
#define MODIFIERS_SHIFT 2 /* keyboard_modifier_number() of Shift alone */

enum keyboard_held {
    HELD_LEFT_SHIFT = 1, HELD_RIGHT_SHIFT = 2, HELD_LEFT_CONTROL = 4, HELD_RIGHT_CONTROL = 8,
    HELD_LEFT_ALT = 16, HELD_RIGHT_ALT = 32,
    HELD_SHIFT = HELD_LEFT_SHIFT | HELD_RIGHT_SHIFT,
    HELD_CONTROL = HELD_LEFT_CONTROL | HELD_RIGHT_CONTROL
};

static const struct { uint8_t key, held; } keyboard_modifiers[] = {
    { 0x2a, HELD_LEFT_SHIFT }, { 0x36, HELD_RIGHT_SHIFT },
    { 0x1d, HELD_LEFT_CONTROL }, { 0x1d | KEY_EXTENDED, HELD_RIGHT_CONTROL },
    { 0x38, HELD_LEFT_ALT }, { 0x38 | KEY_EXTENDED, HELD_RIGHT_ALT },
};

static const struct { uint8_t key, led; } keyboard_locks[] = {
    { 0x3a, KEYBOARD_LED_CAPS }, { 0x45, KEYBOARD_LED_NUM }, { 0x46, KEYBOARD_LED_SCROLL },
};

/*
 * Keys that send sequences: CSI number ~ where there is a number; else CSI letter, which is SS3 letter in
 * application mode (cursor keys) or always (F1 to F4).
 */
static const struct { uint8_t key, number; char letter; bool always_ss3; } keyboard_functions[] = {
    { 0x48 | KEY_EXTENDED, 0, 'A', false }, { 0x50 | KEY_EXTENDED, 0, 'B', false }, /* up, down */
    { 0x4d | KEY_EXTENDED, 0, 'C', false }, { 0x4b | KEY_EXTENDED, 0, 'D', false }, /* right, left */
    { 0x47 | KEY_EXTENDED, 0, 'H', false }, { 0x4f | KEY_EXTENDED, 0, 'F', false }, /* home, end */
    { 0x52 | KEY_EXTENDED, 2, '~', false }, { 0x53 | KEY_EXTENDED, 3, '~', false }, /* insert, delete */
    { KEY_PAGE_UP, 5, '~', false }, { KEY_PAGE_DOWN, 6, '~', false },
    { 0x3b, 0, 'P', true }, { 0x3c, 0, 'Q', true }, { 0x3d, 0, 'R', true }, { 0x3e, 0, 'S', true },
    { 0x3f, 15, '~', false }, { 0x40, 17, '~', false }, { 0x41, 18, '~', false }, { 0x42, 19, '~', false },
    { 0x43, 20, '~', false }, { 0x44, 21, '~', false }, { 0x57, 23, '~', false }, { 0x58, 24, '~', false },
};

/* The keypad from 0x47 on: digits with Num Lock, else what the extended key of the same code does. */
static const char keyboard_keypad[] = "789-456+1230.";
#define KEYPAD_FIRST 0x47

void keyboard_reset(struct keyboard *keyboard, const struct keymap *keymap)
{
    memset(keyboard, 0, sizeof(*keyboard));
    keyboard->keymap = keymap;
    keyboard->leds = KEYBOARD_LED_NUM;
}

LOCAL bool keyboard_has_alt(const struct keyboard *keyboard)
{
    return keyboard->held & (keyboard->keymap->has_altgr ? HELD_LEFT_ALT : HELD_LEFT_ALT | HELD_RIGHT_ALT);
}

/* True: the key is a modifier or a lock. */
LOCAL bool keyboard_note_modifier(struct keyboard *keyboard, uint8_t key, bool pressed)
{
    for (size_t i = 0; i < ARRAY_COUNT(keyboard_modifiers); i++) {
        if (keyboard_modifiers[i].key != key)
            continue;
        if (pressed)
            keyboard->held |= keyboard_modifiers[i].held;
        else
            keyboard->held &= (uint8_t)~keyboard_modifiers[i].held;
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(keyboard_locks); i++) {
        if (keyboard_locks[i].key != key)
            continue;
        if (pressed)
            keyboard->leds ^= keyboard_locks[i].led;
        return true;
    }
    return false;
}

/* --- sequences --------------------------------------------------------------------------- */

/* xterm's number for the modifiers held: 1 + 1 shift + 2 alt + 4 control. */
LOCAL unsigned keyboard_modifier_number(const struct keyboard *keyboard)
{
    return 1 + (keyboard->held & HELD_SHIFT ? 1 : 0) + (keyboard_has_alt(keyboard) ? 2 : 0) +
           (keyboard->held & HELD_CONTROL ? 4 : 0);
}

LOCAL size_t keyboard_function(const struct keyboard *keyboard, uint8_t key, bool application_keys, uint8_t *out)
{
    char *text = (char *)out;
    unsigned modifiers = keyboard_modifier_number(keyboard);

    for (size_t i = 0; i < ARRAY_COUNT(keyboard_functions); i++) {
        if (keyboard_functions[i].key != key)
            continue;
        unsigned number = keyboard_functions[i].number;
        char letter = keyboard_functions[i].letter;
        bool ss3 = number == 0 && (keyboard_functions[i].always_ss3 || application_keys);
        if (modifiers > 1)
            return (size_t)ksnprintf(text, KEYBOARD_MAX_OUTPUT, "\033[%u;%u%c", MAX(number, 1u), modifiers, letter);
        if (number > 0)
            return (size_t)ksnprintf(text, KEYBOARD_MAX_OUTPUT, "\033[%u%c", number, letter);
        return (size_t)ksnprintf(text, KEYBOARD_MAX_OUTPUT, "\033%c%c", ss3 ? 'O' : '[', letter);
    }
    return 0;
}

/* --- characters -------------------------------------------------------------------------- */

/* A letter: Caps Lock acts on it. */
LOCAL bool keyboard_is_letter(uint16_t plain, uint16_t shifted)
{
    return shifted + 0x20 == plain && ((plain >= 'a' && plain <= 'z') || (plain >= 0xe0 && plain <= 0xfe));
}

LOCAL uint16_t keyboard_character(const struct keyboard *keyboard, uint8_t key)
{
    const struct keymap *keymap = keyboard->keymap;
    uint16_t plain = keymap_character(keymap, key, KEYMAP_PLAIN);
    uint16_t shifted = keymap_character(keymap, key, KEYMAP_SHIFT);
    bool shift = keyboard->held & HELD_SHIFT;

    if (key >= KEY_EXTENDED)
        return 0;
    if (key == 0x39)
        return ' ';
    if (keymap->has_altgr && (keyboard->held & HELD_RIGHT_ALT))
        return keymap_character(keymap, key, KEYMAP_ALTGR);
    if ((keyboard->leds & KEYBOARD_LED_CAPS) && keyboard_is_letter(plain, shifted))
        shift = !shift;
    return shift ? shifted : plain;
}

/* Control with a character: as on a VT220; -1: nothing. */
LOCAL int keyboard_control(uint16_t character)
{
    static const char digits[] = { '@', '[', '\\', ']', '^', '_', '?' }; /* 2 to 8 */

    if (character >= '2' && character <= '8')
        character = (uint16_t)digits[character - '2'];
    else if (character == '/')
        character = '_';
    else if (character == ' ')
        character = '@';
    if (character == '?')
        return 0x7f;
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 1;
    return character >= '@' && character <= '_' ? character & 0x1f : -1;
}

LOCAL size_t keyboard_type(const struct keyboard *keyboard, uint16_t character, uint8_t *out)
{
    size_t size = 0;
    int control = -1;

    if (keyboard->held & HELD_CONTROL) {
        control = keyboard_control(character);
        if (control < 0)
            return 0;
    }
    if (keyboard_has_alt(keyboard))
        out[size++] = 0x1b;
    if (control >= 0)
        out[size++] = (uint8_t)control;
    else
        size += utf8_encode(character, (char *)out + size);
    return size;
}

/* Keys that are the same in all layouts; 0: not one of them. */
LOCAL uint8_t keyboard_fixed_key(const struct keyboard *keyboard, uint8_t key)
{
    switch (key) {
    case 0x01: return 0x1b;
    case 0x0e: return keyboard->held & HELD_CONTROL ? '\b' : 0x7f; /* backspace */
    case 0x0f: return '\t';
    case 0x1c:
    case 0x1c | KEY_EXTENDED: return '\r';
    case 0x37: return '*';                /* keypad */
    case 0x35 | KEY_EXTENDED: return '/'; /* keypad */
    default: return 0;
    }
}

LOCAL size_t keyboard_press(struct keyboard *keyboard, uint8_t key, bool application_keys, uint8_t *out)
{
    if (key >= KEYPAD_FIRST && key < KEYPAD_FIRST + sizeof(keyboard_keypad) - 1) {
        char character = keyboard_keypad[key - KEYPAD_FIRST];
        if (character == '+' || character == '-' || (keyboard->leds & KEYBOARD_LED_NUM))
            return keyboard_type(keyboard, (uint16_t)character, out);
        key |= KEY_EXTENDED;
    }
    if ((key == KEY_PAGE_UP || key == KEY_PAGE_DOWN) && keyboard_modifier_number(keyboard) == MODIFIERS_SHIFT) {
        keyboard->command = key == KEY_PAGE_UP ? KEYBOARD_SCROLL_BACK : KEYBOARD_SCROLL_FORWARD;
        return 0;
    }
    uint8_t fixed = keyboard_fixed_key(keyboard, key);
    if (fixed == '\t' && (keyboard->held & HELD_SHIFT)) {
        memcpy(out, "\033[Z", 3);
        return 3;
    }
    if (fixed != 0) {
        size_t size = 0;
        if (keyboard_has_alt(keyboard))
            out[size++] = 0x1b;
        out[size++] = fixed;
        return size;
    }
    size_t size = keyboard_function(keyboard, key, application_keys, out);
    if (size > 0)
        return size;
    uint16_t character = keyboard_character(keyboard, key);
    return character != 0 ? keyboard_type(keyboard, character, out) : 0;
}

size_t keyboard_translate(struct keyboard *keyboard, uint8_t scan_code, bool application_keys,
                          uint8_t out[KEYBOARD_MAX_OUTPUT])
{
    bool extended = keyboard->extended;

    keyboard->command = KEYBOARD_NO_COMMAND;
    if (keyboard->skip > 0) {
        keyboard->skip--;
        return 0;
    }
    if (scan_code == 0xe1) { /* Pause: E1 1D 45 E1 9D C5 */
        keyboard->skip = 2;
        return 0;
    }
    keyboard->extended = scan_code == 0xe0;
    if (scan_code == 0xe0)
        return 0;
    uint8_t key = scan_code & (uint8_t)~KEY_RELEASE;
    if (extended && (key == 0x2a || key == 0x36)) /* a made-up Shift around the extended keys */
        return 0;
    if (extended)
        key |= KEY_EXTENDED;
    if (keyboard_note_modifier(keyboard, key, !(scan_code & KEY_RELEASE)) || (scan_code & KEY_RELEASE))
        return 0;
    return keyboard_press(keyboard, key, application_keys, out);
}
