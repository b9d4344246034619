/* Scan codes to bytes.
 * Links: dev/input/scan_codes.c dev/input/keymap.c lib/utf8.c lib/printf.c */
#include <tests/host/check.h>

#include <dev/input/scan_codes.h>

static struct keyboard keyboard;
static bool application_keys;

static void start(const char *keymap)
{
    application_keys = false;
    keyboard_reset(&keyboard, keymap_find(keymap));
}

/* What the codes type, given as a string of bytes in hexadecimal. */
static const char *type(const char *codes)
{
    static char typed[256];
    size_t size = 0;
    unsigned code;
    int used;
    for (; sscanf(codes, "%x%n", &code, &used) == 1; codes += used)
        size += keyboard_translate(&keyboard, (uint8_t)code, application_keys, (uint8_t *)typed + size);
    typed[size] = '\0';
    return typed;
}

TEST(letters_and_shift)
{
    start("us");
    CHECK_STRING(type("1e 9e 30 b0"), "ab");
    CHECK_STRING(type("2a 1e 9e 02 82 aa 1e 9e"), "A!a");
    CHECK_STRING(type("36 35 b5 b6"), "?");
    CHECK_STRING(type("39 b9 1c 9c 0f 8f 01 81 0e 8e"), " \r\t\033\177");
}

TEST(caps_lock_is_for_letters)
{
    start("us");
    CHECK_STRING(type("3a ba 1e 9e 02 82"), "A1");
    CHECK_EQUAL(keyboard.leds & KEYBOARD_LED_CAPS, KEYBOARD_LED_CAPS);
    CHECK_STRING(type("2a 1e 9e aa 3a ba 1e 9e"), "aa");
    start("de");
    CHECK_STRING(type("3a 1a 0c"), "\xc3\x9c\xc3\x9f"); /* Ü; ß has no capital key */
}

TEST(control)
{
    start("us");
    CHECK_STRING(type("1d 2e ae 9d"), "\003");
    CHECK_STRING(type("e0 1d 2e ae 1a 2b 1b 07 e0 9d"), "\003\033\034\035\036");
    CHECK_STRING(type("1d 0e 8e 35 b5 9d"), "\b\037");
    CHECK_EQUAL(keyboard_translate(&keyboard, 0x1d, false, (uint8_t[KEYBOARD_MAX_OUTPUT]){ 0 }), 0);
    uint8_t out[KEYBOARD_MAX_OUTPUT] = { 1 };
    CHECK_EQUAL(keyboard_translate(&keyboard, 0x39, false, out), 1); /* Ctrl-Space is NUL */
    CHECK_EQUAL(out[0], 0);
}

TEST(alt_is_escape_first)
{
    start("us");
    CHECK_STRING(type("38 21 a1 b8"), "\033f");
    CHECK_STRING(type("38 1c 9c 0e b8"), "\033\r\033\177");
    CHECK_STRING(type("e0 38 21 e0 b8 21"), "\033ff");
    CHECK_STRING(type("1d 38 1e b8 9d"), "\033\001");
}

TEST(cursor_keys)
{
    start("us");
    CHECK_STRING(type("e0 48 e0 c8 e0 4b e0 47 e0 4f"), "\033[A\033[D\033[H\033[F");
    CHECK_STRING(type("e0 53 e0 52 e0 49 e0 51"), "\033[3~\033[2~\033[5~\033[6~");
    CHECK_STRING(type("e0 2a e0 50 e0 d0 e0 aa"), "\033[B"); /* the made-up Shift does not count */
    CHECK_STRING(type("1d e0 4d 9d 2a e0 48 aa 38 e0 4b b8"), "\033[1;5C\033[1;2A\033[1;3D");
    CHECK_STRING(type("1d e0 53 9d"), "\033[3;5~");
    application_keys = true;
    CHECK_STRING(type("e0 48 e0 4f"), "\033OA\033OF");
    CHECK_STRING(type("2a 0f aa"), "\033[Z");
}

TEST(function_keys)
{
    start("us");
    CHECK_STRING(type("3b 3e 3f 44 57 58"), "\033OP\033OS\033[15~\033[21~\033[23~\033[24~");
    CHECK_STRING(type("2a 3b 3f aa"), "\033[1;2P\033[15;2~");
}

TEST(keypad)
{
    start("us");
    CHECK_STRING(type("47 c7 53 4a 4e 37 e0 35 e0 1c"), "7.-+*/\r");
    CHECK_STRING(type("45 c5 47 c7 53 4e"), "\033[H\033[3~+");
}

TEST(shift_and_page_keys_are_the_terminals)
{
    start("us");
    CHECK_STRING(type("2a e0 49"), "");
    CHECK_EQUAL(keyboard.command, KEYBOARD_SCROLL_BACK);
    CHECK_STRING(type("e0 c9"), "");
    CHECK_EQUAL(keyboard.command, KEYBOARD_NO_COMMAND);
    CHECK_STRING(type("e0 2a e0 51"), "");
    CHECK_EQUAL(keyboard.command, KEYBOARD_SCROLL_FORWARD);
    CHECK_STRING(type("e0 d1 e0 aa 1d e0 49 e0 c9 9d aa e0 49"), "\033[5;6~\033[5~"); /* with Control too; alone */
    CHECK_EQUAL(keyboard.command, KEYBOARD_NO_COMMAND);
    CHECK_STRING(type("45 c5 2a 49 aa"), ""); /* the keypad without Num Lock */
    CHECK_STRING(type("2a 49"), "");
    CHECK_EQUAL(keyboard.command, KEYBOARD_SCROLL_BACK);
}

TEST(pause_types_nothing)
{
    start("us");
    CHECK_STRING(type("e1 1d 45 e1 9d c5 1e"), "a");
}

TEST(german)
{
    start("de");
    CHECK_STRING(type("15 95 2c ac 27 28 1a 0c"), "zy\xc3\xb6\xc3\xa4\xc3\xbc\xc3\x9f");
    CHECK_STRING(type("e0 38 10 08 0b 1b 12 e0 b8"), "@{}~\xe2\x82\xac");
    CHECK_STRING(type("2a 08 03 56 aa 56"), "/\"><");
    CHECK_STRING(type("1d 15 9d"), "\032"); /* Ctrl-Z is where Z is */
    CHECK_STRING(type("e0 38 1e e0 b8 39"), " "); /* nothing on that key */
}

TEST(unknown_layout)
{
    CHECK(keymap_find("xx") == NULL);
}

TEST(any_code_is_harmless)
{
    uint32_t seed = 1;
    uint8_t out[KEYBOARD_MAX_OUTPUT];
    start("de");
    for (int i = 0; i < 1000000; i++) {
        seed = seed * 1664525 + 1013904223;
        CHECK(keyboard_translate(&keyboard, (uint8_t)(seed >> 24), seed & 1, out) <= KEYBOARD_MAX_OUTPUT);
    }
}
