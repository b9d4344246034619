/*
 * Sampling profiler: /dev/profile. One session at a time; it lasts as long as its file is open.
 *
 *     write "start 250"   250 times a second (1..1000) each CPU notes what it runs; samples of before are dropped
 *     write "stop"        no more samples
 *     read                samples, oldest first, a line each; end of file: none are left for now
 *
 * A line: cpu, thread, role ("kernel", "world", "user", "idle"), program, and the calls, innermost first, separated by
 * " < "; fields are separated by tabs. Names are found when a line is read: the kernel's, live code's and the world's. Code of
 * ring 3 has its address only, the world its innermost function. When nobody reads, the samples beyond the first
 * PROFILE_SAMPLES are lost, and a line "lost", number tells how many.
 *
 * What runs with interrupts off is seen when it turns them on again.
 */
#ifndef KERNEL_PROC_PROFILE_H
#define KERNEL_PROC_PROFILE_H

#define PROFILE_SAMPLES 8192

/* Boot step, after devfs_init(): registers /dev/profile. */
void profile_init(void);

#endif
