/*
 * The console's terminal: /dev/console, /dev/tty1 and /dev/ttyS0 are one tty
 * with several ports. Output goes to every port (serial line, screen), input
 * comes from every port (serial line, keyboard). /dev/tty is the controlling
 * terminal of the process that opens it.
 *
 *     tty_init();                 registers the devices
 *     tty_attach(&port);          before or after; tty_detach(&port)
 *     tty_receive(&port, bytes, n);      from a port's interrupt handler
 *
 * Signals from the keyboard are sent in the interrupt, so Ctrl-C works while a
 * program floods the terminal.
 *
 * Left out: hang-up, exclusive mode, other line disciplines, pseudo-terminals,
 * changing the serial line's speed (the setting is kept and reported only).
 */
#ifndef DEV_TTY_TTY_H
#define DEV_TTY_TTY_H

#include <lib/list.h>

struct process;
struct tty;

/* A device behind the tty. The functions are called with the tty's lock held and interrupts off: they
 * neither sleep nor call the tty. NULL functions: no such ability. Live ones are called under a guard (live/call.h); the tty does without one
 * that is switched off: the others go on. */
struct tty_port {
    const char *name;
    void (*write)(const uint8_t *bytes, size_t size); /* what exceeds room() is lost */
    size_t (*room)(void);          /* bytes that write() takes now; NULL: any number */
    size_t (*pending)(void);       /* bytes taken and not yet sent; NULL: never any */
    void (*flush)(void);           /* drops those */
    void (*throttle)(bool on);     /* on: keep input back, the tty's buffer is full */
    struct list link;              /* the tty's */
    uint64_t module;               /* the tty's: the live module that it holds while the port is attached */
};

/* Boot step: makes the tty's buffers and registers /dev/console, /dev/tty, /dev/tty1, /dev/ttyS0. */
void tty_init(void);

/* Settings and terminal as after boot, typed input dropped, nobody's controlling terminal: for a new process 1.
 * Context: threads; nobody may have the tty open. */
void tty_reset(void);

/* Adds a port. A live module in whose memory it lies is held until tty_detach(). 0; -EEXIST: it is attached; -EBUSY: its module is not loaded
 * yet, or on its way out. Context: boot and threads. */
MUST_CHECK int tty_attach(struct tty_port *port);
/* Takes it off: none of its functions runs any more when this returns. 0, or -ENOENT: it is not attached. Context: threads. */
MUST_CHECK int tty_detach(struct tty_port *port);

/* Input from a port. Context: any but with a lock of rank LOCK_RANK_SIGNAL or higher held. Returns how many
 * bytes may come at once from now on without loss; 0: throttle() was called. */
size_t tty_receive(const struct tty_port *port, const uint8_t *bytes, size_t size);
void tty_receive_break(void);

/* A terminal's answer to a query in the output. Every port's terminal sees the query; the program gets the answer
 * of the one at which somebody typed last. */
void tty_answer(const struct tty_port *port, const uint8_t *bytes, size_t size);

/* Bytes tty_receive() takes now. */
size_t tty_room(void);

/* A port has room again. Context: any, as for wait_queue_wake_all(). */
void tty_output_ready(void);

/* The size that TIOCGWINSZ gives. Programs are told by SIGWINCH when it changes. Context: threads and boot. */
void tty_set_window(uint16_t columns, uint16_t rows, uint16_t width_pixels, uint16_t height_pixels);

/* Makes the console tty the controlling terminal of `process`, a session leader, with its group in the
 * foreground: for process 1, before it runs. */
void tty_set_controlling(struct process *process);
/* The process group in the foreground; 0: none. */
int32_t tty_foreground(const struct tty *tty);
/* The process ends: when it leads a session, the session loses the terminal, and its foreground group is told. */
void tty_leave(struct process *process);

#endif
