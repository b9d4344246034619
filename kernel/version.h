/* Names of this system. Programs decide by sysname and release, so these say Linux (docs/decisions.md). */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

#define POLYGLOT_VERSION "0.1"
#define KERNEL_SYSNAME "Linux"
#define KERNEL_RELEASE "6.1.0-polyglot"
#define KERNEL_VERSION "Polyglot OS " POLYGLOT_VERSION

#define HOSTNAME_SIZE 65 /* of struct utsname */
/* Copies the host name (HOSTNAME_SIZE bytes, NUL terminated). */
void system_get_hostname(char *out);

#endif
