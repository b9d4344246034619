/*
 * The line discipline: what happens between the bytes of a terminal and the
 * bytes a program reads and writes (termios(3); POSIX.1-2017, ch. 11).
 *
 * Pure logic on memory: no locks, no clock, no waiting, so it is tested on the
 * host. dev/tty/tty.c calls it with the tty's input lock held.
 *
 *     line_init(&line, ring, delimiters, size, &ops, context);
 *     events = line_receive(&line, byte);          from the terminal
 *     n = line_read(&line, buffer, size);          towards a program
 *     n = line_process_output(&line, in, n, &used, out, size);   from a program
 *     line_set_termios(&line, &new);
 *
 * Left out: OLCUC/IUCLC, parity marks (PARMRK), delays other than XTABS,
 * ECHOPRT (hard-copy terminals), VDISCARD, VSWTC.
 */
#ifndef DEV_TTY_LINE_H
#define DEV_TTY_LINE_H

#include <abi/structs.h>
#include <lib/utf8.h>

/* A canonical line holds this many bytes with its delimiter; more are refused with a bell. */
#define LINE_MAX_CANONICAL 4096

/* What line_receive() asks its caller to do. */
enum line_event {
    LINE_EVENT_NONE = 0,
    LINE_EVENT_READABLE = 1,    /* wake readers */
    LINE_EVENT_INTERRUPT = 2,   /* send SIGINT to the foreground group; */
    LINE_EVENT_QUIT = 4,        /* SIGQUIT; */
    LINE_EVENT_SUSPEND = 8,     /* SIGTSTP */
    LINE_EVENT_RESTART = 16     /* output may go on: wake writers */
};

/* What the discipline does to the terminal, from within line_receive(). Live functions are called under a guard (live/call.h). */
struct line_ops {
    void (*emit)(void *context, const uint8_t *bytes, size_t size); /* echo */
    void (*flush_output)(void *context); /* drop what is not yet sent: a signal without NOFLSH */
};

struct line {
    struct abi_termios2 termios;
    const struct line_ops *ops;
    void *context;

    /*
     * Input ring, a power of two. The positions count bytes for ever (index = position modulo size):
     *   read_at <= line_end <= write_at <= read_at + size
     * Canonical mode: [read_at, line_end) are complete lines, [line_end, write_at) is being edited.
     * Raw mode: line_end == write_at. A bit in `delimiters` ends a line; an end-of-file character is
     * stored as a 0 byte with the bit set and is never given to the reader.
     */
    uint8_t *ring;
    uint64_t *delimiters; /* size / 64 words */
    size_t size;
    size_t read_at, line_end, write_at;
    size_t end_of_files;  /* end-of-file marks in [read_at, line_end) */

    bool literal_next;    /* VLNEXT came: the next byte is data */
    bool stopped;         /* VSTOP or TCOOFF */
    uint32_t column;      /* of the cursor, as far as output tells */
    uint32_t edit_column; /* where the line being edited starts */
    struct utf8_decoder decoder;  /* of the output, for `column` */
    uint8_t escape;               /* inside an escape sequence of the output: no columns */
    bool replaying;               /* waiting input is judged again: no signals, no flow control, */
    bool replay_echo;             /* echo only what was not echoed before */
    size_t echoed_at;             /* input before it was echoed: when it came in canonical mode, or when it was judged again */
};

/* `size` is a power of two >= 2 * LINE_MAX_CANONICAL. Settings are those of a Linux console. */
void line_init(struct line *line, uint8_t *ring, uint64_t *delimiters, size_t size,
               const struct line_ops *ops, void *context);

/* One byte from the terminal. Returns enum line_event bits. */
unsigned line_receive(struct line *line, uint8_t byte);

/* A break condition on the wire. */
unsigned line_receive_break(struct line *line);

/* Bytes that line_receive() certainly takes without loss in raw mode. */
size_t line_room(const struct line *line);

/* Canonical: a complete line or end of file is there. Raw: any byte. */
bool line_is_readable(const struct line *line);
/* Bytes a read could return now (FIONREAD). */
size_t line_available(const struct line *line);

/*
 * Copies input to `buffer`. Canonical: at most one line; *ends tells that the
 * line (or the end-of-file mark) is used up, so the read is complete. Returns
 * the number of bytes; 0 with *ends is end of file.
 */
size_t line_read(struct line *line, uint8_t *buffer, size_t size, bool *ends);

/* How a read goes on; see line_read_step(). */
enum line_step {
    LINE_STEP_DONE,  /* return what was read, 0 bytes included */
    LINE_STEP_AGAIN, /* nothing was read and the file is O_NONBLOCK: -EAGAIN */
    LINE_STEP_WAIT   /* wait for input until *deadline (negative: without end), then ask again */
};

/*
 * VMIN and VTIME (termios(3), "Canonical and noncanonical mode"): what a read
 * of `wanted` bytes does that has `got` so far and finds no more input now.
 * `last` is when the read began or, later, when its newest byte came;
 * canonical mode waits without end. Times are monotonic.
 */
enum line_step line_read_step(const struct line *line, size_t wanted, size_t got, nanos_t last, nanos_t now,
                              bool nonblocking, nanos_t *deadline);

/* Changes the settings. Input that waits is judged by the new ones. Returns enum line_event bits. */
unsigned line_set_termios(struct line *line, const struct abi_termios2 *termios);

void line_flush_input(struct line *line);

/*
 * Output processing (OPOST) of `in`: fills `out` and stops when it might not
 * hold the next character's result (8 bytes). Returns bytes in `out`; *used
 * tells how much of `in` they are.
 */
size_t line_process_output(struct line *line, const uint8_t *in, size_t in_size, size_t *used,
                           uint8_t *out, size_t out_size);

#endif
