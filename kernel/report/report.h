/*
 * Reports: what the kernel can tell about itself, as lines of text. One table;
 * /proc/polyglot/NAME and the monitor's commands both come from it.
 *
 * A report is a header line and rows, fields separated by tabs, so that a program
 * can read it and a person too. Context: threads; nothing is kept locked while
 * `print` runs, so it may sleep.
 */
#ifndef KERNEL_REPORT_REPORT_H
#define KERNEL_REPORT_REPORT_H

#include <lib/types.h>

struct report_output {
    void (*print)(void *context, const char *text, size_t length);
    void *context;
};

struct report_kind {
    const char *name;
    const char *help; /* one line */
    void (*write)(const struct report_output *output);
};

extern const struct report_kind report_kinds[];
extern const size_t report_kind_count;

/* NULL: no such report. */
const struct report_kind *report_find(const char *name);

/*
 * The reports "live" (modules), "symbols", "replacements" and "faults" are the live layer's, which lies above this module: at boot it says who
 * writes them. Live code may write them, too: a later call puts its functions in force, with the live layer's own for those that are NULL
 * (`writers` NULL: for all). They are called under a guard (live/call.h); where one is switched off the report says so. The structure is copied; a live
 * module in whose memory it lies is held until the next call. 0, or -EBUSY: that module is not loaded yet, or on its way out. Context: threads.
 */
struct report_live_writers {
    void (*modules)(const struct report_output *output);
    void (*symbols)(const struct report_output *output);
    void (*replacements)(const struct report_output *output);
    void (*faults)(const struct report_output *output);
};
MUST_CHECK int report_set_live(const struct report_live_writers *writers);

void report_print(const struct report_output *output, const char *format, ...) PRINTF_LIKE(2, 3);

/* The frames of one thread by name, a line each. False: no such thread. */
bool report_backtrace(const struct report_output *output, int32_t thread_id);

#endif
