/*
 * Panic: the one way the kernel gives up. The text starts with "PANIC: ", which
 * tools/vm looks for on the serial line.
 */
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <dev/host/host.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/sched/lock_debug.h>
#include <lib/printf.h>
#include <live/guard.h>

#define DEBUG_EXIT_PANIC 62 /* QEMU's exit status 125 = 62 * 2 + 1 */

#define NOBODY (-1)

static volatile int32_t panicking_cpu = NOBODY;

LOCAL NORETURN void panic_halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void panic_stop_if_panicking(void)
{
    if (panicking_cpu != NOBODY)
        panic_halt();
}

LOCAL NORETURN void panic_finish(const struct trap_frame *frame, uint64_t rip, uint64_t rbp, const char *format,
                                 va_list arguments)
{
    static char text[512];
    (void)irqs_disable();
    int32_t first = NOBODY, me = this_cpu()->id;
    if (!__atomic_compare_exchange_n(&panicking_cpu, &first, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        if (first == me) /* a fault inside the report itself */
            host_debug_exit(DEBUG_EXIT_PANIC);
        panic_halt();
    }
    smp_stop_others();
    lock_break_all();
    kvsnprintf(text, sizeof text, format, arguments);
    klog(LOG_EMERGENCY, "panic", "PANIC: %s", text);
    if (frame != NULL) {
        trap_print(frame);
        rip = frame->rip;
        rbp = frame->rbp;
    }
    backtrace_print(rip, rbp);
    klog(LOG_EMERGENCY, "panic", "The machine is halted. The text above is also on the serial line.");
    host_debug_exit(DEBUG_EXIT_PANIC);
    panic_halt();
}

/* What live code did wrong by a call of the kernel ends that call; the check came before anything was changed. */
LOCAL void panic_ask_guard(const char *format, va_list arguments)
{
    char text[LIVE_FAULT_TEXT];
    if (panicking_cpu != NOBODY || thread_current()->live_guard == NULL)
        return;
    va_list copy;
    va_copy(copy, arguments);
    kvsnprintf(text, sizeof text, format, copy);
    va_end(copy);
    live_fault_raise(LIVE_FAULT_ABORT, (uint64_t)(uintptr_t)__builtin_return_address(0), text);
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    panic_ask_guard(format, arguments);
    panic_finish(NULL, (uint64_t)(uintptr_t)__builtin_return_address(0),
                 *(uint64_t *)__builtin_frame_address(0), format, arguments);
}

void panic_with_frame(const struct trap_frame *frame, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    panic_finish(frame, 0, 0, format, arguments);
}
