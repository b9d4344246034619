/*
 * Random bytes for the kernel, getrandom(2), /dev/random and /dev/urandom (which
 * are the same here: there is one generator, seeded before anyone can ask).
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <lib/types.h>

/* Boot step: seeds the generator. After the CPU's features are known and the TSC counts. */
void random_init(void);

/* Any amount; never fails, never sleeps. Context: any but NMI. */
void random_fill(void *buffer, size_t size);
uint64_t random_u64(void);

/* Mixes bytes in (writes to /dev/random); they can only improve the generator. Context: any but NMI. */
void random_add(const void *data, size_t size);

/* For interrupt handlers: a value that is hard to predict together with the time of the call. Cheap. */
void random_add_interrupt(uint64_t value);

#endif
