/*
 * The channel to the host that tools/vm exec uses (docs/architecture.md, "Host
 * channel"): standard output, standard error and the exit status leave through
 * I/O ports of QEMU's isa-debugcon and isa-debug-exit devices. It exists only
 * when the machine was started with the fw_cfg file opt/polyglot/exec; nothing
 * of it needs interrupts, memory or ACPI.
 *
 *     host_init();                     registers /dev/hostout and /dev/hosterr
 *     host_report_status(status);      process 1 has ended
 *     host_debug_exit(62);             panic: QEMU ends with status 125
 */
#ifndef DEV_HOST_HOST_H
#define DEV_HOST_HOST_H

#include <lib/types.h>

/* Was the machine started to run one program? Context: any after the first call at boot. */
bool host_is_present(void);

/* Boot step: the devices, if the channel exists. */
void host_init(void);

/* Tells the host the exit status of process 1. Without the channel: nothing. Context: any. */
void host_report_status(int status);

/* Text for the host's standard error, for a panic. Without the channel: nothing. Context: any. */
void host_write_error(const char *text, size_t size);

/* Ends QEMU with status value * 2 + 1 where it has an isa-debug-exit device, else returns. Context: any. */
void host_debug_exit(uint32_t value);

#endif
