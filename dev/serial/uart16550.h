/*
 * The first serial port (COM1), a 16550A: 115200 baud, 8N1, no handshake but RTS.
 *
 *     serial_init_early();   first of all: log lines go out by polling
 *     serial_init();         when interrupts and the tty are there: a port of the tty
 *
 * Bytes of the tty go out at once while the device takes them, else from a ring
 * by interrupts. Log lines go out by polling, in any context. A machine without the port loses nothing but the text.
 *
 * Left out: other ports and speeds, CTS, modem control.
 */
#ifndef DEV_SERIAL_UART16550_H
#define DEV_SERIAL_UART16550_H

#include <lib/types.h>

/* Probes and sets up the device, and adds it to the log. Context: boot, before anything else. */
void serial_init_early(void);

/* Boot step: interrupts on, attached to the console tty. */
void serial_init(void);

bool serial_is_present(void);

/* Writes text by polling, "\n" as "\r\n", behind what waits in the ring. Context: any. */
void serial_write_polled(const char *text, size_t size);

#endif
