/*
 * The rescue key and the way of typed bytes past the line discipline, for the
 * kernel's monitor. dev/tty implements it; kernel/monitor is the one user.
 */
#ifndef DEV_TTY_RESCUE_H
#define DEV_TTY_RESCUE_H

#include <lib/types.h>

/* Both are called in interrupt context and may take locks above LOCK_RANK_INPUT only. */
struct rescue_ops {
    void (*key_pressed)(void);
    bool (*receive)(const uint8_t *bytes, size_t size);  /* false: not wanted, they go to the tty */
    void (*interrupt_typed)(unsigned count); /* Ctrl-C, the count-th since input was last asked for */
};

/* Once, at boot. */
void rescue_register(const struct rescue_ops *ops);

/* A driver saw the rescue key. Context: any. False: nobody is there to be called. */
bool rescue_key_pressed(void);

/*
 * A byte that ops->receive took and did not use: to the tty's readers, past ops->receive. Bytes keep
 * their order if receive goes on taking them until all earlier ones are given back. Context: threads.
 */
void rescue_give_back(uint8_t byte);

/* Ctrl-C typed since somebody last asked the tty for input; when the first of them was (monotonic). */
unsigned rescue_interrupts_typed(void);
nanos_t rescue_first_interrupt_time(void);
/* How often the tty was asked for input since boot: a world that never asks never came to its prompt. */
unsigned rescue_reads_begun(void);

/* Writes text to every port of the console, past the tty's state. Context: threads. */
void rescue_write(const char *text, size_t size);

#endif
