/* What the files of dev/tty share. */
#ifndef DEV_TTY_PRIVATE_H
#define DEV_TTY_PRIVATE_H

#include <dev/tty/line.h>
#include <dev/tty/tty.h>
#include <kernel/vfs/file.h>

/* Holds a paste of 100,000 characters for a program that reads none of it. */
#define TTY_INPUT_SIZE (128 * 1024)

struct tty {
    struct wait_queue readers; /* input, settings, or the end of another's read */
    struct wait_queue writers; /* room, a restart, or the end of another's write */

    struct spinlock lock; /* LOCK_RANK_INPUT */
    /* lock */
    struct line line;
    struct list ports;    /* struct tty_port.link */
    struct abi_winsize window;
    int32_t session;      /* whose controlling terminal this is; 0: none's */
    int32_t foreground;   /* process group; 0: none */
    const struct tty_port *last_input; /* where somebody typed last; NULL: nowhere yet */
    bool reading;         /* a read is under way: a line goes to one reader */
    bool writing;         /* a write is under way: writes do not mix */
    bool throttled;
};

/* The tty of an open file. */
struct tty *tty_from_file(struct file *file);

isize_t tty_ioctl(struct file *file, uint32_t request, uint64_t argument);

/* Job control: may the caller read (SIGTTIN), or change and write the terminal (SIGTTOU)? 0; or -EIO, or -EINTR
 * after the signal went to its group. */
MUST_CHECK int tty_check_job(struct tty *tty, int signal);

/* Becomes the caller's controlling terminal if it leads a session without one. 0 or -EPERM. */
int tty_acquire(struct tty *tty);

/* Acts on enum line_event bits. No lock held. */
void tty_handle_events(struct tty *tty, unsigned events);

/* Waits until everything written has left. 0 or -EINTR. */
MUST_CHECK int tty_drain(struct tty *tty);

/* rescue.c */
bool rescue_take_input(const uint8_t *bytes, size_t size);
void rescue_count_interrupts(const uint8_t *bytes, size_t size);
void rescue_note_read(void);

/* With the lock held. */
void tty_write_ports_locked(struct tty *tty, const uint8_t *bytes, size_t size);
size_t tty_output_pending_locked(struct tty *tty); /* bytes that the slowest port has not sent yet */
void tty_flush_output_locked(struct tty *tty);
void tty_update_throttle_locked(struct tty *tty);

#endif
