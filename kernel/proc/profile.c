/*
 * Samples are taken by a timer of each CPU, in its interrupt, and put into one ring under a leaf lock; reading formats
 * them. A CPU's timer re-arms itself while the session runs.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <fs/devfs.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/proc/process.h>
#include <kernel/proc/profile.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/time/time.h>
#include <kernel/vfs/file.h>
#include <lib/parse.h>
#include <lib/printf.h>
#include <lib/string.h>

#define PROFILE_MAX_HZ 1000
#define MAX_FRAMES 16
#define LINE_SIZE 2048

enum { ROLE_IDLE = 3 }; /* behind those of enum thread_role */

struct profile_sample {
    int32_t cpu, thread;
    uint32_t role, frame_count;
    char program[THREAD_NAME_SIZE];
    uint64_t frames[MAX_FRAMES];
};

static struct profile_session {
    struct mutex lock;             /* held by calls of the file's operations */
    /* lock */
    bool is_open;
    char line[LINE_SIZE];          /* of the sample that is being read */
    size_t line_length, line_done;

    volatile nanos_t interval;     /* 0: no samples are taken */
    struct timer timers[MAX_CPUS]; /* each CPU's own */
    struct spinlock ring_lock;
    /* ring_lock */
    struct profile_sample *ring;
    uint32_t first, count;
    uint64_t lost;
} session = { .lock = MUTEX_INIT(session.lock, "profile", LOCK_RANK_DEVICE_FILE),
              .ring_lock = SPINLOCK_INIT("profile samples", LOCK_RANK_LEAF) };

/* --- taking samples: interrupt context ------------------------------------------------------------ */

LOCAL void profile_fill(struct profile_sample *sample, const struct trap_frame *frame)
{
    const struct thread *me = thread_current();
    struct cpu *cpu = this_cpu();
    sample->cpu = cpu->id;
    sample->thread = me->id;
    sample->role = me == cpu->idle ? ROLE_IDLE : (uint32_t)frame->role;
    memcpy(sample->program, me->process != NULL ? me->process->name : me->name, sizeof sample->program);
    sample->program[sizeof sample->program - 1] = 0;
    sample->frame_count = trap_collect_frames(frame->rip, frame->role == THREAD_IN_KERNEL ? frame->rbp : 0, sample->frames,
                                              MAX_FRAMES);
}

LOCAL void profile_tick(struct timer *timer)
{
    nanos_t interval = session.interval;
    const struct trap_frame *frame = this_cpu()->interrupted;
    if (interval == 0)
        return;
    irq_flags_t flags = spin_lock_irq(&session.ring_lock);
    if (session.count < PROFILE_SAMPLES)
        profile_fill(&session.ring[(session.first + session.count++) % PROFILE_SAMPLES], frame);
    else
        session.lost++;
    spin_unlock_irq(&session.ring_lock, flags);
    timer_arm(timer, clock_monotonic() + interval);
}

/* --- start and stop: session.lock ------------------------------------------------------------------ */

LOCAL void profile_start_cpu(void *unused)
{
    (void)unused;
    timer_arm(&session.timers[this_cpu()->id], clock_monotonic() + session.interval);
}

LOCAL void profile_stop(void)
{
    session.interval = 0;
    for (size_t i = 0; i < ARRAY_COUNT(session.timers); i++)
        timer_cancel(&session.timers[i]);
}

/* Drops what was sampled. No timer runs. */
LOCAL void profile_forget(void)
{
    session.first = session.count = 0;
    session.lost = 0;
    session.line_length = session.line_done = 0;
}

LOCAL int profile_start(uint64_t hz)
{
    if (hz == 0 || hz > PROFILE_MAX_HZ)
        return -EINVAL;
    profile_stop();
    profile_forget();
    session.interval = NANOS_PER_SECOND / (nanos_t)hz;
    smp_call_others(profile_start_cpu, NULL);
    uint64_t irqs = irqs_disable();
    profile_start_cpu(NULL);
    irqs_restore(irqs);
    return 0;
}

/* --- the file -------------------------------------------------------------------------------------- */

LOCAL int profile_open(struct file *file)
{
    (void)file;
    int error = -EBUSY;
    mutex_lock(&session.lock);
    if (!session.is_open) {
        session.ring = vmalloc(PROFILE_SAMPLES * sizeof *session.ring, PAGE_USE_KERNEL);
        error = session.ring == NULL ? -ENOMEM : 0;
        session.is_open = error == 0;
        profile_forget();
    }
    mutex_unlock(&session.lock);
    return error;
}

LOCAL void profile_release(struct file *file)
{
    (void)file;
    mutex_lock(&session.lock);
    profile_stop();
    vfree(session.ring);
    session.ring = NULL;
    session.is_open = false;
    mutex_unlock(&session.lock);
}

LOCAL isize_t profile_write(struct file *file, struct io *io, file_off_t *position)
{
    (void)file, (void)position;
    char line[32];
    int error = io_get_line(io, line, sizeof line);
    if (error != 0)
        return error;
    uint64_t hz;
    mutex_lock(&session.lock);
    if (strcmp(line, "stop") == 0)
        profile_stop();
    else
        error = strncmp(line, "start ", 6) == 0 && parse_u64(line + 6, NULL, 10, &hz) == 0 ? profile_start(hz) : -EINVAL;
    mutex_unlock(&session.lock);
    return error != 0 ? error : (isize_t)io->done;
}

LOCAL void profile_put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof session.line - session.line_length;
    int length = kvsnprintf(session.line + session.line_length, room, format, arguments);
    session.line_length += MIN((size_t)length, room - 1);
    va_end(arguments);
}

LOCAL void profile_format(const struct profile_sample *sample)
{
    static const char *const roles[] = { "kernel", "world", "user", "idle" };
    profile_put("%d\t%d\t%s\t%s\t", sample->cpu, sample->thread, roles[MIN(sample->role, ROLE_IDLE)], sample->program);
    for (uint32_t i = 0; i < sample->frame_count; i++) {
        char name[96];
        /* Behind a call lies the next instruction, which may be another function's. */
        uint64_t address = sample->frames[i] - (i != 0), offset;
        if (symbol_find(address, &offset) == NULL)
            ksnprintf(name, sizeof name, "%#llx", (unsigned long long)address);
        else
            symbol_format(address, name, sizeof name);
        profile_put("%s%s", i == 0 ? "" : " < ", name);
    }
    profile_put("\n");
}

/* The next line, into session.line. False: there is none. */
LOCAL bool profile_next_line(void)
{
    struct profile_sample sample;
    session.line_length = session.line_done = 0;
    irq_flags_t flags = spin_lock_irq(&session.ring_lock);
    bool found = session.count > 0;
    uint64_t lost = found ? 0 : session.lost;
    if (found) {
        sample = session.ring[session.first];
        session.first = (session.first + 1) % PROFILE_SAMPLES;
        session.count--;
    } else {
        session.lost = 0;
    }
    spin_unlock_irq(&session.ring_lock, flags);
    if (found)
        profile_format(&sample);
    else if (lost != 0)
        profile_put("lost\t%llu\n", (unsigned long long)lost);
    return session.line_length != 0;
}

LOCAL isize_t profile_read(struct file *file, struct io *io, file_off_t *position)
{
    (void)file, (void)position;
    int error = 0;
    mutex_lock(&session.lock);
    while (error == 0 && io_remaining(io) > 0 && (session.line_done < session.line_length || profile_next_line())) {
        size_t size = MIN(session.line_length - session.line_done, io_remaining(io));
        error = io_put(io, session.line + session.line_done, size);
        if (error == 0)
            session.line_done += size;
    }
    mutex_unlock(&session.lock);
    return io->done > 0 ? (isize_t)io->done : error;
}

void profile_init(void)
{
    static const struct file_ops ops = {
        .name = "profile", .read = profile_read, .write = profile_write, .open = profile_open, .release = profile_release,
    };
    for (size_t i = 0; i < ARRAY_COUNT(session.timers); i++)
        timer_init(&session.timers[i], profile_tick);
    int error = devfs_register("profile", S_IFCHR | 0600, DEVICE_NUMBER(DEVICE_MAJOR_PROFILE, 0), &ops, NULL);
    if (error != 0)
        panic("profile: cannot make /dev/profile: error %d", error);
}
