/* Boot option timerhz=N: extra timer interrupts for tests. */
#ifndef KERNEL_TIME_STORM_H
#define KERNEL_TIME_STORM_H

/* Starts the storm if the option asks for one. Called by time_init(). */
void storm_init(void);

#endif
