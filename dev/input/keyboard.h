/*
 * The PC's keyboard controller (Intel 8042 and what emulates it) with a PS/2
 * keyboard: keys become input of the screen's terminal, in the interrupt.
 *
 * Boot option: keymap=us|de (dev/input/keymap.c).
 * Left out: the second port (mouse), other scan code sets, key repeat of our own
 * (the keyboard repeats).
 */
#ifndef DEV_INPUT_KEYBOARD_H
#define DEV_INPUT_KEYBOARD_H

/* Boot step, after console_init(). Without a controller or keyboard: logged, and nothing else. */
void keyboard_init(void);

#endif
