/* FPU state; the rules are in fpu.h. Areas are XSAVE's standard form, or FXSAVE's (SDM vol. 1, 10.5 and 13.4). */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/thread.h>
#include <lib/string.h>

#define MXCSR_CLEAN 0x1f80 /* SDM vol. 1, 10.2.3: all exceptions masked */
#define CR0_TS (1ull << 3)

static struct object_cache *fpu_cache;
static void *fpu_clean;

void fpu_init(void)
{
    fpu_cache = object_cache_create("fpu", ALIGN_UP(cpu_features.xsave_size, 64), 64);
    if (fpu_cache == NULL || (fpu_clean = object_alloc_zeroed(fpu_cache)) == NULL)
        panic("fpu: no memory for the clean state");
    fpu_reset();
    fpu_save(fpu_clean);
    klog(LOG_INFO, "cpu", "%s, xcr0 %#llx, %u bytes of FPU state", cpu_features.brand,
         (unsigned long long)cpu_features.xcr0, cpu_features.xsave_size);
}

const void *fpu_clean_state(void) { return fpu_clean; }

void *fpu_alloc(void)
{
    void *area = object_alloc(fpu_cache);
    if (area != NULL)
        memcpy(area, fpu_clean, cpu_features.xsave_size);
    return area;
}

void fpu_free(void *area) { object_free(fpu_cache, area); }
void fpu_copy(void *destination, const void *source) { memcpy(destination, source, cpu_features.xsave_size); }

void fpu_save(void *area)
{
    if (cpu_features.xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(0xffffffffu), "d"(0xffffffffu) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void fpu_restore(const void *area)
{
    if (cpu_features.xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(0xffffffffu), "d"(0xffffffffu) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void fpu_reset(void)
{
    uint32_t mxcsr = MXCSR_CLEAN;
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

void fpu_set_trap(bool trap)
{
    if (trap) {
        uint64_t value;
        __asm__ volatile("mov %%cr0, %0" : "=r"(value));
        __asm__ volatile("mov %0, %%cr0" : : "r"(value | CR0_TS) : "memory");
    } else {
        __asm__ volatile("clts" : : : "memory");
    }
}

/* --- whose they are ---------------------------------------------------------------------- */

void *fpu_home(const struct thread *thread) { return thread->fpu_live != NULL ? thread->fpu_live : thread->fpu; }

void *fpu_fetch_own(void)
{
    const struct thread *me = thread_current();
    if (me->fpu_live != NULL)
        return me->fpu; /* saved when live code took the registers */
    if (me->fpu_trap)
        fpu_set_trap(false);
    fpu_save(me->fpu);
    if (me->fpu_trap)
        fpu_set_trap(true);
    return me->fpu;
}

void fpu_set_own(const void *state)
{
    const struct thread *me = thread_current();
    fpu_copy(me->fpu, state);
    if (me->fpu_live != NULL)
        return; /* loaded when live code gives the registers back */
    if (me->fpu_trap)
        fpu_set_trap(false);
    fpu_restore(me->fpu);
    if (me->fpu_trap)
        fpu_set_trap(true);
}

/* A thread's registers stay loaded while only threads without FPU state run, and it does not run elsewhere. */
void fpu_switch(struct thread *previous, struct thread *next)
{
    struct cpu *cpu = this_cpu();
    void *old = fpu_home(previous), *new = fpu_home(next);
    if (previous->fpu_trap)
        fpu_set_trap(false);
    if (old != NULL && previous->state != THREAD_DEAD)
        fpu_save(old);
    if (new != NULL && (cpu->fpu_owner != next || next->fpu_cpu != cpu->id)) {
        fpu_restore(new);
        cpu->fpu_owner = next;
        next->fpu_cpu = cpu->id;
    }
    if (next->fpu_trap)
        fpu_set_trap(true);
}
