/* The line discipline; see line.h. */
#include <dev/tty/line.h>

#include <abi/constants.h>
#include <dev/tty/column_width.h>
#include <lib/string.h>
#include <live/call.h>

#define LINE_BELL '\a'

/* States of `escape`: which part of an escape sequence the output is in. */
enum { LINE_TEXT, LINE_ESCAPE, LINE_CSI, LINE_STRING };

LOCAL size_t line_index(const struct line *line, size_t position) { return position & (line->size - 1); }

LOCAL bool line_has(uint32_t flags, uint32_t flag) { return (flags & flag) == flag; }

LOCAL bool line_is_canonical(const struct line *line) { return line_has(line->termios.c_lflag, ICANON); }

/* Is `byte` the control character `which`? A value of 0 switches one off (_POSIX_VDISABLE). */
LOCAL bool line_is_special(const struct line *line, unsigned which, uint8_t byte)
{
    return byte != 0 && line->termios.c_cc[which] == byte;
}

LOCAL bool line_is_delimiter(const struct line *line, size_t position)
{
    size_t index = line_index(line, position);
    return (line->delimiters[index / 64] >> (index % 64)) & 1;
}

void line_init(struct line *line, uint8_t *ring, uint64_t *delimiters, size_t size,
               const struct line_ops *ops, void *context)
{
    static const uint8_t control_characters[NCCS] = {
        [VINTR] = 'C' - 64, [VQUIT] = '\\' - 64, [VERASE] = 127, [VKILL] = 'U' - 64, [VEOF] = 'D' - 64,
        [VTIME] = 0, [VMIN] = 1, [VSTART] = 'Q' - 64, [VSTOP] = 'S' - 64, [VSUSP] = 'Z' - 64,
        [VREPRINT] = 'R' - 64, [VDISCARD] = 'O' - 64, [VWERASE] = 'W' - 64, [VLNEXT] = 'V' - 64,
    };
    memset(line, 0, sizeof(*line));
    utf8_decoder_init(&line->decoder);
    line->termios.c_iflag = ICRNL | IXON | IUTF8 | IMAXBEL;
    line->termios.c_oflag = OPOST | ONLCR;
    line->termios.c_cflag = B115200 | CS8 | CREAD | CLOCAL | HUPCL;
    line->termios.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    line->termios.c_ispeed = line->termios.c_ospeed = 115200;
    memcpy(line->termios.c_cc, control_characters, sizeof(control_characters));
    line->ring = ring;
    line->delimiters = delimiters;
    line->size = size;
    line->ops = ops;
    line->context = context;
}

/* --- output ------------------------------------------------------------------------------ */

/* Follows one output byte that is not a control character OPOST knows, to keep `column`. */
LOCAL void line_track_byte(struct line *line, uint8_t byte)
{
    switch (line->escape) {
    case LINE_ESCAPE:
        if (byte == '[')
            line->escape = LINE_CSI;
        else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
            line->escape = LINE_STRING;
        else if (byte < 0x20 || byte > 0x2f) /* not an intermediate byte: the sequence is over */
            line->escape = LINE_TEXT;
        return;
    case LINE_CSI:
        if (byte >= 0x40 && byte <= 0x7e)
            line->escape = LINE_TEXT;
        return;
    case LINE_STRING:
        if (byte == '\a')
            line->escape = LINE_TEXT;
        else if (byte == 0x1b)
            line->escape = LINE_ESCAPE; /* ESC \ ends the string */
        return;
    }
    if (byte == 0x1b) {
        line->escape = LINE_ESCAPE;
    } else if (byte == '\b') {
        if (line->column > 0)
            line->column--;
    } else if (byte >= 0x20 && byte != 0x7f) {
        uint32_t code_points[2];
        unsigned count = utf8_decoder_feed(&line->decoder, byte, code_points);
        for (unsigned i = 0; i < count; i++)
            line->column += column_width(code_points[i]);
    }
}

/* The result of one output character: up to 8 bytes. */
LOCAL size_t line_process_character(struct line *line, uint8_t byte, uint8_t *out)
{
    uint32_t flags = line->termios.c_oflag;
    bool process = line_has(flags, OPOST);

    if (process && byte == '\r') {
        if (line_has(flags, ONOCR) && line->column == 0)
            return 0;
        if (line_has(flags, OCRNL))
            byte = '\n';
    }
    switch (byte) {
    case '\n':
        if (process && line_has(flags, ONLCR)) {
            out[0] = '\r';
            out[1] = '\n';
            line->column = 0;
            return 2;
        }
        if (process && line_has(flags, ONLRET))
            line->column = 0;
        break;
    case '\r':
        line->column = 0;
        break;
    case '\t': {
        size_t spaces = 8 - line->column % 8;
        line->column += spaces;
        if (process && (flags & TABDLY) == XTABS) {
            memset(out, ' ', spaces);
            return spaces;
        }
        break;
    }
    default:
        line_track_byte(line, byte);
    }
    out[0] = byte;
    return 1;
}

/* Copies the printable ASCII characters that `in` begins with; returns how many. Most output is such, and each of them
 * is a column. */
LOCAL size_t line_process_plain(struct line *line, const uint8_t *in, uint8_t *out, size_t limit)
{
    size_t count = 0;

    if (line->escape != LINE_TEXT || line->decoder.needed != 0)
        return 0;
    for (; count < limit && in[count] >= 0x20 && in[count] < 0x7f; count++)
        out[count] = in[count];
    line->column += (uint32_t)count;
    return count;
}

size_t line_process_output(struct line *line, const uint8_t *in, size_t in_size, size_t *used,
                           uint8_t *out, size_t out_size)
{
    size_t produced = 0, consumed = 0;

    while (consumed < in_size && out_size - produced >= 8) {
        size_t plain = line_process_plain(line, in + consumed, out + produced,
                                          MIN(in_size - consumed, out_size - produced));
        if (plain == 0)
            plain = line_process_character(line, in[consumed++], out + produced);
        else
            consumed += plain;
        produced += plain;
    }
    *used = consumed;
    return produced;
}

/* --- echo -------------------------------------------------------------------------------- */

LOCAL bool line_echoes(const struct line *line)
{
    return line_has(line->termios.c_lflag, ECHO) && (!line->replaying || line->replay_echo);
}

LOCAL void line_emit(struct line *line, const char *text, size_t size)
{
    uint8_t out[64];

    while (size > 0) {
        size_t used;
        size_t produced = line_process_output(line, (const uint8_t *)text, size, &used, out, sizeof(out));
        LIVE_CALL(line->ops->emit, 0, line->context, out, produced);
        text += used;
        size -= used;
    }
}

/* Is the byte shown as ^X? */
LOCAL bool line_shows_caret(const struct line *line, uint8_t byte)
{
    return line_has(line->termios.c_lflag, ECHOCTL) && (byte < 0x20 || byte == 0x7f) && byte != '\t' && byte != '\n';
}

LOCAL void line_echo(struct line *line, uint8_t byte)
{
    if (line_shows_caret(line, byte)) {
        char caret[2] = { '^', (char)(byte ^ 0x40) };
        line_emit(line, caret, 2);
    } else {
        line_emit(line, (const char *)&byte, 1);
    }
}

/* The column of the cursor after the line under edit, if it is what was echoed last. */
LOCAL uint32_t line_edit_width(const struct line *line)
{
    struct utf8_decoder decoder;
    uint32_t column = line->edit_column;

    utf8_decoder_init(&decoder);
    for (size_t at = line->line_end; at < line->write_at; at++) {
        uint8_t byte = line->ring[line_index(line, at)];
        uint32_t code_points[2];
        if (line_shows_caret(line, byte)) {
            column += 2;
        } else if (byte == '\t') {
            column += 8 - column % 8;
        } else if (byte >= 0x20) {
            unsigned count = utf8_decoder_feed(&decoder, byte, code_points);
            for (unsigned i = 0; i < count; i++)
                column += column_width(code_points[i]);
        }
    }
    return column;
}

/* --- editing ----------------------------------------------------------------------------- */

/* Takes the last character of the edited line away. False: the line is empty. */
LOCAL bool line_remove_character(struct line *line)
{
    if (line->write_at == line->line_end)
        return false;
    uint8_t byte;
    do {
        line->write_at--;
        byte = line->ring[line_index(line, line->write_at)];
    } while (line_has(line->termios.c_iflag, IUTF8) && (byte & 0xc0) == 0x80 && line->write_at != line->line_end);
    return true;
}

/* Moves the echo back from column `from` to `to`. Blanks overwrite what is erased. */
LOCAL void line_rub_out(struct line *line, uint32_t from, uint32_t to)
{
    for (; from > to; from--)
        line_emit(line, "\b \b", 3);
}

LOCAL void line_erase_character(struct line *line)
{
    uint32_t before = line_edit_width(line);
    if (!line_remove_character(line) || !line_echoes(line))
        return;
    if (line_has(line->termios.c_lflag, ECHOE))
        line_rub_out(line, before, line_edit_width(line));
    else
        line_echo(line, line->termios.c_cc[VERASE]);
}

LOCAL bool line_is_word_byte(uint8_t byte)
{
    return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

LOCAL void line_erase_word(struct line *line)
{
    uint32_t before = line_edit_width(line);
    bool in_word = false;

    while (line->write_at != line->line_end) {
        bool word = line_is_word_byte(line->ring[line_index(line, line->write_at - 1)]);
        if (in_word && !word)
            break;
        in_word = word;
        if (!line_remove_character(line))
            break;
    }
    if (line_echoes(line))
        line_rub_out(line, before, line_edit_width(line));
}

LOCAL void line_kill(struct line *line)
{
    uint32_t flags = line->termios.c_lflag;
    uint32_t before = line_edit_width(line);

    line->write_at = line->line_end;
    if (!line_echoes(line))
        return;
    if (line_has(flags, ECHOK | ECHOKE | ECHOE)) {
        line_rub_out(line, before, line->edit_column);
    } else {
        line_echo(line, line->termios.c_cc[VKILL]);
        if (line_has(flags, ECHOK))
            line_emit(line, "\n", 1);
    }
}

LOCAL void line_reprint(struct line *line, uint8_t byte)
{
    line_echo(line, byte);
    line_emit(line, "\n", 1);
    line->edit_column = line->column;
    for (size_t at = line->line_end; at < line->write_at; at++)
        line_echo(line, line->ring[line_index(line, at)]);
}

/* --- input ------------------------------------------------------------------------------- */

LOCAL void line_store(struct line *line, uint8_t byte, bool delimiter)
{
    size_t index = line_index(line, line->write_at);
    uint64_t bit = (uint64_t)1 << (index % 64);

    line->ring[index] = byte;
    if (delimiter)
        line->delimiters[index / 64] |= bit;
    else
        line->delimiters[index / 64] &= ~bit;
    line->write_at++;
}

size_t line_room(const struct line *line) { return line->size - (line->write_at - line->read_at); }

/* May a byte be stored? One place stays free for the delimiter that ends the line. */
LOCAL bool line_accepts(struct line *line, bool delimiter)
{
    size_t room = line_room(line);
    bool canonical = line_is_canonical(line);

    if (delimiter ? room >= 1 : room >= (canonical ? 2 : 1)) {
        if (delimiter || !canonical || line->write_at - line->line_end < LINE_MAX_CANONICAL - 1)
            return true;
    }
    if (line_has(line->termios.c_iflag, IMAXBEL) && canonical) {
        const uint8_t bell = LINE_BELL;
        LIVE_CALL(line->ops->emit, 0, line->context, &bell, 1);
    }
    return false;
}

/* A data byte: into the line, and echoed. */
LOCAL unsigned line_take(struct line *line, uint8_t byte)
{
    if (!line_accepts(line, false))
        return LINE_EVENT_NONE;
    if (line->write_at == line->line_end)
        line->edit_column = line->column;
    line_store(line, byte, false);
    if (line_echoes(line))
        line_echo(line, byte);
    if (line_is_canonical(line))
        return LINE_EVENT_NONE;
    line->line_end = line->write_at;
    return LINE_EVENT_READABLE;
}

/* A byte that ends a line; `end_of_file`: VEOF, which is no data. */
LOCAL unsigned line_finish(struct line *line, uint8_t byte, bool end_of_file)
{
    if (!line_accepts(line, true))
        return LINE_EVENT_NONE;
    line_store(line, end_of_file ? 0 : byte, true);
    line->line_end = line->write_at;
    if (end_of_file)
        line->end_of_files++;
    return LINE_EVENT_READABLE;
}

/* The editing characters of canonical mode. *handled: `byte` was one. */
LOCAL unsigned line_receive_canonical(struct line *line, uint8_t byte, bool *handled)
{
    uint32_t flags = line->termios.c_lflag;
    bool extended = line_has(flags, IEXTEN);

    *handled = true;
    if (line_is_special(line, VERASE, byte)) {
        line_erase_character(line);
        return LINE_EVENT_NONE;
    }
    if (line_is_special(line, VKILL, byte)) {
        line_kill(line);
        return LINE_EVENT_NONE;
    }
    if (extended && line_is_special(line, VWERASE, byte)) {
        line_erase_word(line);
        return LINE_EVENT_NONE;
    }
    if (extended && line_is_special(line, VLNEXT, byte)) {
        line->literal_next = true;
        if (line_echoes(line) && line_has(flags, ECHOCTL))
            line_emit(line, "^\b", 2);
        return LINE_EVENT_NONE;
    }
    if (extended && line_is_special(line, VREPRINT, byte) && line_echoes(line)) {
        line_reprint(line, byte);
        return LINE_EVENT_NONE;
    }
    if (line_is_special(line, VEOF, byte))
        return line_finish(line, byte, true);
    if (byte == '\n') {
        if (line_echoes(line) || (line_has(flags, ECHONL) && !line->replaying))
            line_emit(line, "\n", 1);
        return line_finish(line, byte, false);
    }
    if (line_is_special(line, VEOL, byte) || (extended && line_is_special(line, VEOL2, byte))) {
        if (line_echoes(line))
            line_echo(line, byte);
        return line_finish(line, byte, false);
    }
    *handled = false;
    return LINE_EVENT_NONE;
}

void line_flush_input(struct line *line)
{
    line->read_at = line->line_end = line->write_at;
    line->end_of_files = 0;
    line->literal_next = false;
}

/* ISIG: a byte that is a signal character gives its event, else 0. */
LOCAL unsigned line_receive_signal(struct line *line, uint8_t byte)
{
    unsigned event = line_is_special(line, VINTR, byte)   ? LINE_EVENT_INTERRUPT
                     : line_is_special(line, VQUIT, byte) ? LINE_EVENT_QUIT
                     : line_is_special(line, VSUSP, byte) ? LINE_EVENT_SUSPEND
                                                          : LINE_EVENT_NONE;
    if (event == LINE_EVENT_NONE)
        return event;
    if (!line_has(line->termios.c_lflag, NOFLSH)) {
        line_flush_input(line);
        LIVE_CALL(line->ops->flush_output, 0, line->context);
    }
    if (line->stopped) {
        line->stopped = false;
        event |= LINE_EVENT_RESTART;
    }
    if (line_echoes(line))
        line_echo(line, byte);
    return event;
}

unsigned line_receive(struct line *line, uint8_t byte)
{
    uint32_t input_flags = line->termios.c_iflag;
    unsigned events = LINE_EVENT_NONE;

    if (line_has(input_flags, ISTRIP))
        byte &= 0x7f;
    if (line->literal_next) {
        line->literal_next = false;
        return line_take(line, byte);
    }
    if (line_has(input_flags, IXON) && !line->replaying) {
        if (line_is_special(line, VSTART, byte)) {
            line->stopped = false;
            return LINE_EVENT_RESTART;
        }
        if (line_is_special(line, VSTOP, byte)) {
            line->stopped = true;
            return LINE_EVENT_NONE;
        }
        if (line->stopped && line_has(input_flags, IXANY)) {
            line->stopped = false;
            events |= LINE_EVENT_RESTART;
        }
    }
    if (line_has(line->termios.c_lflag, ISIG) && !line->replaying) {
        unsigned signal = line_receive_signal(line, byte);
        if (signal != LINE_EVENT_NONE)
            return events | signal;
    }
    if (byte == '\r') {
        if (line_has(input_flags, IGNCR))
            return events;
        if (line_has(input_flags, ICRNL))
            byte = '\n';
    } else if (byte == '\n' && line_has(input_flags, INLCR)) {
        byte = '\r';
    }
    if (line_is_canonical(line)) {
        bool handled;
        events |= line_receive_canonical(line, byte, &handled);
        if (handled)
            return events;
    }
    return events | line_take(line, byte);
}

unsigned line_receive_break(struct line *line)
{
    if (line_has(line->termios.c_iflag, IGNBRK))
        return LINE_EVENT_NONE;
    if (line_has(line->termios.c_iflag, BRKINT)) {
        line_flush_input(line);
        LIVE_CALL(line->ops->flush_output, 0, line->context);
        return LINE_EVENT_INTERRUPT;
    }
    return line_take(line, 0);
}

/* --- reading ----------------------------------------------------------------------------- */

bool line_is_readable(const struct line *line) { return line->read_at != line->line_end; }

size_t line_available(const struct line *line) { return line->line_end - line->read_at - line->end_of_files; }

/* Drops the delimiter at read_at if it is an end-of-file mark. */
LOCAL bool line_skip_end_of_file(struct line *line)
{
    if (line->end_of_files == 0 || line->read_at == line->line_end || !line_is_delimiter(line, line->read_at) ||
        line->ring[line_index(line, line->read_at)] != 0)
        return false;
    line->read_at++;
    line->end_of_files--;
    return true;
}

size_t line_read(struct line *line, uint8_t *buffer, size_t size, bool *ends)
{
    size_t count = 0;
    bool canonical = line_is_canonical(line);

    *ends = false;
    while (count < size && line->read_at != line->line_end) {
        if (canonical && line_skip_end_of_file(line)) {
            *ends = true;
            return count;
        }
        bool delimiter = canonical && line_is_delimiter(line, line->read_at);
        buffer[count++] = line->ring[line_index(line, line->read_at++)];
        if (delimiter) {
            *ends = true;
            return count;
        }
    }
    /* VEOF after text only sends the text: it is no end of file for the next read. */
    if (canonical && count > 0 && line_skip_end_of_file(line))
        *ends = true;
    return count;
}

enum line_step line_read_step(const struct line *line, size_t wanted, size_t got, nanos_t last, nanos_t now,
                              bool nonblocking, nanos_t *deadline)
{
    const uint8_t *settings = line->termios.c_cc;

    *deadline = -1;
    if (line_is_canonical(line)) {
        if (got > 0)
            return LINE_STEP_DONE;
        return nonblocking ? LINE_STEP_AGAIN : LINE_STEP_WAIT;
    }
    size_t minimum = MIN((size_t)settings[VMIN], wanted);
    nanos_t time = settings[VTIME] * (NANOS_PER_SECOND / 10);

    if (got > 0 && got >= minimum)
        return LINE_STEP_DONE;
    if (minimum == 0 && time == 0)
        return LINE_STEP_DONE;
    if (nonblocking)
        return got > 0 ? LINE_STEP_DONE : LINE_STEP_AGAIN;
    /* With VMIN the timer runs between bytes, so it starts with the first one. */
    if (time > 0 && (minimum == 0 || got > 0)) {
        if (now - last >= time)
            return LINE_STEP_DONE;
        *deadline = last + time;
    }
    return LINE_STEP_WAIT;
}

/* --- settings ---------------------------------------------------------------------------- */

/* Input that came in raw mode is edited as if it came now: type-ahead with its carriage returns and erase
 * characters becomes lines. In place: each byte yields at most one. */
LOCAL void line_replay(struct line *line, bool echo)
{
    size_t at = line->read_at, end = line->write_at, echoed = line->echoed_at;

    line->line_end = line->write_at = line->read_at;
    line->end_of_files = 0;
    line->replaying = true;
    for (; at < end; at++) {
        line->replay_echo = echo && at >= echoed;
        (void)line_receive(line, line->ring[line_index(line, at)]);
    }
    line->replaying = false;
    line->echoed_at = line->write_at;
}

unsigned line_set_termios(struct line *line, const struct abi_termios2 *termios)
{
    struct abi_termios2 old = line->termios;
    bool was_canonical = line_has(old.c_lflag, ICANON);
    unsigned events = LINE_EVENT_NONE;

    line->termios = *termios;
    if (was_canonical && !line_is_canonical(line)) {
        line->line_end = line->write_at;
        line->end_of_files = 0;
        line->literal_next = false;
        line->echoed_at = line->write_at;
    } else if (!was_canonical && line_is_canonical(line)) {
        line_replay(line, !line_has(old.c_lflag, ECHO));
    }
    if (line->stopped && !line_has(termios->c_iflag, IXON)) {
        line->stopped = false;
        events |= LINE_EVENT_RESTART;
    }
    if (line_is_readable(line))
        events |= LINE_EVENT_READABLE;
    return events;
}
