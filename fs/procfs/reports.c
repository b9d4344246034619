/* /proc/polyglot: the kernel's reports (kernel/report), a file each. */
#include <abi/constants.h>
#include <fs/procfs/internal.h>
#include <kernel/report/report.h>

LOCAL void procfs_print_report(void *context, const char *bytes, size_t length) { text_append(context, bytes, length); }

LOCAL void procfs_write_report(const char *name, struct text *text)
{
    const struct report_output output = { procfs_print_report, text };
    report_find(name)->write(&output);
}

/* A generator knows its file by nothing but itself, so each report has one. */
#define REPORT_GENERATOR(report)                                                                            \
    LOCAL void procfs_generate_report_##report(const struct procfs_subject *subject, struct text *text) \
    {                                                                                                       \
        procfs_write_report(#report, text);                                                                 \
    }
#define REPORT_ENTRY(report) \
    { .name = #report, .mode = S_IFREG | 0444, .generate = procfs_generate_report_##report }

REPORT_GENERATOR(cpus)
REPORT_GENERATOR(backtraces)
REPORT_GENERATOR(threads)
REPORT_GENERATOR(memory)
REPORT_GENERATOR(slabs)
REPORT_GENERATOR(locks)
REPORT_GENERATOR(interrupts)
REPORT_GENERATOR(devices)
REPORT_GENERATOR(boot)
REPORT_GENERATOR(live)
REPORT_GENERATOR(symbols)
REPORT_GENERATOR(replacements)
REPORT_GENERATOR(faults)

const struct procfs_entry procfs_reports[PROCFS_REPORT_COUNT] = {
    REPORT_ENTRY(cpus), REPORT_ENTRY(backtraces), REPORT_ENTRY(threads), REPORT_ENTRY(memory), REPORT_ENTRY(slabs),
    REPORT_ENTRY(locks), REPORT_ENTRY(interrupts),
    REPORT_ENTRY(devices), REPORT_ENTRY(boot), REPORT_ENTRY(live), REPORT_ENTRY(symbols), REPORT_ENTRY(replacements),
    REPORT_ENTRY(faults),
};
