/* A slow periodic NMI on every CPU, which interrupts what has turned interrupts off. */
#ifndef ARCH_WATCHDOG_H
#define ARCH_WATCHDOG_H

#include <lib/types.h>

#define WATCHDOG_HZ 18 /* 1193182 / 65536 */

/* From now on each CPU gets WATCHDOG_HZ NMIs a second, and trap_dispatch_paranoid() asks live_watchdog_tick(). Calls after the
 * first do nothing. False: the machine cannot. Context: any. */
bool watchdog_start(void);

#endif
