/* arch/x86_64/natives.S */
#ifndef KERNEL_NATIVES_STUBS_H
#define KERNEL_NATIVES_STUBS_H

#include <stdint.h>

int64_t native_clock_monotonic(void);
uint64_t native_log_size(void);
const char *native_symbol_name(uint64_t address);
uint64_t native_symbol_start(uint64_t address);
int64_t native_live_control(uint32_t operation, uint64_t argument, uint64_t size);
void native_live_fail_on_return(uint32_t kind);

#endif
