/*
 * The rescue monitor: a small command line of the kernel's own, on serial line
 * and screen, for when the world does not answer. A rescue key opens it (Alt-SysRq
 * on the keyboard, BREAK on the serial line), or the watchdog, after Ctrl-C was
 * pressed five times and the world has read no input for ten seconds.
 *
 * It runs in a kernel thread of its own, so it needs a working scheduler and
 * console, and nothing of the world: no Python, no process, no file. While it is
 * open, typed bytes come here instead of to the tty's readers.
 */
#ifndef KERNEL_MONITOR_MONITOR_H
#define KERNEL_MONITOR_MONITOR_H

/* Boot step: the monitor's thread, the rescue key, the watchdog. */
void monitor_init(void);

#endif
