/*
 * The kernel below the file systems, for host tests: memory, locks, waiting,
 * clocks, usercopy and one process, on malloc and pthreads.
 *
 *     // Links: tests/host/shim/shim.c ...
 *     shim_start();                     vfs, tmpfs and /dev as at boot; shim_process.fs is ready
 *     ... test ...
 *     shim_check_pages();               no page and no commit was lost since shim_start()
 *
 * Locks check their ranks and holders as debug kernels do: a wrong order aborts
 * the test. User pointers are host addresses; the first page is not mapped.
 */
#ifndef TESTS_HOST_SHIM_H
#define TESTS_HOST_SHIM_H

#include <kernel/mm/page.h>
#include <kernel/proc/process.h>

#define SHIM_PAGES 16384 /* 64 MiB of "physical" memory */

extern struct process shim_process;
extern int shim_signals_sent;            /* to threads: SIGPIPE */
extern volatile bool shim_signal_pending; /* what signal_is_pending() says */
extern long shim_fail_after;             /* allocations that still succeed; -1: all */

/* Page-aligned memory with a struct page each, as boot files have; never freed. */
void *shim_permanent_memory(size_t size);

uint64_t shim_pages_used(void);
uint64_t shim_pages_committed(void);
void shim_set_commit_limit(uint64_t pages);

/* A thread that runs `function` as a kernel thread would. */
struct shim_thread;
struct shim_thread *shim_thread_start(void (*function)(void *argument), void *argument);
void shim_thread_join(struct shim_thread *thread);
/* Lets other threads run for a moment. */
void shim_sleep_milliseconds(int milliseconds);

#endif
