/*
 * Sessions of /dev/trace, their rings of records, and which process belongs to which. See trace.h; what is in a record
 * is kernel/syscall/trace.c's.
 *
 * A session lives as long as its file and the processes that point to it. A closed one has no ring any more; its
 * processes leave it at their next call.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/devfs.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/panic.h>
#include <kernel/proc/trace.h>
#include <kernel/time/time.h>
#include <kernel/vfs/file.h>
#include <kernel/vfs/poll.h>
#include <lib/string.h>

#define TRACE_RING  2048 /* records */
#define TRACE_LINE  32

_Static_assert(sizeof(struct trace_record) == TRACE_RECORD_SIZE, "trace records have the size that readers know");

struct trace_session {
    uint32_t references;         /* atomic */
    volatile bool closed;
    volatile bool follow;
    volatile int32_t except;     /* thread id; 0: none */
    struct wait_queue readable, writable;

    /* trace_lock */
    volatile uint32_t attached;  /* processes */
    volatile bool was_used;      /* one was attached */

    struct spinlock lock;
    /* lock */
    struct trace_record *ring;   /* NULL: closed */
    uint32_t first;
    volatile uint32_t count;
    volatile uint64_t lost;      /* since the last record that found room */
};

/* Guards every process->trace, and so who may still get a reference to a session. */
static struct spinlock trace_lock = SPINLOCK_INIT("trace", LOCK_RANK_LEAF);
static struct trace_session trace_ended; /* of processes that have ended: nobody can attach to them */

LOCAL void trace_session_put(struct trace_session *session)
{
    if (__atomic_sub_fetch(&session->references, 1, __ATOMIC_ACQ_REL) == 0)
        kfree(session);
}

/* --- which process belongs to which session -------------------------------------- */

/* With a reference. NULL: the process is not traced. */
LOCAL struct trace_session *trace_session_of(struct process *process)
{
    spin_lock(&trace_lock);
    struct trace_session *session = process->trace;
    if (session == &trace_ended)
        session = NULL;
    if (session != NULL)
        __atomic_add_fetch(&session->references, 1, __ATOMIC_RELAXED);
    spin_unlock(&trace_lock);
    return session;
}

/* trace_lock held. */
LOCAL void trace_join(struct process *process, struct trace_session *session)
{
    __atomic_add_fetch(&session->references, 1, __ATOMIC_RELAXED);
    session->attached++;
    session->was_used = true;
    __atomic_store_n(&process->trace, session, __ATOMIC_RELAXED);
}

/* Replaces the session that the process points to. */
LOCAL void trace_leave(struct process *process, struct trace_session *replacement)
{
    spin_lock(&trace_lock);
    struct trace_session *session = process->trace;
    __atomic_store_n(&process->trace, replacement, __ATOMIC_RELAXED);
    if (session == &trace_ended)
        session = NULL;
    bool was_last = session != NULL && --session->attached == 0;
    spin_unlock(&trace_lock);
    if (was_last)
        wait_queue_wake_all(&session->readable);
    if (session != NULL)
        trace_session_put(session);
}

LOCAL int trace_attach(struct trace_session *session, int32_t pid)
{
    struct process *process = process_find(pid);
    if (process == NULL)
        return -ESRCH;
    struct trace_session *old = trace_session_of(process);
    if (old != NULL && old->closed)
        trace_leave(process, NULL);
    if (old != NULL)
        trace_session_put(old);
    spin_lock(&trace_lock);
    int error = process->trace == NULL ? 0 : process->trace == &trace_ended ? -ESRCH : -EBUSY;
    if (error == 0)
        trace_join(process, session);
    spin_unlock(&trace_lock);
    process_put(process);
    return error;
}

void trace_inherit(struct process *child, const struct process *parent)
{
    spin_lock(&trace_lock);
    struct trace_session *session = parent->trace;
    if (session != NULL && session->follow && !session->closed)
        trace_join(child, session);
    spin_unlock(&trace_lock);
}

void trace_forget(struct process *process)
{
    if (trace_is_on(process) && process->trace != &trace_ended)
        trace_leave(process, NULL);
}

/* --- records --------------------------------------------------------------------- */

LOCAL void trace_store(struct trace_session *session, const struct trace_record *record)
{
    spin_lock(&session->lock);
    if (session->ring != NULL && session->count < TRACE_RING) {
        struct trace_record *place = &session->ring[(session->first + session->count) % TRACE_RING];
        memcpy(place, record, offsetof(struct trace_record, data) + record->data_size);
        place->lost = session->lost;
        session->lost = 0;
        session->count++;
    } else {
        session->lost++;
    }
    spin_unlock(&session->lock);
    wait_queue_wake_all(&session->readable);
}

/* Takes the oldest record. False: there is none. */
LOCAL bool trace_take(struct trace_session *session, struct trace_record *record)
{
    spin_lock(&session->lock);
    bool found = session->count > 0 || session->lost > 0;
    if (session->count > 0) {
        *record = session->ring[session->first];
        session->first = (session->first + 1) % TRACE_RING;
        session->count--;
    } else if (found) {
        memset(record, 0, sizeof *record);
        record->kind = TRACE_LOST;
        record->time = (uint64_t)clock_monotonic();
        record->lost = session->lost;
        session->lost = 0;
    }
    spin_unlock(&session->lock);
    return found;
}

void trace_push(struct trace_record *record)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    struct trace_session *session = trace_session_of(process);
    if (session == NULL)
        return;
    if (session->closed) {
        trace_leave(process, NULL);
    } else if (me->id != session->except) {
        record->time = (uint64_t)clock_monotonic();
        record->process = process->id;
        record->thread = me->id;
        strlcpy(record->name, process->name, sizeof record->name);
        if (!process->is_world)
            (void)!WAIT_EVENT(&session->writable, session->count < TRACE_RING || session->closed);
        trace_store(session, record);
    }
    trace_session_put(session);
}

void trace_signal(const struct abi_siginfo *info)
{
    struct trace_record record;
    memset(&record, 0, sizeof record);
    record.kind = TRACE_SIGNAL;
    record.number = (uint32_t)info->signo;
    record.arguments[0] = (uint64_t)(int64_t)info->code;
    record.arguments[1] = (uint64_t)info->pid;
    record.arguments[2] = (uint64_t)info->address;
    trace_push(&record);
}

void trace_end(int status)
{
    struct process *process = process_current();
    if (trace_is_on(process)) {
        struct trace_record record;
        memset(&record, 0, sizeof record);
        record.kind = TRACE_END;
        record.result = status;
        trace_push(&record);
    }
    trace_leave(process, &trace_ended);
}

/* --- /dev/trace ------------------------------------------------------------------ */

LOCAL int trace_open(struct file *file)
{
    struct trace_session *session = kzalloc(sizeof *session);
    if (session == NULL)
        return -ENOMEM;
    session->ring = vmalloc(TRACE_RING * sizeof *session->ring, PAGE_USE_KERNEL);
    if (session->ring == NULL) {
        kfree(session);
        return -ENOMEM;
    }
    session->references = 1;
    spin_init(&session->lock, "trace session", LOCK_RANK_LEAF);
    wait_queue_init(&session->readable, "trace readable");
    wait_queue_init(&session->writable, "trace writable");
    file->private_data = session;
    return 0;
}

LOCAL void trace_release(struct file *file)
{
    struct trace_session *session = file->private_data;
    spin_lock(&session->lock);
    struct trace_record *ring = session->ring;
    session->ring = NULL;
    session->count = 0;
    session->closed = true;
    spin_unlock(&session->lock);
    wait_queue_wake_all(&session->writable);
    vfree(ring);
    trace_session_put(session);
}

LOCAL bool trace_is_over(const struct trace_session *session)
{
    return session->was_used && session->attached == 0;
}

LOCAL isize_t trace_read(struct file *file, struct io *io, file_off_t *position)
{
    struct trace_session *session = file->private_data;
    struct trace_record record;
    if (io_remaining(io) < sizeof record)
        return -EINVAL;
    int error = 0;
    if (file->flags & O_NONBLOCK)
        error = session->count > 0 || session->lost > 0 || trace_is_over(session) ? 0 : -EAGAIN;
    else
        error = WAIT_EVENT(&session->readable, session->count > 0 || session->lost > 0 || trace_is_over(session));
    while (error == 0 && io_remaining(io) >= sizeof record && trace_take(session, &record))
        error = io_put(io, &record, sizeof record);
    wait_queue_wake_all(&session->writable);
    return io->done > 0 ? (isize_t)io->done : error;
}

/* The number behind `word` in `line`. False: another word, or no number. */
LOCAL bool trace_parse(const char *line, const char *word, int32_t *number)
{
    size_t length = strlen(word);
    if (strncmp(line, word, length) != 0)
        return false;
    int64_t value = 0;
    for (line += length; *line >= '0' && *line <= '9' && value <= INT32_MAX; line++)
        value = value * 10 + (*line - '0');
    *number = (int32_t)value;
    return *line == '\0' && value > 0 && value <= INT32_MAX;
}

LOCAL isize_t trace_write(struct file *file, struct io *io, file_off_t *position)
{
    struct trace_session *session = file->private_data;
    char line[TRACE_LINE];
    int error = io_get_line(io, line, sizeof line);
    if (error != 0)
        return error;
    int32_t number;
    if (trace_parse(line, "trace ", &number))
        error = trace_attach(session, number);
    else if (trace_parse(line, "except ", &number))
        session->except = number;
    else if (strcmp(line, "follow") == 0)
        session->follow = true;
    else
        error = -EINVAL;
    return error != 0 ? error : (isize_t)io->done;
}

LOCAL uint32_t trace_poll(struct file *file, struct poll_table *table)
{
    struct trace_session *session = file->private_data;
    poll_wait(table, &session->readable);
    bool is_over = trace_is_over(session);
    return (session->count > 0 || session->lost > 0 || is_over ? POLL_IN : 0) | (is_over ? POLL_HUP : 0) | POLL_OUT;
}

void trace_init(void)
{
    static const struct file_ops ops = {
        .name = "trace", .read = trace_read, .write = trace_write, .poll = trace_poll, .open = trace_open,
        .release = trace_release,
    };
    int error = devfs_register("trace", S_IFCHR | 0600, DEVICE_NUMBER(DEVICE_MAJOR_TRACE, 0), &ops, NULL);
    if (error != 0)
        panic("trace: cannot make /dev/trace: error %d", error);
}
