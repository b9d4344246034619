/* Boot option panic=KIND: provokes one kind of fatal error, so that its report can be tested. */
#ifndef KERNEL_TEST_CRASH_H
#define KERNEL_TEST_CRASH_H

/* Does nothing without the option. Context: a thread, at the end of the boot steps. */
void crash_if_asked(void);

#endif
