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
    void (*receive)(const uint8_t *bytes, size_t size);
    void (*interrupt_typed)(unsigned count); /* Ctrl-C, the count-th since input was last asked for */
};

/* Once, at boot. */
void rescue_register(const struct rescue_ops *ops);

/* A driver saw the rescue key. Context: any. False: nobody is there to be called. */
bool rescue_key_pressed(void);

/* While on, all input goes to ops->receive. Context: any. */
void rescue_divert_input(bool on);

/* A byte that was diverted and not used: to the tty's readers. Context: threads. */
void rescue_give_back(uint8_t byte);

/* Ctrl-C typed since somebody last asked the tty for input; when the first of them was (monotonic). */
unsigned rescue_interrupts_typed(void);
nanos_t rescue_first_interrupt_time(void);
/* How often the tty was asked for input since boot: a world that never asks never came to its prompt. */
unsigned rescue_reads_begun(void);

/* Writes text to every port of the console, past the tty's state. Context: threads. */
void rescue_write(const char *text, size_t size);

#endif
