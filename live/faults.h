/*
 * The last faults of live code that had no caller to tell: timers, interrupt handlers, kernel threads, replaced functions. Kept with the
 * names of their frames, because the code may be gone when somebody asks. /proc/polyglot/faults, polyglot.faults().
 */
#ifndef LIVE_FAULTS_H
#define LIVE_FAULTS_H

#include <live/guard.h>

struct report_output;

/* Keeps a fault; `what` says whose it was. Context: any. */
void live_fault_record(const struct live_fault *fault, const char *what);
/* How many were recorded since power-on. Context: any. */
uint64_t live_fault_count(void);
/* /proc/polyglot/faults. Context: threads. */
void live_report_faults(const struct report_output *output);

#endif
