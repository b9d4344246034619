/* Versions of kernel functions; patch.h tells their life. The table of what cannot be replaced: nopatch.c. */
#include <abi/errno.h>
#include <arch/x86_64/sections.h>
#include <arch/x86_64/text_patch.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/report/report.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/linker.h>
#include <live/message.h>
#include <live/patch.h>
#include <live/private.h>

#define HISTORY 16 /* rows of versions that are gone, per function */
#define NEVER   INT64_MAX

STATIC_ASSERT(offsetof(struct live_version, call) == 0 && offsetof(struct live_version, enter) == 40
              && offsetof(struct live_version, calls) == 48, "patch.S");

/* What is left of a version whose code is gone. */
struct patch_row {
    uint32_t number, state;
    uint64_t module, calls, faults;
    nanos_t installed;
};

/* A function that was replaced at least once. Never freed. */
struct live_patch {
    const char *name;
    vaddr_t entry;
    uint32_t index;                /* of its trampoline and slot */
    uint32_t last_number;
    bool is_patched;               /* its entry jumps */
    struct live_version original;
    struct list versions;          /* struct live_version.link: in force, or kept to go back to; not the original */
    struct patch_row history[HISTORY]; /* by number % HISTORY */
};

static struct mutex patch_mutex = MUTEX_INIT(patch_mutex, "replacements", LOCK_RANK_LIVE_PATCH);
/* patch_mutex; read without it by index below patch_count, which only grows */
static struct live_patch *patches[LIVE_TRAMPOLINES];
static volatile uint32_t patch_count;

/* Versions that came into force together; lasts as long as the last of them. */
struct patch_set {
    uint32_t left;                          /* versions that are not freed; patch_mutex */
    uint32_t count;
    struct live_version *volatile members[]; /* atomic; NULL: retired. A fault in one reads the others: those it holds on its stack are not freed */
};

static const char *const state_names[] = { "original", "trial", "active", "superseded", "restored", "rolled back" };

/* --- names ---------------------------------------------------------------------------------- */

/* "file.c:name": functions of the kernel have unique names, only variables do not. */
LOCAL const char *patch_plain_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

LOCAL struct live_patch *patch_find(vaddr_t entry)
{
    uint32_t count = __atomic_load_n(&patch_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        if (patches[i]->entry == entry)
            return patches[i];
    return NULL;
}

LOCAL struct live_version *patch_current(const struct live_patch *patch)
{
    return __atomic_load_n(&live_trampoline_slots[patch->index], __ATOMIC_ACQUIRE);
}

bool live_patch_is_replaced(vaddr_t entry)
{
    const struct live_patch *patch = patch_find(entry);
    return patch != NULL && patch_current(patch) != &patch->original;
}

/* The function that `name` means, or an error with its reason in `message`. */
LOCAL int patch_resolve(const char *name, vaddr_t *entry, char *message, size_t size)
{
    const char *plain = patch_plain_name(name);
    *entry = symbol_address(plain);
    if (*entry == 0) {
        ksnprintf(message, size, "the kernel has no function %s; an inline function of a header has no body of its own: replace "
                  "the functions that call it", plain);
        return -ENOENT;
    }
    const char *reason = live_patch_refusal(plain, *entry);
    if (reason != NULL) {
        ksnprintf(message, size, "%s cannot be replaced: %s", plain, reason);
        return -EOPNOTSUPP;
    }
    return 0;
}

/* --- versions --------------------------------------------------------------------------------- */

LOCAL void patch_note_history(const struct live_version *version)
{
    version->patch->history[version->number % HISTORY] = (struct patch_row){
        .number = version->number, .state = version->state, .module = version->module, .calls = version->calls,
        .faults = version->faults, .installed = version->installed };
}

LOCAL void patch_free_version(struct live_retired *item)
{
    struct live_version *version = container_of(item, struct live_version, retired);
    mutex_lock(&patch_mutex);
    patch_note_history(version); /* calls went on after it was retired */
    struct patch_set *set = version->set != NULL && --version->set->left == 0 ? version->set : NULL;
    mutex_unlock(&patch_mutex);
    kfree(set);
    if (version->module != 0) {
        char text[128];
        struct message message;
        message_init(&message, text, sizeof text);
        live_module_put(version->module);
        (void)!live_unload(version->module, false, &message); /* refused when others use what else it defines */
    }
    kfree(version);
}

/* patch_mutex held; `version` is out of force, and nothing goes back to it. */
LOCAL void patch_retire(struct live_version *version)
{
    patch_note_history(version);
    list_remove(&version->link);
    for (uint32_t i = 0; version->set != NULL && i < version->set->count; i++)
        if (version->set->members[i] == version)
            __atomic_store_n(&version->set->members[i], NULL, __ATOMIC_SEQ_CST);
    version->retired.ranges[0] = (struct live_span){ (uint64_t)(uintptr_t)version, (uint64_t)(uintptr_t)(version + 1) };
    version->retired.range_count = 1 + live_reclaim_module_ranges(version->module, &version->retired.ranges[1]);
    version->retired.free = patch_free_version;
    live_reclaim_retire(&version->retired);
}

/* The record of a function, made at its first replacement. patch_mutex held. NULL: no memory. */
LOCAL struct live_patch *patch_make(const char *name, vaddr_t entry)
{
    struct live_patch *patch = patch_find(entry);
    if (patch != NULL || patch_count == LIVE_TRAMPOLINES)
        return patch;
    uint64_t offset;
    patch = kzalloc(sizeof *patch);
    if (patch == NULL)
        return NULL;
    const char *kept = symbol_find(entry, &offset); /* valid for ever, which `name` is not */
    patch->name = kept != NULL && strcmp(kept, name) == 0 ? kept : "?";
    patch->entry = entry;
    patch->index = patch_count;
    patch->original.enter = patch->original.call.target = entry + TEXT_PATCH_SIZE;
    patch->original.patch = patch;
    list_init(&patch->versions);
    live_trampoline_slots[patch->index] = &patch->original;
    patches[patch->index] = patch;
    __atomic_store_n(&patch_count, patch_count + 1, __ATOMIC_RELEASE);
    return patch;
}

/* What a fault of the next version goes back to: never to one that is in its own trial. */
LOCAL struct live_version *patch_known_good(struct live_version *current)
{
    return current->state == LIVE_VERSION_TRIAL ? current->previous : current;
}

/* `version` is in force from here on. patch_mutex held; only a rollback can come between. */
LOCAL void patch_store(struct live_patch *patch, struct live_version *version)
{
    struct live_version *current = patch_current(patch);
    do {
        version->previous = patch_known_good(current);
    } while (!__atomic_compare_exchange_n(&live_trampoline_slots[patch->index], &current, version, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
}

/* --- faults: called by the guard, any context --------------------------------------------------- */

/* Ends a version that is in its trial, or any when `always`. True: another one is in force now. */
LOCAL bool patch_roll_back_one(struct live_version *version, bool always)
{
    uint32_t state = LIVE_VERSION_TRIAL;
    struct live_version *current = version, *previous = version->previous;
    bool ended = __atomic_compare_exchange_n(&version->state, &state, LIVE_VERSION_ROLLED_BACK, false, __ATOMIC_SEQ_CST,
                                             __ATOMIC_SEQ_CST);
    if (!ended && always && state == LIVE_VERSION_ACTIVE) {
        previous = &version->patch->original;
        ended = __atomic_compare_exchange_n(&version->state, &state, LIVE_VERSION_ROLLED_BACK, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST);
    }
    if (ended) /* else, or when the exchange fails, a newer version is in force, or another CPU was first */
        __atomic_compare_exchange_n(&live_trampoline_slots[version->patch->index], &current, previous, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
    return ended || state == LIVE_VERSION_ROLLED_BACK;
}

/* The same, with the versions that came with it: also those whose trial the reclaim thread has just ended. */
LOCAL bool patch_roll_back(struct live_version *version, bool always)
{
    const struct patch_set *set = version->set;
    bool ended = patch_roll_back_one(version, always);
    for (uint32_t i = 0; ended && set != NULL && i < set->count; i++) {
        struct live_version *member = __atomic_load_n(&set->members[i], __ATOMIC_SEQ_CST);
        if (member != NULL && member != version)
            patch_roll_back_one(member, true);
    }
    return ended;
}

/* struct live_patch_call.faulted. First of all the version goes: what follows may need the function. */
LOCAL uint64_t patch_version_faulted(struct live_patch_call *call, const struct live_fault *fault)
{
    struct live_version *version = container_of(call, struct live_version, call);
    struct thread *me = thread_current();
    bool rolled_back = patch_roll_back(version, me->live_reporting != 0);
    uint64_t count = __atomic_add_fetch(&version->faults, 1, __ATOMIC_RELAXED);
    bool again = rolled_back && (version->flags & LIVE_REPLACE_IDEMPOTENT);
    if ((count & (count - 1)) == 0) { /* the 1st, 2nd, 4th, ... */
        me->live_reporting++;
        klog(LOG_ERROR, "live", "version %u of %s faulted (%s): %s; the call %s", version->number, version->patch->name,
             live_fault_name(fault->kind), rolled_back ? "rolled back" : "its trial is over, it stays",
             again ? "is made again" : "fails");
        me->live_reporting--;
    }
    return again ? version->patch->entry : 0;
}

/* Retires the versions that are neither in force nor what a trial goes back to. patch_mutex held. */
LOCAL void patch_tidy(struct live_patch *patch, uint32_t state)
{
    struct live_version *current = patch_current(patch);
    const struct live_version *kept = current->state == LIVE_VERSION_TRIAL ? current->previous : current;
    list_for_each_safe(node, &patch->versions) {
        struct live_version *version = container_of(node, struct live_version, link);
        if (version == current || version == kept)
            continue;
        if (version->state != LIVE_VERSION_ROLLED_BACK)
            version->state = state;
        patch_retire(version);
    }
}

LOCAL bool patch_is_code(uint64_t address)
{
    return (address >= section_address(__kernel_start) && address < section_address(__text_end)) || live_is_text(address);
}

/* The original is in force: its entry gets the nop back. patch_mutex held. */
LOCAL void patch_unpatch(struct live_patch *patch)
{
    if (patch->is_patched && patch_current(patch) == &patch->original && text_patch_clear(patch->entry) == 0)
        patch->is_patched = false;
}

/* A version of what `replacement` names, whose entry jumps already, still to the original. patch_mutex held. On an error nothing is left. */
LOCAL int patch_prepare(const struct live_replacement *replacement, nanos_t now, struct live_version **made, char *message, size_t size)
{
    vaddr_t entry;
    const char *name = patch_plain_name(replacement->name);
    int error = patch_resolve(replacement->name, &entry, message, size);
    if (error != 0)
        return error;
    if (!patch_is_code(replacement->target) || replacement->trial < 0 || !IS_ALIGNED(replacement->stack_bytes, 8)) {
        ksnprintf(message, size, "the new version of %s is no code of the kernel or of a live module", name);
        return -EINVAL;
    }
    struct live_version *version = kzalloc(sizeof *version);
    struct live_patch *patch = version == NULL ? NULL : patch_make(name, entry);
    if (patch == NULL) {
        ksnprintf(message, size, "no memory to replace %s", name);
        error = -ENOMEM;
    } else if (!patch->is_patched) {
        error = text_patch_jump(entry, (vaddr_t)(uintptr_t)live_trampolines + (vaddr_t)patch->index * LIVE_TRAMPOLINE_SIZE);
        patch->is_patched = error == 0;
        if (error != 0)
            ksnprintf(message, size, "the entry of %s cannot be patched", name);
    }
    if (error == 0 && replacement->module != 0 && live_module_get(replacement->module) != 0) {
        ksnprintf(message, size, "there is no module %llu", (unsigned long long)replacement->module);
        patch_unpatch(patch);
        error = -ENOENT;
    }
    if (error != 0) {
        kfree(version);
        return error;
    }
    version->call = (struct live_patch_call){ .target = replacement->target, .failure_value = replacement->failure_value,
        .stack_bytes = replacement->stack_bytes, .faulted = patch_version_faulted, .name = patch->name };
    version->enter = (uint64_t)(uintptr_t)live_patch_enter;
    version->patch = patch;
    version->flags = replacement->flags;
    version->module = replacement->module;
    version->installed = now;
    version->trial_end = now + replacement->trial;
    version->state = replacement->trial > 0 ? LIVE_VERSION_TRIAL : LIVE_VERSION_ACTIVE;
    version->previous = patch_known_good(patch_current(patch)); /* a fault in another of its set may come before patch_store() */
    *made = version;
    return 0;
}

/* A prepared version that does not come into force. patch_mutex held. */
LOCAL void patch_discard(struct live_version *version)
{
    live_module_put(version->module);
    patch_unpatch(version->patch);
    kfree(version);
}

/* patch_mutex held. */
LOCAL void patch_commit(struct live_version *version)
{
    struct live_patch *patch = version->patch;
    version->number = ++patch->last_number;
    list_append(&patch->versions, &version->link);
    patch_store(patch, version);
}

int live_replace(const struct live_replacement *replacement, char *message, size_t size)
{
    struct live_version *version;
    mutex_lock(&patch_mutex);
    int error = patch_prepare(replacement, clock_monotonic(), &version, message, size);
    if (error == 0) {
        patch_commit(version);
        ksnprintf(message, size, "%s: version %u is in force", version->patch->name, version->number);
        patch_tidy(version->patch, LIVE_VERSION_SUPERSEDED);
    }
    mutex_unlock(&patch_mutex);
    if (error == 0 && replacement->trial > 0)
        live_reclaim_wake(); /* to end the trial */
    return error;
}

/* Puts a whole set in force, or nothing. patch_mutex held. */
LOCAL int patch_install_set(struct patch_set *set, const struct live_replacement *replacements, char *message, size_t size)
{
    nanos_t now = clock_monotonic();
    uint32_t prepared = 0;
    int error = 0;
    while (prepared < set->count && error == 0) {
        struct live_version *version = NULL;
        error = patch_prepare(&replacements[prepared], now, &version, message, size);
        if (error != 0)
            break;
        for (uint32_t i = 0; i < prepared; i++)
            if (set->members[i]->patch == version->patch)
                error = -EINVAL;
        if (error != 0)
            ksnprintf(message, size, "%s is named twice", version->patch->name);
        version->set = set;
        set->members[prepared++] = version;
    }
    if (error != 0) {
        while (prepared > 0)
            patch_discard(set->members[--prepared]);
        return error;
    }
    set->left = set->count;
    for (uint32_t i = 0; i < set->count; i++)
        patch_commit(set->members[i]);
    for (uint32_t i = 0; i < set->count; i++) { /* one that came first has faulted: it ended those that were not in force yet, too */
        struct live_version *member = set->members[i], *current = member;
        if (__atomic_load_n(&member->state, __ATOMIC_SEQ_CST) == LIVE_VERSION_ROLLED_BACK)
            __atomic_compare_exchange_n(&live_trampoline_slots[member->patch->index], &current, member->previous, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    for (uint32_t i = 0; i < set->count; i++) /* not sooner: it takes time */
        patch_tidy(set->members[i]->patch, LIVE_VERSION_SUPERSEDED);
    ksnprintf(message, size, "%u functions are replaced", set->count);
    return 0;
}

int live_replace_set(const struct live_replacement *replacements, uint32_t count, char *message, size_t size)
{
    struct patch_set *set = kzalloc(sizeof *set + count * sizeof set->members[0]);
    if (set == NULL) {
        ksnprintf(message, size, "no memory to replace %u functions", count);
        return -ENOMEM;
    }
    set->count = count;
    mutex_lock(&patch_mutex);
    int error = patch_install_set(set, replacements, message, size);
    mutex_unlock(&patch_mutex);
    if (error != 0)
        kfree(set);
    else
        live_reclaim_wake();
    return error;
}

int live_restore(const char *name, char *message, size_t size)
{
    vaddr_t entry;
    int error = patch_resolve(name, &entry, message, size);
    if (error != 0)
        return error;
    struct live_patch *patch = patch_find(entry);
    mutex_lock(&patch_mutex);
    struct live_version *old = patch == NULL ? NULL : __atomic_exchange_n(&live_trampoline_slots[patch->index],
                                                                          &patch->original, __ATOMIC_SEQ_CST);
    if (old == NULL || old == &patch->original) {
        ksnprintf(message, size, "%s is not replaced", patch_plain_name(name));
        error = -ENOENT;
    } else {
        ksnprintf(message, size, "%s: the original is in force instead of version %u", patch->name, old->number);
    }
    if (patch != NULL) {
        patch_tidy(patch, LIVE_VERSION_RESTORED);
        patch_unpatch(patch);
    }
    mutex_unlock(&patch_mutex);
    return error;
}

/* --- trials ------------------------------------------------------------------------------------ */

LOCAL nanos_t patch_settle_one(struct live_patch *patch, nanos_t now)
{
    struct live_version *current = patch_current(patch);
    uint32_t trial = LIVE_VERSION_TRIAL;
    if (current->state == LIVE_VERSION_TRIAL && current->trial_end > now)
        return current->trial_end;
    if (current->state == LIVE_VERSION_TRIAL
        && __atomic_compare_exchange_n(&current->state, &trial, LIVE_VERSION_ACTIVE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        current->previous = NULL;
    patch_tidy(patch, LIVE_VERSION_SUPERSEDED);
    patch_unpatch(patch); /* after a rollback */
    return NEVER;
}

nanos_t live_patch_settle(void)
{
    nanos_t next = NEVER;
    mutex_lock(&patch_mutex);
    nanos_t now = clock_monotonic();
    for (uint32_t i = 0; i < patch_count; i++)
        next = MIN(next, patch_settle_one(patches[i], now));
    mutex_unlock(&patch_mutex);
    return next;
}

/* --- report ---------------------------------------------------------------------------------------- */

LOCAL void patch_report_row(const struct report_output *output, const char *name, const struct patch_row *row)
{
    report_print(output, "%s\t%u\t%llu\t%lld\t%s\t%llu\t%llu\n", name, row->number, (unsigned long long)row->module,
                 (long long)(row->installed / NANOS_PER_MILLISECOND), state_names[row->state], (unsigned long long)row->calls,
                 (unsigned long long)row->faults);
}

LOCAL void patch_report_one(const struct report_output *output, struct live_patch *patch)
{
    struct patch_row rows[HISTORY];
    mutex_lock(&patch_mutex);
    list_for_each(node, &patch->versions)
        patch_note_history(container_of(node, struct live_version, link));
    memcpy(rows, patch->history, sizeof rows);
    uint32_t last = patch->last_number;
    const struct patch_row original = { .calls = patch->original.calls, .state = LIVE_VERSION_ORIGINAL };
    mutex_unlock(&patch_mutex);
    patch_report_row(output, patch->name, &original);
    for (uint32_t number = last > HISTORY ? last - HISTORY + 1 : 1; number <= last; number++)
        patch_report_row(output, patch->name, &rows[number % HISTORY]);
}

void live_patch_report(const struct report_output *output)
{
    report_print(output, "function\tversion\tmodule\tsince ms\tstate\tcalls\tfaults\n");
    uint32_t count = __atomic_load_n(&patch_count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        patch_report_one(output, patches[i]);
}
