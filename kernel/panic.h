/* The parts of panic() that traps and other CPUs need. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <lib/compiler.h>

struct trap_frame;

/* As panic(), with the registers and backtrace of `frame`. */
NORETURN void panic_with_frame(const struct trap_frame *frame, const char *format, ...) PRINTF_LIKE(2, 3);
/* From NMI: halts this CPU when another one panics. */
void panic_stop_if_panicking(void);

#endif
