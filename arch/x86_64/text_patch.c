/* Patches of function entries; the protocol and its rules are in text_patch.h. */
#include <abi/errno.h>
#include <arch/x86_64/sections.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/text_patch.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <lib/string.h>

#define OPCODE_INT3 0xcc
#define OPCODE_JMP  0xe9 /* rel32 */

static const uint8_t entry_nop[TEXT_PATCH_SIZE] = { 0x0f, 0x1f, 0x44, 0x00, 0x08 }; /* of -fpatchable-function-entry=5 */

/* The entry that is being changed, and where its breakpoint leads; 0: none. Also read by trap_entry_breakpoint (entry.S), which
 * does what text_patch_breakpoint() does for a breakpoint that comes in time. */
volatile uint64_t text_patch_changing_entry, text_patch_changing_target, text_patch_breakpoint_count;
static volatile uint64_t late_breakpoint_count;

bool text_is_patchable(vaddr_t entry)
{
    for (const uint64_t *row = __patchable_start; row < __patchable_end; row++)
        if (*row == entry)
            return true;
    return false;
}

/* CPUID is serialising (SDM vol. 3, 9.3), and allowed everywhere. */
LOCAL void text_patch_serialise(void *unused)
{
    (void)unused;
    uint32_t eax, ebx, ecx, edx;
    cpuid(0, 0, &eax, &ebx, &ecx, &edx);
}

LOCAL void text_patch_serialise_all(void)
{
    smp_call_others(text_patch_serialise, NULL);
    text_patch_serialise(NULL);
}

/*
 * Stores bytes first..last of the entry, and returns when every CPU has seen them. They are stored a second time for QEMU's TCG: a CPU
 * that was translating these bytes during the first store keeps a stale translation of them (seen with QEMU 7.2: a
 * breakpoint came after it was gone), which any later store to the page throws away.
 */
LOCAL void text_patch_store(volatile uint8_t *alias, const uint8_t *bytes, unsigned first, unsigned last)
{
    for (int time = 0; time < 2; time++) {
        for (unsigned i = first; i <= last; i++)
            alias[i] = bytes[i];
        if (time == 0)
            text_patch_serialise_all();
    }
}

/* Writes `bytes` over the entry, step by step. */
LOCAL void text_patch_write(vaddr_t entry, const uint8_t bytes[TEXT_PATCH_SIZE], vaddr_t target)
{
    static const uint8_t breakpoint[1] = { OPCODE_INT3 };
    volatile uint8_t *alias = phys_to_virt(virt_to_phys((const void *)(uintptr_t)entry));
    text_patch_changing_target = target;
    __atomic_store_n(&text_patch_changing_entry, entry, __ATOMIC_SEQ_CST);
    text_patch_store(alias, breakpoint, 0, 0);
    text_patch_store(alias, bytes, 1, TEXT_PATCH_SIZE - 1);
    text_patch_store(alias, bytes, 0, 0);
    __atomic_store_n(&text_patch_changing_entry, 0, __ATOMIC_SEQ_CST); /* nobody is between the int3 and its handler any more */
}

int text_patch_jump(vaddr_t entry, vaddr_t target)
{
    uint8_t jump[TEXT_PATCH_SIZE] = { OPCODE_JMP };
    int64_t distance = (int64_t)(target - (entry + TEXT_PATCH_SIZE));
    if (!text_is_patchable(entry))
        return -EOPNOTSUPP;
    if (distance != (int32_t)distance)
        return -ERANGE;
    int32_t displacement = (int32_t)distance;
    memcpy(jump + 1, &displacement, sizeof displacement);
    if (memcmp((const void *)(uintptr_t)entry, jump, sizeof jump) == 0)
        return 0;
    KASSERT(memcmp((const void *)(uintptr_t)entry, entry_nop, sizeof entry_nop) == 0); /* or one has two trampolines */
    text_patch_write(entry, jump, target);
    return 0;
}

int text_patch_clear(vaddr_t entry)
{
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)entry;
    if (!text_is_patchable(entry))
        return -EOPNOTSUPP;
    if (bytes[0] != OPCODE_JMP)
        return 0;
    int32_t displacement;
    memcpy(&displacement, bytes + 1, sizeof displacement);
    text_patch_write(entry, entry_nop, entry + TEXT_PATCH_SIZE + (uint64_t)(int64_t)displacement);
    return 0;
}

/* An int3 that is gone already: does what the entry says now. False: the breakpoint is none of ours. */
LOCAL bool text_patch_late_breakpoint(struct trap_frame *frame, uint64_t entry)
{
    const volatile uint8_t *bytes = (const volatile uint8_t *)(uintptr_t)entry;
    if (entry < section_address(__kernel_start) || entry >= section_address(__text_end) - TEXT_PATCH_SIZE)
        return false;
    if (bytes[0] == OPCODE_JMP)
        frame->rip = entry + TEXT_PATCH_SIZE
                     + (uint64_t)(int64_t)(int32_t)(bytes[1] | bytes[2] << 8 | bytes[3] << 16 | (uint32_t)bytes[4] << 24);
    else if (bytes[0] == entry_nop[0] && bytes[1] == entry_nop[1])
        frame->rip = entry + TEXT_PATCH_SIZE;
    else
        return false;
    __atomic_add_fetch(&late_breakpoint_count, 1, __ATOMIC_RELAXED);
    return true;
}

bool text_patch_breakpoint(struct trap_frame *frame)
{
    uint64_t entry = frame->rip - 1;
    /* A late one may meet the next change: neither its entry was seen, nor what was there before. So look twice. */
    for (int look = 0; look < 2; look++) {
        bool is_changing = entry == __atomic_load_n(&text_patch_changing_entry, __ATOMIC_SEQ_CST);
        uint64_t target = __atomic_load_n(&text_patch_changing_target, __ATOMIC_SEQ_CST);
        /* Still: of a late one the change may have ended and the next begun, which cannot end without this CPU. */
        if (is_changing && entry == __atomic_load_n(&text_patch_changing_entry, __ATOMIC_SEQ_CST)) {
            frame->rip = target;
            __atomic_add_fetch(&text_patch_breakpoint_count, 1, __ATOMIC_RELAXED);
            return true;
        }
        if (text_patch_late_breakpoint(frame, entry))
            return true;
    }
    return false;
}

uint64_t text_patch_breakpoints(void) { return text_patch_breakpoint_count; }
