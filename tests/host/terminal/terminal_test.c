/* The terminal emulator: what another emulator cannot judge (replies, screens, colours), and random bytes.
 * tests/host/terminal/test_terminal.py compares it with pyte.
 * Links: dev/console/terminal.c dev/console/terminal_control.c dev/console/terminal_grid.c dev/tty/column_width.c
 * Links: dev/console/terminal_view.c dev/console/terminal_vt52.c lib/utf8.c lib/printf.c */
#include <tests/host/check.h>

#include <dev/console/terminal.h>

static struct terminal terminal;
static void *memory;

static void start_with_history(uint16_t columns, uint16_t rows, uint16_t history)
{
    free(memory);
    memory = malloc(terminal_memory_size(columns, rows, history));
    terminal_init(&terminal, columns, rows, history, memory);
}

static void start(uint16_t columns, uint16_t rows) { start_with_history(columns, rows, 7); }

static void write_text(const char *text) { terminal_write(&terminal, (const uint8_t *)text, strlen(text)); }

/* Cells as UTF-8, blanks at the end removed. */
static const char *cells_text(const struct terminal_cell *cells)
{
    static char text[4 * TERMINAL_MAX_COLUMNS + 1];
    size_t size = 0, length = 0;
    for (uint16_t column = 0; column < terminal.columns; column++) {
        if (cells[column].code_point == 0)
            continue; /* right half */
        size += utf8_encode(cells[column].code_point, text + size);
        if (cells[column].code_point != ' ')
            length = size;
    }
    text[length] = '\0';
    return text;
}

static const char *row(uint16_t number) { return cells_text(terminal_row(&terminal, number)); }
static const char *seen(uint16_t number) { return cells_text(terminal_view_row(&terminal, number)); }

static const char *reply(void)
{
    static char text[65];
    text[terminal_take_reply(&terminal, (uint8_t *)text, 64)] = '\0';
    return text;
}

TEST(text_wraps_and_scrolls)
{
    start(5, 3);
    write_text("abcdefg\r\nhi\r\njk\r\nlm");
    CHECK_STRING(row(0), "hi");
    CHECK_STRING(row(1), "jk");
    CHECK_STRING(row(2), "lm");
    write_text("\r12345");
    CHECK_EQUAL(terminal.cursor.row, 2); /* the wrap waits for the next character */
    write_text("6");
    CHECK_STRING(row(1), "12345");
    CHECK_STRING(row(2), "6");
}

TEST(wide_characters)
{
    start(5, 2);
    write_text("a\xe4\xb8\xad\xe6\x96\x87"); /* the second one fits exactly */
    CHECK_STRING(row(0), "a\xe4\xb8\xad\xe6\x96\x87");
    CHECK(terminal_row(&terminal, 0)[1].attributes & TERMINAL_WIDE);
    CHECK_EQUAL(terminal_row(&terminal, 0)[2].code_point, 0);
    write_text("\r\033[2CX"); /* onto the right half: the left one goes */
    CHECK_STRING(row(0), "a X\xe6\x96\x87");
    write_text("\033[4G\033[K");
    CHECK_STRING(row(0), "a X");
    write_text("\033[5G\xe4\xb8\xad"); /* does not fit: next line */
    CHECK_STRING(row(1), "\xe4\xb8\xad");
    write_text("\033[1;1H\xe4\xb8\xad\033[1;1H\033[P");
    CHECK_STRING(row(0), " X");
}

TEST(combining_characters_are_dropped)
{
    start(10, 2);
    write_text("e\xcc\x81x\xe2\x80\x8d");
    CHECK_STRING(row(0), "ex");
}

TEST(replies)
{
    start(80, 24);
    write_text("\033[5;10H\033[6n");
    CHECK_STRING(reply(), "\033[5;10R");
    CHECK_STRING(reply(), "");
    write_text("\033[c\033[5n");
    CHECK_STRING(reply(), "\033[?62;22c\033[0n");
    write_text("\033[x\033[1x\033[2x");
    CHECK_STRING(reply(), "\033[2;1;1;128;128;1;0x\033[3;1;1;128;128;1;0x");
    write_text("\033[18t\033[>c\033[?25$p\033[?2026$p");
    CHECK_STRING(reply(), "\033[8;24;80t\033[>1;10;0c\033[?25;1$y\033[?2026;0$y");
    write_text("\033[3;20r\033[?6h\033[2;4H\033[6n\033[?6n");
    CHECK_STRING(reply(), "\033[2;4R\033[?2;4R");
    for (int i = 0; i < 100; i++) /* nobody takes them: no more than fit */
        write_text("\033[5n");
    CHECK_EQUAL(strlen(reply()) % 4, 0);
}

TEST(alternate_screen_keeps_the_primary)
{
    start(20, 3);
    write_text("shell\033[2;3H\033[?1049hprogram");
    CHECK_STRING(row(1), "  program");
    CHECK_STRING(row(0), "");
    write_text("\033[1;1H\033[?1049l");
    CHECK_STRING(row(0), "shell");
    CHECK_EQUAL(terminal.cursor.row, 1);
    CHECK_EQUAL(terminal.cursor.column, 2);
    write_text("\033[?1049h");
    CHECK_STRING(row(1), ""); /* entered clean */
    write_text("\033[?1049h\033[?1049l");
}

TEST(colours)
{
    start(40, 2);
    write_text("\033[1;31;42ma\033[38;5;200;48;2;1;2;3mb\033[38:5:7;48:2::9:8:7mc\033[22;39;49md\033[0;95;107me\033[mf");
    const struct terminal_cell *cells = terminal_row(&terminal, 0);
    CHECK_EQUAL(cells[0].attributes, TERMINAL_BOLD);
    CHECK_EQUAL(cells[0].foreground, TERMINAL_COLOUR_INDEX | 1);
    CHECK_EQUAL(cells[0].background, TERMINAL_COLOUR_INDEX | 2);
    CHECK_EQUAL(cells[1].foreground, TERMINAL_COLOUR_INDEX | 200);
    CHECK_EQUAL(cells[1].background, TERMINAL_COLOUR_RGB | 0x010203);
    CHECK_EQUAL(cells[2].foreground, TERMINAL_COLOUR_INDEX | 7);
    CHECK_EQUAL(cells[2].background, TERMINAL_COLOUR_RGB | 0x090807);
    CHECK_EQUAL(cells[3].attributes, 0);
    CHECK_EQUAL(cells[3].foreground, 0);
    CHECK_EQUAL(cells[4].foreground, TERMINAL_COLOUR_INDEX | 13);
    CHECK_EQUAL(cells[4].background, TERMINAL_COLOUR_INDEX | 15);
    CHECK_EQUAL(cells[5].foreground, 0);
    write_text("\033[4:3mg\033[4:0mh\033[58;5;1;7mi");
    CHECK_EQUAL(cells[6].attributes, TERMINAL_UNDERLINE);
    CHECK_EQUAL(cells[7].attributes, 0);
    CHECK_EQUAL(cells[8].attributes, TERMINAL_REVERSE);
}

TEST(erased_cells_take_the_background)
{
    start(10, 2);
    write_text("abc\033[44m\033[2K");
    CHECK_EQUAL(terminal_row(&terminal, 0)[5].background, TERMINAL_COLOUR_INDEX | 4);
    CHECK_STRING(row(0), "");
}

TEST(line_drawing)
{
    start(10, 2);
    write_text("\033(0lqk\033(Blqk\016\033)0q\017q");
    CHECK_STRING(row(0), "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90lqk\xe2\x94\x80q");
}

TEST(four_character_sets)
{
    start(10, 2);
    write_text("\033*0\033+A\033Nqq\033O##");
    CHECK_STRING(row(0), "\xe2\x94\x80q\xc2\xa3#");
    write_text("\r\n\033nq\033o#\017q\033[1m\033Nx");
    CHECK_STRING(row(1), "\xe2\x94\x80\xc2\xa3q\xe2\x94\x82");
    write_text("\033[!p\r\033Nq");
    CHECK_STRING(row(1), "q\xc2\xa3q\xe2\x94\x82");
}

TEST(screen_in_reverse)
{
    start(4, 2);
    write_text("ab");
    memset(terminal.dirty, false, 2);
    write_text("\033[?5h\033[?5$p");
    CHECK(terminal.reverse_screen && terminal.dirty[0] && terminal.dirty[1]);
    CHECK_EQUAL(terminal_row(&terminal, 0)[0].attributes, 0); /* the cells stay as they are */
    CHECK_STRING(reply(), "\033[?5;1$y");
    write_text("\033c");
    CHECK(!terminal.reverse_screen);
}

TEST(vt52)
{
    start(20, 5);
    write_text("\033[?2lab\033Y#$here\033H1\033BX\033D\033D\033A2\033Z");
    CHECK_STRING(row(0), "2b");
    CHECK_STRING(row(1), " X");
    CHECK_STRING(row(3), "    here");
    CHECK_STRING(reply(), "\033/Z");
    write_text("\033Y#%\033K\033Fq\033G\033H\033I[0m");
    CHECK_STRING(row(0), "[0m"); /* scrolled down; a CSI is none */
    CHECK_STRING(row(4), "    h\xe2\x94\x80");
    write_text("\033Y\377\377z\033Y\n#$\033J\033<\033[1;1Hansi");
    CHECK_STRING(row(0), "ansi");
    CHECK(!terminal.vt52);
}

TEST(strings_and_unknown_sequences_are_swallowed)
{
    start(40, 2);
    write_text("a\033]0;title\007b\033]8;;http://x\033\\c\033P1$r0m\033\\d\033_x\033\\e");
    write_text("\033[?2004h\033[?2026hf\033[?2026l\033[ q\033[>4;2mg\033[=5uh\033[1;2;3$zi");
    write_text("\033[12;99999999999999999999;3zj\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mk\033%Gl");
    CHECK_STRING(row(0), "abcdefghijkl");
    CHECK(terminal.bracketed_paste);
    CHECK_EQUAL(terminal.cursor.style.attributes, 0);
}

TEST(broken_off_sequences)
{
    start(40, 2);
    write_text("a\033[12\033[1Cb\033[3\x18mc\033]0;x\033[1Cd\xe2\x82\n\re\xe2\x82\033[mf");
    CHECK_STRING(row(0), "a bmc d\xef\xbf\xbd");
    CHECK_STRING(row(1), "e\xef\xbf\xbd" "f");
}

TEST(repeat_and_tabs)
{
    start(40, 2);
    write_text("x\033[4b\033[3g\033[10G\033H\r\ty\033[Zz");
    CHECK_STRING(row(0), "xxxxx    z");
    write_text("\033[999999b");
    CHECK_EQUAL(terminal.rows, 2);
}

TEST(reset)
{
    start(10, 4);
    write_text("\033[1;31m\033[2;3r\033[?25l\033[?7l\033[4habc\033c");
    CHECK_STRING(row(0), "");
    CHECK(terminal.autowrap && terminal.cursor_visible && !terminal.insert_mode);
    CHECK_EQUAL(terminal.scroll_bottom, 3);
    write_text("x\033[7m\033[?25l\033[!p");
    CHECK_STRING(row(0), "x");
    CHECK(terminal.cursor_visible);
    CHECK_EQUAL(terminal.cursor.style.attributes, 0);
}

TEST(text_from_aside_does_not_disturb_a_sequence)
{
    start(20, 4);
    write_text("prompt\033[3");
    terminal_write_aside(&terminal, "log \033[1mline\n", 14);
    write_text("1mx");
    CHECK_STRING(row(0), "prompt");
    CHECK_STRING(row(1), "log ?[1mline");
    CHECK_STRING(row(2), "x");
    CHECK_EQUAL(terminal_row(&terminal, 2)[0].foreground, TERMINAL_COLOUR_INDEX | 1);
    CHECK_EQUAL(terminal_row(&terminal, 1)[0].foreground, 0);
}

TEST(damage)
{
    start(10, 5);
    memset(terminal.dirty, false, 5);
    write_text("\033[2;1Hx");
    CHECK(terminal.dirty[1] && !terminal.dirty[0] && !terminal.dirty[2]);
    memset(terminal.dirty, false, 5);
    write_text("\033[3;4r\033[4;1H\n");
    CHECK(!terminal.dirty[1] && terminal.dirty[2] && terminal.dirty[3] && !terminal.dirty[4]);
}

/* Writes lines that hold their number. */
static void write_numbers(int from, int to)
{
    char text[16];
    for (int i = from; i <= to; i++) {
        snprintf(text, sizeof(text), "%s%d", i == from ? "" : "\r\n", i);
        write_text(text);
    }
}

TEST(scroll_back)
{
    start_with_history(60, 4, 100);
    write_numbers(1, 10);
    CHECK_STRING(row(0), "7");
    terminal_scroll_view(&terminal, 2);
    CHECK_EQUAL(strncmp(seen(0), "5 ", 2), 0);
    CHECK(strstr(seen(0), "  4 lines above, 2 below") != NULL);
    CHECK_STRING(seen(1), "6");
    CHECK_STRING(seen(3), "8");
    CHECK_STRING(row(0), "7"); /* what the program sees is as it was */
    terminal_scroll_view(&terminal, 1000);
    CHECK_EQUAL(strncmp(seen(0), "1 ", 2), 0);
    CHECK_STRING(seen(1), "2");
    terminal_scroll_view(&terminal, -1000);
    CHECK_EQUAL(terminal.view_back, 0);
    CHECK_STRING(seen(0), "7");
}

TEST(output_does_not_move_the_view)
{
    start_with_history(60, 4, 10);
    write_numbers(1, 10);
    terminal_scroll_view(&terminal, 3);
    CHECK_STRING(seen(1), "5");
    write_text("\r\n");
    write_numbers(11, 13);
    CHECK_STRING(seen(1), "5");
    write_text("\r\n");
    write_numbers(14, 40); /* that line is gone: the oldest one that is there */
    CHECK_EQUAL(strncmp(seen(0), "27 ", 3), 0);
    CHECK_STRING(seen(1), "28");
    terminal_end_view(&terminal);
    CHECK_STRING(seen(3), "40");
}

TEST(what_enters_the_scroll_back)
{
    start_with_history(60, 4, 100);
    write_numbers(1, 4);
    write_text("\033[?1049h");
    write_numbers(100, 200); /* the alternate screen: nothing */
    terminal_scroll_view(&terminal, 2);
    CHECK_EQUAL(terminal.view_back, 0);
    write_text("\033[?1049l");
    CHECK_EQUAL(terminal.history_count, 0);
    write_text("\033[2;4r\033[4;1H\n\n\n"); /* a region below the first row: nothing */
    CHECK_EQUAL(terminal.history_count, 0);
    write_text("\033[1;1H\033[M\033[r\033[1;1H\033[M"); /* deleted lines: nothing */
    CHECK_EQUAL(terminal.history_count, 0);
    write_text("\033[1;2r\033[H\033[31ma\033[m\r\n\n"); /* a region from the first row on */
    CHECK_EQUAL(terminal.history_count, 1);
    write_text("\033[r\033[99S"); /* as many rows as there are */
    CHECK_EQUAL(terminal.history_count, 5);
    terminal_scroll_view(&terminal, 5);
    CHECK_EQUAL(seen(0)[0], 'a');
    CHECK_EQUAL(terminal_view_row(&terminal, 0)[0].foreground, TERMINAL_COLOUR_INDEX | 1);
    write_text("\033[?1049h"); /* a program takes the screen: it is seen */
    CHECK_EQUAL(terminal.view_back, 0);
    write_text("\033[?1049l\033[3J");
    CHECK_EQUAL(terminal.history_count, 0);
    start_with_history(60, 4, 0);
    write_numbers(1, 10);
    terminal_scroll_view(&terminal, 1);
    CHECK_STRING(seen(3), "10");
}

TEST(mark_of_a_narrow_screen_is_left_out)
{
    start_with_history(8, 2, 10);
    write_numbers(1, 5);
    terminal_scroll_view(&terminal, 2);
    CHECK_STRING(seen(0), "2");
}

/* Everything that must hold whatever came. */
static void check_sound(void)
{
    bool used[TERMINAL_MAX_ROWS + TERMINAL_MAX_ROWS] = { false };
    for (uint16_t i = 0; i < terminal.history_capacity; i++)
        used[terminal.history[i]] = true;
    for (uint16_t i = 0; i < terminal.rows; i++)
        used[terminal.screens[0].lines[i]] = true;
    for (uint16_t i = 0; i < terminal.history_capacity + terminal.rows; i++)
        CHECK(used[i]); /* each line is in one place */
    CHECK(terminal.view_back <= terminal.history_count && terminal.history_count <= terminal.history_capacity);
    for (uint16_t i = 0; i < terminal.rows; i++) {
        const struct terminal_cell *cells = terminal_view_row(&terminal, i);
        for (uint16_t j = 0; j < terminal.columns; j++)
            CHECK(cells[j].code_point < 0x110000);
    }
    CHECK(terminal.cursor.row < terminal.rows && terminal.cursor.column < terminal.columns);
    CHECK(terminal.scroll_top < terminal.scroll_bottom && terminal.scroll_bottom < terminal.rows);
    CHECK(terminal.reply_size <= sizeof(terminal.reply));
    for (size_t i = 0; i < 2; i++) {
        bool seen[TERMINAL_MAX_ROWS] = { false };
        for (uint16_t j = 0; j < terminal.rows; j++) {
            CHECK(!seen[terminal.screens[i].lines[j]]);
            seen[terminal.screens[i].lines[j]] = true;
        }
    }
    for (uint16_t i = 0; i < terminal.rows; i++) {
        const struct terminal_cell *cells = terminal_row(&terminal, i);
        for (uint16_t j = 0; j < terminal.columns; j++) {
            bool left = cells[j].attributes & TERMINAL_WIDE;
            CHECK(!left || (j + 1 < terminal.columns && cells[j + 1].code_point == 0));
            CHECK(cells[j].code_point != 0 || (j > 0 && (cells[j - 1].attributes & TERMINAL_WIDE)));
        }
    }
}

TEST(random_bytes)
{
    static const char *const pieces[] = {
        "\033[", "\033", "?", ";", ":", "1", "2", "5", "38", "48", "99999", "h", "l", "m", "r", "J", "K", "L", "M", "P",
        "@", "X", "S", "T", "H", "A", "B", "C", "D", "b", "s", "u", "\n", "\r", "\t", "\b", "\033]", "\033P", "\007",
        "\033\\", "\033c", "\033M", "\033D", "\0337", "\0338", "\033#8", "\033(0", "\016", "text", "\xe4\xb8\xad",
        "\xe4", "\xf0\x9f\x98\x80", "\033[4h", "\033[?6h", "\033[?7l", "\033[?7h", "\033[?1049h", "\033[?1049l",
        "\033[!p", "\033[c", "\x18",
    };
    uint32_t seed = 4711;
    for (int round = 0; round < 300; round++) {
        seed = seed * 1664525 + 1013904223;
        start_with_history((uint16_t)(2 + (seed >> 24) % 40), (uint16_t)(2 + (seed >> 16) % 20), (uint16_t)(round % 40));
        for (int i = 0; i < 1000; i++) {
            seed = seed * 1664525 + 1013904223;
            uint8_t byte = (uint8_t)(seed >> 16);
            if (seed >> 30)
                write_text(pieces[(seed >> 8) % ARRAY_COUNT(pieces)]);
            else
                terminal_write(&terminal, &byte, 1);
            if (i % 100 == 0)
                terminal_scroll_view(&terminal, (int32_t)(seed >> 26) - 32);
            if (i % 16 == 0)
                check_sound();
        }
        check_sound();
        if (host_test_failures) {
            printf("round %d\n", round);
            return;
        }
    }
    free(memory);
    memory = NULL;
}
