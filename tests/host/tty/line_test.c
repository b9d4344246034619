/* The line discipline: editing, signals, raw reads, output processing.
 * Links: dev/tty/line.c dev/tty/column_width.c lib/utf8.c */
#include <abi/constants.h> /* before the system's headers, which have some of the names too */
#include <dev/tty/line.h>

#include <tests/host/check.h>

#define RING_SIZE 16384

static uint8_t ring[RING_SIZE];
static uint64_t delimiters[RING_SIZE / 64];
static char echoed[4 * RING_SIZE];
static size_t echoed_size;
static int flushed;
static unsigned events;
static struct line line;

static void emit(void *context, const uint8_t *bytes, size_t size)
{
    memcpy(echoed + echoed_size, bytes, size);
    echoed_size += size;
    echoed[echoed_size] = '\0';
}

static void flush_output(void *context) { flushed++; }

static const struct line_ops ops = { emit, flush_output };

static void start(void)
{
    line_init(&line, ring, delimiters, RING_SIZE, &ops, NULL);
    echoed_size = 0;
    echoed[0] = '\0';
    flushed = 0;
    events = 0;
}

static void receive_bytes(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        events |= line_receive(&line, (uint8_t)bytes[i]);
}

static void receive(const char *text) { receive_bytes(text, strlen(text)); }

static void set_flags(uint32_t off, uint32_t on)
{
    struct abi_termios2 termios = line.termios;
    termios.c_lflag = (termios.c_lflag & ~off) | on;
    events |= line_set_termios(&line, &termios);
}

static void set_raw(void)
{
    struct abi_termios2 termios = line.termios;
    termios.c_lflag &= ~(uint32_t)(ICANON | ECHO | ISIG | IEXTEN);
    termios.c_iflag &= ~(uint32_t)(ICRNL | IXON);
    termios.c_oflag &= ~(uint32_t)OPOST;
    termios.c_cc[VMIN] = 1;
    termios.c_cc[VTIME] = 0;
    events |= line_set_termios(&line, &termios);
}

/* The next read's bytes, as a string; "-" before it when the line does not end. */
static const char *read_line(size_t size)
{
    static char buffer[RING_SIZE + 2];
    bool ends;
    size_t count = line_read(&line, (uint8_t *)buffer + 1, size, &ends);
    buffer[0] = '-';
    buffer[count + 1] = '\0';
    return ends ? buffer + 1 : buffer;
}

TEST(line_is_readable_when_complete)
{
    start();
    receive("hel");
    CHECK(!line_is_readable(&line));
    CHECK_EQUAL(events, 0);
    receive("lo\r");
    CHECK(line_is_readable(&line));
    CHECK_EQUAL(events, LINE_EVENT_READABLE);
    CHECK_EQUAL(line_available(&line), 6);
    CHECK_STRING(read_line(100), "hello\n");
    CHECK(!line_is_readable(&line));
    CHECK_STRING(echoed, "hello\r\n");
}

TEST(read_gives_one_line_at_a_time)
{
    start();
    receive("one\ntwo\nthr");
    CHECK_STRING(read_line(2), "-on");
    CHECK_STRING(read_line(100), "e\n");
    CHECK_STRING(read_line(100), "two\n");
    CHECK_STRING(read_line(100), "-");
    receive("ee\n");
    CHECK_STRING(read_line(100), "three\n");
}

TEST(erase_takes_a_character)
{
    start();
    receive("abc\177\177x\n");
    CHECK_STRING(read_line(100), "ax\n");
    CHECK_STRING(echoed, "abc\b \b\b \bx\r\n");
    receive("\177\177\n"); /* nothing there to erase */
    CHECK_STRING(read_line(100), "\n");
}

TEST(erase_takes_a_whole_utf8_character)
{
    start();
    receive("a\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80\177\177\177");
    /* two columns for each of the wide ones */
    CHECK_STRING(echoed, "a\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80\b \b\b \b\b \b\b \b\b \b");
    receive("\n");
    CHECK_STRING(read_line(100), "a\n");
}

TEST(erase_without_utf8_takes_a_byte)
{
    start();
    line.termios.c_iflag &= ~(uint32_t)IUTF8;
    receive("\xc3\xa4\177\n");
    CHECK_STRING(read_line(100), "\xc3\n");
}

TEST(erase_of_tab_goes_back_to_where_it_began)
{
    start();
    receive("ab\t\177");
    CHECK_STRING(echoed, "ab\t\b \b\b \b\b \b\b \b\b \b\b \b");
}

TEST(erase_of_control_character_takes_its_caret)
{
    start();
    receive("\001\177");
    CHECK_STRING(echoed, "^A\b \b\b \b");
}

TEST(kill_takes_the_line)
{
    start();
    receive("abc\025de\n");
    CHECK_STRING(read_line(100), "de\n");
    CHECK_STRING(echoed, "abc\b \b\b \b\b \bde\r\n");
}

TEST(word_erase_takes_blanks_and_a_word)
{
    start();
    receive("one two_2  \027X\n");
    CHECK_STRING(read_line(100), "one X\n");
    receive("f(x\027\027y\n");
    CHECK_STRING(read_line(100), "y\n");
}

TEST(reprint_shows_the_line_again)
{
    start();
    receive("ab\022");
    CHECK_STRING(echoed, "ab^R\r\nab");
}

TEST(literal_next_takes_special_characters_as_data)
{
    start();
    receive("a\026\003\026\177b\n");
    CHECK_STRING(read_line(100), "a\003\177b\n");
    CHECK_EQUAL(events, LINE_EVENT_READABLE);
}

TEST(end_of_file_on_an_empty_line_reads_nothing)
{
    bool ends;
    uint8_t byte;
    start();
    receive("\004");
    CHECK(line_is_readable(&line));
    CHECK_EQUAL(line_available(&line), 0);
    CHECK_EQUAL(line_read(&line, &byte, 1, &ends), 0);
    CHECK(ends);
    CHECK(!line_is_readable(&line));
}

TEST(end_of_file_after_text_sends_the_text)
{
    start();
    receive("abc\004def\n");
    CHECK_STRING(read_line(3), "abc"); /* and is no end of file for the next read */
    CHECK_STRING(read_line(100), "def\n");
    CHECK_EQUAL(line.end_of_files, 0);
}

TEST(interrupt_drops_input_and_output)
{
    start();
    receive("abc\003");
    CHECK_EQUAL(events, LINE_EVENT_INTERRUPT);
    CHECK_EQUAL(flushed, 1);
    CHECK_STRING(echoed, "abc^C");
    receive("x\n");
    CHECK_STRING(read_line(100), "x\n");
}

TEST(interrupt_keeps_input_with_noflsh)
{
    start();
    set_flags(0, NOFLSH);
    receive("abc\034\n");
    CHECK(events & LINE_EVENT_QUIT);
    CHECK_EQUAL(flushed, 0);
    CHECK_STRING(read_line(100), "abc\n");
}

TEST(signal_characters)
{
    start();
    receive("\032");
    CHECK_EQUAL(events, LINE_EVENT_SUSPEND);
    events = 0;
    set_flags(ISIG, 0);
    receive("\003\n");
    CHECK_EQUAL(events, LINE_EVENT_READABLE);
    CHECK_STRING(read_line(100), "\003\n");
    events = 0;
    set_flags(0, ISIG);
    line.termios.c_cc[VINTR] = 0; /* disabled */
    receive_bytes("\003\0\n", 3);
    CHECK_EQUAL(events, LINE_EVENT_READABLE);
}

TEST(flow_control)
{
    start();
    receive("\023");
    CHECK(line.stopped);
    receive("a\021");
    CHECK(!line.stopped);
    CHECK(events & LINE_EVENT_RESTART);
    receive("\023\003"); /* a signal starts it again */
    CHECK(!line.stopped);
    line.termios.c_iflag |= IXANY;
    receive("\023a");
    CHECK(!line.stopped);
}

TEST(carriage_returns)
{
    start();
    line.termios.c_iflag = IGNCR;
    receive("a\r\n");
    CHECK_STRING(read_line(100), "a\n");
    line.termios.c_iflag = INLCR;
    receive("b\nc\r");
    CHECK(!line_is_readable(&line));
    line.termios.c_iflag = ISTRIP;
    receive("\341\n");
    CHECK_STRING(read_line(100), "b\rc\ra\n");
}

TEST(no_echo)
{
    start();
    set_flags(ECHO, ECHONL);
    receive("secret\n");
    CHECK_STRING(echoed, "\r\n");
    CHECK_STRING(read_line(100), "secret\n");
}

TEST(further_line_ends)
{
    start();
    line.termios.c_cc[VEOL] = ';';
    line.termios.c_cc[VEOL2] = ',';
    receive("a;b,c\n");
    CHECK_STRING(read_line(100), "a;");
    CHECK_STRING(read_line(100), "b,");
    CHECK_STRING(read_line(100), "c\n");
}

TEST(long_line_is_cut_and_can_still_be_ended_and_edited)
{
    start();
    for (int i = 0; i < LINE_MAX_CANONICAL + 100; i++)
        receive("x");
    receive("\177y\n");
    const char *text = read_line(RING_SIZE);
    CHECK_EQUAL(strlen(text), LINE_MAX_CANONICAL);
    CHECK_STRING(text + LINE_MAX_CANONICAL - 3, "xy\n");
}

TEST(full_ring_loses_nothing_that_was_taken)
{
    char expected[16];
    int taken = 0;
    start();
    set_flags(ECHO, 0);
    while (line_room(&line) >= 16) {
        char text[16];
        snprintf(text, sizeof(text), "%d\n", taken++);
        receive(text);
    }
    for (int i = 0; i < 1000; i++)
        receive("overflow\n");
    for (int i = 0; i < taken; i++) {
        snprintf(expected, sizeof(expected), "%d\n", i);
        CHECK_STRING(read_line(100), expected);
    }
}

TEST(raw_reads_bytes)
{
    start();
    set_raw();
    receive("\003a\r\004");
    CHECK_EQUAL(events, LINE_EVENT_READABLE);
    CHECK_EQUAL(line_available(&line), 4);
    CHECK_STRING(read_line(2), "-\003a");
    CHECK_STRING(read_line(100), "-\r\004");
    CHECK_STRING(echoed, "");
}

TEST(unfinished_line_is_readable_in_raw_mode)
{
    start();
    receive("abc");
    set_raw();
    CHECK(events & LINE_EVENT_READABLE);
    CHECK_STRING(read_line(100), "-abc");
}

TEST(type_ahead_of_raw_mode_becomes_lines)
{
    start();
    set_raw();
    receive("x\177one\rtwo\rthr");
    line.termios.c_iflag |= ICRNL | IXON;
    line.termios.c_oflag |= OPOST;
    echoed_size = 0;
    set_flags(0, ICANON | ECHO | ISIG | IEXTEN);
    CHECK_STRING(read_line(100), "one\n");
    CHECK_STRING(read_line(100), "two\n");
    receive("ee\r");
    CHECK_STRING(read_line(100), "three\n");
    CHECK_STRING(echoed, "x\b \bone\r\ntwo\r\nthree\r\n");
}

static void set_cooked(void)
{
    line.termios.c_iflag |= ICRNL | IXON;
    line.termios.c_oflag |= OPOST;
    set_flags(0, ICANON | ECHO | ISIG | IEXTEN);
}

TEST(type_ahead_is_echoed_once)
{
    /* A line editor reads raw, and its program runs in canonical mode between two lines. */
    start();
    set_raw();
    receive("one\rtwo\rthree");
    echoed_size = 0;
    for (int i = 0; i < 3; i++) {
        set_cooked();
        set_raw();
    }
    CHECK_STRING(echoed, "one\r\ntwo\r\nthree");
    CHECK_STRING(read_line(4), "-one\n");
    receive("e\r");
    echoed_size = 0;
    set_cooked();
    CHECK_STRING(echoed, "e\r\n");
    CHECK_STRING(read_line(100), "two\n");
    CHECK_STRING(read_line(100), "threee\n");
}

TEST(type_ahead_that_was_echoed_is_not_echoed_again)
{
    start();
    set_flags(ICANON, 0);
    receive("abc\003"); /* a signal flushes */
    receive("de");
    echoed_size = 0;
    echoed[0] = '\0';
    set_flags(0, ICANON);
    CHECK_STRING(echoed, "");
    receive("\n");
    CHECK_STRING(read_line(100), "de\n");
}

TEST(flush_input)
{
    start();
    receive("one\ntw\026");
    line_flush_input(&line);
    CHECK(!line_is_readable(&line));
    receive("\003");
    CHECK(events & LINE_EVENT_INTERRUPT); /* the literal-next was forgotten */
}

TEST(break_condition)
{
    start();
    CHECK_EQUAL(line_receive_break(&line), LINE_EVENT_NONE);
    CHECK_EQUAL(line.write_at - line.line_end, 1); /* a NUL */
    line.termios.c_iflag |= BRKINT;
    CHECK_EQUAL(line_receive_break(&line), LINE_EVENT_INTERRUPT);
    CHECK_EQUAL(flushed, 1);
    line.termios.c_iflag |= IGNBRK;
    CHECK_EQUAL(line_receive_break(&line), LINE_EVENT_NONE);
}

/* --- VMIN and VTIME, on a clock that the test sets ------------------------------------------ */

#define TENTH (NANOS_PER_SECOND / 10)

static enum line_step step(size_t wanted, size_t got, nanos_t last, nanos_t now, bool nonblocking, nanos_t *deadline)
{
    return line_read_step(&line, wanted, got, last, now, nonblocking, deadline);
}

TEST(canonical_read_waits_for_ever)
{
    nanos_t deadline;
    start();
    CHECK_EQUAL(step(10, 0, 0, 99 * TENTH, false, &deadline), LINE_STEP_WAIT);
    CHECK(deadline < 0);
    CHECK_EQUAL(step(10, 0, 0, 0, true, &deadline), LINE_STEP_AGAIN);
    CHECK_EQUAL(step(10, 3, 0, 0, false, &deadline), LINE_STEP_DONE);
}

TEST(minimum_without_time)
{
    nanos_t deadline;
    start();
    set_raw();
    line.termios.c_cc[VMIN] = 5;
    CHECK_EQUAL(step(10, 4, 0, 99 * TENTH, false, &deadline), LINE_STEP_WAIT);
    CHECK(deadline < 0);
    CHECK_EQUAL(step(10, 5, 0, 0, false, &deadline), LINE_STEP_DONE);
    CHECK_EQUAL(step(3, 3, 0, 0, false, &deadline), LINE_STEP_DONE); /* no more is wanted */
    CHECK_EQUAL(step(10, 4, 0, 0, true, &deadline), LINE_STEP_DONE);
    CHECK_EQUAL(step(10, 0, 0, 0, true, &deadline), LINE_STEP_AGAIN);
}

TEST(time_without_minimum)
{
    nanos_t deadline;
    start();
    set_raw();
    line.termios.c_cc[VMIN] = 0;
    line.termios.c_cc[VTIME] = 3;
    CHECK_EQUAL(step(10, 0, TENTH, 2 * TENTH, false, &deadline), LINE_STEP_WAIT);
    CHECK_EQUAL(deadline, 4 * TENTH);
    CHECK_EQUAL(step(10, 0, TENTH, 4 * TENTH, false, &deadline), LINE_STEP_DONE);
    CHECK_EQUAL(step(10, 1, TENTH, TENTH, false, &deadline), LINE_STEP_DONE);
}

TEST(time_between_bytes)
{
    nanos_t deadline;
    start();
    set_raw();
    line.termios.c_cc[VMIN] = 5;
    line.termios.c_cc[VTIME] = 2;
    CHECK_EQUAL(step(10, 0, 0, 99 * TENTH, false, &deadline), LINE_STEP_WAIT); /* not before the first byte */
    CHECK(deadline < 0);
    CHECK_EQUAL(step(10, 1, 50 * TENTH, 51 * TENTH, false, &deadline), LINE_STEP_WAIT);
    CHECK_EQUAL(deadline, 52 * TENTH);
    CHECK_EQUAL(step(10, 1, 50 * TENTH, 52 * TENTH, false, &deadline), LINE_STEP_DONE);
}

TEST(neither_minimum_nor_time)
{
    nanos_t deadline;
    start();
    set_raw();
    line.termios.c_cc[VMIN] = 0;
    CHECK_EQUAL(step(10, 0, 0, 0, false, &deadline), LINE_STEP_DONE);
    CHECK_EQUAL(step(10, 0, 0, 0, true, &deadline), LINE_STEP_DONE);
}

/* --- output --------------------------------------------------------------------------------- */

static const char *output(const char *text)
{
    static char out[4096];
    size_t size = 0, used, rest = strlen(text);
    while (rest > 0) {
        size += line_process_output(&line, (const uint8_t *)text, rest, &used, (uint8_t *)out + size, 16);
        text += used;
        rest -= used;
    }
    out[size] = '\0';
    return out;
}

TEST(output_flags)
{
    start();
    CHECK_STRING(output("a\nb\r\tc"), "a\r\nb\r\tc");
    line.termios.c_oflag = OPOST | ONLCR | XTABS;
    CHECK_STRING(output("\r\ta\t\n\t"), "\r        a       \r\n        ");
    line.termios.c_oflag = OPOST | OCRNL;
    CHECK_STRING(output("a\rb"), "a\nb");
    line.termios.c_oflag = OPOST | ONOCR;
    CHECK_STRING(output("\r"), "\r");
    CHECK_STRING(output("\rx\r"), "x\r");
    line.termios.c_oflag = ONLCR | XTABS; /* nothing without OPOST */
    CHECK_STRING(output("a\n\tb"), "a\n\tb");
}

TEST(output_keeps_count_of_columns)
{
    start();
    output("\r\xc3\xa4\xe4\xb8\xad" "b");
    CHECK_EQUAL(line.column, 4);
    output("\r\033[1;31mab\033[0m\033]0;title\007c\033]0;title\033\\d\033(Be\b");
    CHECK_EQUAL(line.column, 4);
    output("\tx");
    CHECK_EQUAL(line.column, 9);
}

TEST(output_in_long_runs)
{
    char text[300];
    start();
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CHECK_STRING(output(text), text);
    CHECK_EQUAL(line.column, 299);
    output("\rab\033]0;plain text in a title\007cd\xc3plain\xc3"); /* broken characters are one column each */
    CHECK_EQUAL(line.column, 10);
    output("\xa4" "ef");
    CHECK_EQUAL(line.column, 13);
}

TEST(random_input_keeps_the_ring_in_order)
{
    uint32_t seed = 12345;
    start();
    for (int round = 0; round < 200000; round++) {
        seed = seed * 1664525 + 1013904223;
        if ((seed >> 24) < 8) {
            read_line(seed >> 16 & 63);
        } else if ((seed >> 24) == 8) {
            if (line.termios.c_lflag & ICANON)
                set_raw();
            else
                set_flags(0, ICANON | ECHO | ISIG | IEXTEN);
        } else {
            line_receive(&line, (uint8_t)(seed >> 16));
        }
        if (echoed_size > RING_SIZE)
            echoed_size = 0;
        CHECK(line.read_at <= line.line_end && line.line_end <= line.write_at);
        CHECK(line.write_at - line.read_at <= RING_SIZE);
        if (host_test_failures)
            return;
    }
}
