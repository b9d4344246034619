/* The table of natives. */
#include <kernel/natives.h>
#include <kernel/natives_stubs.h>
#include <live/guard.h>

const struct polyglot_natives polyglot_natives = {
    .version = POLYGLOT_NATIVES_VERSION,
    .size = sizeof(struct polyglot_natives),
    .clock_monotonic = native_clock_monotonic,
    .log_size = native_log_size,
    .symbol_name = native_symbol_name,
    .symbol_start = native_symbol_start,
    .live_control = native_live_control,
    .live_enter = live_enter,
    .live_fail_on_return = native_live_fail_on_return,
};
