/* kernel/test/live_code.S */
#ifndef KERNEL_TEST_LIVE_CODE_H
#define KERNEL_TEST_LIVE_CODE_H

#include <live/guard.h>

extern char live_code_start[], live_code_end[];
extern uint64_t live_code_gate_slot;

uint64_t live_code_read(uint64_t address, uint64_t unused);
uint64_t live_code_write(uint64_t address, uint64_t unused);
uint64_t live_code_jump(uint64_t address, uint64_t unused);
uint64_t live_code_divide(uint64_t unused, uint64_t unused_too);
uint64_t live_code_invalid(uint64_t unused, uint64_t unused_too);
uint64_t live_code_protection(uint64_t unused, uint64_t unused_too);
uint64_t live_code_breakpoint(uint64_t unused, uint64_t unused_too);
uint64_t live_code_recurse(uint64_t unused, uint64_t unused_too);
uint64_t live_code_wild_stack(uint64_t rsp, uint64_t unused);
uint64_t live_code_loop(uint64_t unused, uint64_t unused_too);
uint64_t live_code_loop_with_interrupts_off(uint64_t unused, uint64_t unused_too);
uint64_t live_code_leave_interrupts_off(uint64_t unused, uint64_t unused_too);
uint64_t live_code_turn_direction(uint64_t result, uint64_t unused);
uint64_t live_code_call(uint64_t function, uint64_t argument);
uint64_t live_code_call_and_fault(uint64_t function, uint64_t argument);
uint64_t live_code_call_for_ever(uint64_t function, uint64_t argument);
uint64_t live_code_fault_with_interrupts_off(uint64_t unused, uint64_t unused_too);
uint64_t live_code_sum(uint64_t a, uint64_t b);
uint64_t live_code_gate(uint64_t a, uint64_t b);
uint64_t live_code_red_zone(uint64_t rounds, uint64_t unused);

#define LIVE_CODE_FAULTY_SIZE 32
extern char live_code_faulty[]; /* 16 functions */

uint64_t live_code_vectors(uint64_t unused, uint64_t unused_too);
uint64_t live_code_misaligned(uint64_t unused, uint64_t unused_too);
uint64_t live_code_numbers(uint64_t work, uint64_t unused);
uint64_t live_code_numbers_over_call(uint64_t function, uint64_t argument);

void live_test_fill_vectors(uint64_t seed);
uint64_t live_test_check_vectors(uint64_t seed);
uint64_t live_test_as_world(uint64_t world_rsp, uint64_t (*function)(uint64_t), uint64_t argument);
uint64_t live_test_call(struct live_call *call, uint64_t a, uint64_t b);
uint64_t live_test_patched(struct live_patch_call *patch, uint64_t a, uint64_t b);

#endif
