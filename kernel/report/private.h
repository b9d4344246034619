/* What the files of kernel/report share. */
#ifndef KERNEL_REPORT_PRIVATE_H
#define KERNEL_REPORT_PRIVATE_H

#include <kernel/report/report.h>

void report_threads(const struct report_output *output);
void report_locks(const struct report_output *output);
void report_cpus(const struct report_output *output);
void report_backtraces(const struct report_output *output);

/* Memory for a copy of rows, too big for the stack. */
MUST_CHECK void *report_allocate(size_t size); /* zeroed; NULL: no memory */
void report_free(void *memory);

#endif
