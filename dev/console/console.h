/*
 * The screen: a terminal on the framebuffer, a port of the console tty, and a
 * sink of the kernel's log.
 *
 *     console_init_early();  first of all: log lines reach the screen by the loader's mapping, until the kernel's
 *                            own page tables are on
 *     console_init();        boot step, as soon as pages can be allocated and threads made
 *
 * Output changes the terminal's cells at once; a thread brings them to the
 * screen, at most 60 times a second, so a flood of text costs little. Log lines
 * (and so a panic) are drawn at once, in any context. Without a framebuffer
 * there is no screen, and nothing is missing but it.
 *
 * The last CONSOLE_HISTORY lines that scrolled off are kept (console.c) and seen by
 * console_scroll(). Output does not move what one looks back at.
 *
 * Boot option: window=COLUMNSxROWS limits the window, for example to the size
 * of the terminal that is behind the serial line.
 */
#ifndef DEV_CONSOLE_CONSOLE_H
#define DEV_CONSOLE_CONSOLE_H

#include <lib/types.h>

void console_init_early(void);
void console_init(void);

/* Input from the keyboard that belongs to the screen. As tty_receive(). */
size_t console_receive(const uint8_t *bytes, size_t size);

/* Looks back by half a screen, or forward again: any other key, and a line of the log, return to the live screen.
 * Context: any. */
void console_scroll(bool back);

/* DECCKM: the program wants cursor keys as ESC O x. Context: any. */
bool console_has_application_keys(void);

#endif
