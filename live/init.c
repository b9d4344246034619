/* The boot step of the live layer. */
#include <kernel/boot_file.h>
#include <kernel/log.h>
#include <kernel/report/report.h>
#include <live/faults.h>
#include <live/guard.h>
#include <live/heap.h>
#include <live/init.h>
#include <live/linker.h>
#include <live/patch.h>
#include <live/reclaim.h>

static const struct report_live_writers report_writers = {
    .modules = live_report_modules, .symbols = live_report_symbols, .replacements = live_patch_report, .faults = live_report_faults
};

void live_init(void)
{
    size_t size;
    const uint8_t *file = boot_file_find("kernel", &size);
    kernel_symbols_init(file, file == NULL ? 0 : size);
    live_module_on_free(live_cancel_timers); /* before their memory goes */
    live_module_on_free(live_heap_free_module);
    live_module_on_free(live_call_free_module);
    KASSERT(report_set_live(&report_writers) == 0);
    live_reclaim_init();
    if (live_fpu_add_cpu() != 0)
        panic("live: no memory for FPU areas");
}
