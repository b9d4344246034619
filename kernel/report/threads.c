/*
 * Reports on threads. Rows are copied under the thread list's lock, which keeps
 * every thread and its stack in existence, and printed without it. The stack of
 * a thread that runs meanwhile may change under the walk: its frames are then
 * wrong, never fatal, because every address is checked to lie in that stack.
 */
#include <arch/x86_64/trap.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/proc/process.h>
#include <kernel/report/private.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define MAX_ROWS 512
#define MAX_FRAMES 16

struct held_lock {
    const char *name;
    uint32_t rank;
};

struct thread_row {
    int32_t id, process_id;
    char name[THREAD_NAME_SIZE];
    char program[THREAD_NAME_SIZE]; /* its process's name */
    uint32_t state;
    bool is_stopped; /* by job control */
    int32_t cpu; /* where it runs or ran last */
    nanos_t cpu_time;
    uint64_t switches;
    uint64_t caller_rip; /* where its own code was left; 0: a kernel thread */
    uint32_t frame_count, held_count;
    uint64_t frames[MAX_FRAMES];
    struct held_lock held[THREAD_MAX_LOCKS];
};

struct thread_rows {
    int32_t only; /* this thread; 0: all */
    size_t count;
    struct thread_row rows[MAX_ROWS];
};

static const char *const state_names[] = { "new", "ready", "running", "sleeping", "dead" };

void *report_allocate(size_t size) { return vmalloc(size, PAGE_USE_KERNEL); }
void report_free(void *memory) { vfree(memory); }

LOCAL bool report_is_on_stack(const struct thread *thread, uint64_t address)
{
    return IS_ALIGNED(address, 8) && address >= thread->kernel_stack_base && address + 16 <= thread->kernel_stack_top;
}

/* What context_switch() left: r15 r14 r13 r12 rbx rbp rip. */
LOCAL void report_copy_frames(struct thread_row *row, const struct thread *thread)
{
    const unsigned rbp_slot = 5, rip_slot = 6;
    if (thread == thread_current()) {
        row->frames[row->frame_count++] = (uint64_t)(uintptr_t)__builtin_return_address(0);
        return;
    }
    if (thread->state == THREAD_RUNNING) /* on another CPU: what it saved when it did not run means nothing now */
        return;
    if (!report_is_on_stack(thread, thread->saved_rsp) || thread->saved_rsp + 7 * 8 > thread->kernel_stack_top)
        return;
    const uint64_t *context = (const uint64_t *)(uintptr_t)thread->saved_rsp;
    row->frames[row->frame_count++] = context[rip_slot];
    uint64_t rbp = context[rbp_slot];
    while (row->frame_count < MAX_FRAMES && report_is_on_stack(thread, rbp)) {
        const uint64_t *link = (const uint64_t *)(uintptr_t)rbp;
        if (link[1] == 0)
            break;
        row->frames[row->frame_count++] = link[1];
        if (link[0] <= rbp)
            break;
        rbp = link[0];
    }
}

LOCAL void report_copy_thread(struct thread *thread, void *context)
{
    struct thread_rows *rows = context;
    if (rows->count == MAX_ROWS || (rows->only != 0 && rows->only != thread->id))
        return;
    struct thread_row *row = &rows->rows[rows->count++];
    row->id = thread->id;
    if (thread->process != NULL) {
        row->process_id = thread->process->id;
        row->is_stopped = thread->process->stop_signal != 0;
        memcpy(row->program, thread->process->name, sizeof row->program);
        row->program[sizeof row->program - 1] = 0; /* it may be changed meanwhile */
    }
    memcpy(row->name, thread->name, sizeof row->name);
    row->state = thread->state;
    row->cpu = thread->cpu;
    row->switches = thread->switches;
    row->cpu_time = thread->cpu_time;
    if (thread->state == THREAD_RUNNING)
        row->cpu_time += clock_monotonic() - thread->last_started;
    if (thread->process != NULL && thread->state != THREAD_NEW) {
        /* The frame by which it entered the kernel lies at the top of the stack. */
        const struct trap_frame *frame = (const struct trap_frame *)(uintptr_t)(thread->kernel_stack_top - sizeof *frame);
        row->caller_rip = frame->rip;
    }
    row->held_count = MIN(thread->held_count, THREAD_MAX_LOCKS);
    for (uint32_t i = 0; i < row->held_count; i++)
        row->held[i] = (struct held_lock){ thread->held[i].name, thread->held[i].rank };
    report_copy_frames(row, thread);
}

LOCAL struct thread_rows *report_copy_threads(int32_t only)
{
    struct thread_rows *rows = report_allocate(sizeof *rows);
    if (rows != NULL) {
        rows->only = only;
        thread_for_each(report_copy_thread, rows);
    }
    return rows;
}

LOCAL const char *report_state_name(const struct thread_row *row)
{
    if (row->is_stopped && row->state != THREAD_DEAD)
        return "stopped";
    return row->state < ARRAY_COUNT(state_names) ? state_names[row->state] : "?";
}

/* Where its own code was left: by name in the world, else the address. */
LOCAL const char *report_caller(const struct thread_row *row, char *buffer, size_t size)
{
    uint64_t offset;
    if (symbol_find(row->caller_rip, &offset) != NULL)
        return symbol_format(row->caller_rip, buffer, size);
    ksnprintf(buffer, size, "%#llx", (unsigned long long)row->caller_rip);
    return buffer;
}

void report_threads(const struct report_output *output)
{
    struct thread_rows *rows = report_copy_threads(0);
    if (rows == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    report_print(output, "id\tprocess\tprogram\tname\tstate\tcpu\tcpu us\tswitches\twhere\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct thread_row *row = &rows->rows[i];
        char name[128];
        report_print(output, "%d\t%d\t%s\t%s\t%s\t%d\t%lld\t%llu\t", row->id, row->process_id,
                     row->process_id != 0 ? row->program : "kernel", row->name, report_state_name(row), row->cpu, (long long)(row->cpu_time / NANOS_PER_MICROSECOND), (unsigned long long)row->switches);
        for (uint32_t j = 0; j < row->frame_count; j++)
            report_print(output, "%s%s", j == 0 ? "" : " < ", symbol_format(row->frames[j], name, sizeof name));
        if (row->caller_rip != 0)
            report_print(output, " < %s", report_caller(row, name, sizeof name));
        report_print(output, "\n");
    }
    report_free(rows);
}

bool report_backtrace(const struct report_output *output, int32_t thread_id)
{
    struct thread_rows *rows = thread_id == 0 ? NULL : report_copy_threads(thread_id);
    bool found = rows != NULL && rows->count != 0;
    if (found) {
        const struct thread_row *row = &rows->rows[0];
        char name[128];
        report_print(output, "thread %d %s, %s\n", row->id, row->name, report_state_name(row));
        for (uint32_t j = 0; j < row->frame_count; j++)
            report_print(output, "  #%u %#llx %s\n", j, (unsigned long long)row->frames[j],
                         symbol_format(row->frames[j], name, sizeof name));
        if (row->caller_rip != 0)
            report_print(output, "  its own code: %#llx %s\n", (unsigned long long)row->caller_rip,
                         symbol_format(row->caller_rip, name, sizeof name));
    }
    report_free(rows);
    return found;
}

void report_locks(const struct report_output *output)
{
    struct thread_rows *rows = report_copy_threads(0);
    if (rows == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    report_print(output, "lock\trank\tthread\tname\tstate\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct thread_row *row = &rows->rows[i];
        for (uint32_t j = 0; j < row->held_count; j++)
            report_print(output, "%s\t%u\t%d\t%s\t%s\n", row->held[j].name != NULL ? row->held[j].name : "?",
                         row->held[j].rank, row->id, row->name, report_state_name(row));
    }
    report_free(rows);
}
