/* The kernel below the file systems on the host. See shim.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/random.h>
#include <kernel/sched/thread.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <tests/host/shim/shim.h>

struct process shim_process = { .id = 1, .name = "test" };
int shim_signals_sent;
volatile bool shim_signal_pending;
long shim_fail_after = -1;

/* --- log and panic ------------------------------------------------------------------------ */

void klog(enum log_level level, const char *module, const char *format, ...)
{
    if (level > LOG_WARNING || getenv("SHIM_QUIET") != NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", module);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("panic: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    abort();
}

/* --- memory ------------------------------------------------------------------------------ */

static bool shim_may_allocate(void)
{
    if (shim_fail_after < 0)
        return true;
    if (shim_fail_after == 0)
        return false;
    shim_fail_after--;
    return true;
}

struct object_cache {
    size_t size;
};

struct object_cache *object_cache_create(const char *name, size_t size, size_t alignment)
{
    struct object_cache *cache = malloc(sizeof(*cache));
    cache->size = size;
    return cache;
}

void *object_alloc(struct object_cache *cache) { return kmalloc(cache->size); }
void *object_alloc_zeroed(struct object_cache *cache) { return kzalloc(cache->size); }
void object_free(struct object_cache *cache, void *object) { free(object); }
void *kmalloc(size_t size) { return shim_may_allocate() ? malloc(size) : NULL; }
void *kzalloc(size_t size) { return shim_may_allocate() ? calloc(1, size) : NULL; }
void kfree(void *pointer) { free(pointer); }

#define SHIM_UNCOMMIT 1 /* in struct page.flags: its commit ends with it */

static struct page shim_page_table[SHIM_PAGES];
static _Alignas(4096) char shim_memory[SHIM_PAGES * 4096];
static uint64_t shim_used, shim_committed, shim_commit_limit = SHIM_PAGES, shim_permanent;

struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags)
{
    static size_t next;
    if (order != 0)
        panic("shim: pages of order %u", order);
    if (!shim_may_allocate())
        return NULL;
    for (size_t tried = 0; tried < SHIM_PAGES; tried++) {
        struct page *page = &shim_page_table[next];
        next = (next + 1) % SHIM_PAGES;
        if (page->references != 0)
            continue;
        page->references = 1;
        page->use = (uint8_t)use;
        shim_used++;
        memset(page_to_virt(page), (flags & PAGE_ZERO) ? 0 : 0xa5, 4096);
        return page;
    }
    return NULL;
}

void page_get(struct page *page)
{
    if (__atomic_fetch_add(&page->references, 1, __ATOMIC_SEQ_CST) == 0)
        panic("shim: reference to a free page");
}

void page_put(struct page *page)
{
    uint32_t before = __atomic_fetch_sub(&page->references, 1, __ATOMIC_SEQ_CST);
    if (before == 0)
        panic("shim: page freed twice");
    if (before == 1) {
        memset(page_to_virt(page), 0xee, 4096);
        shim_used--;
        if (page->flags & SHIM_UNCOMMIT)
            page_uncommit(1);
        page->flags = 0;
    }
}

void page_put_committed(struct page *page)
{
    page->flags |= SHIM_UNCOMMIT;
    page_put(page);
}

void *page_to_virt(const struct page *page) { return shim_memory + (size_t)(page - shim_page_table) * 4096; }

struct page *page_from_virt(const void *address)
{
    size_t index = (size_t)((const char *)address - shim_memory) / 4096;
    if (index >= SHIM_PAGES)
        panic("shim: %p is no physical memory", address);
    return &shim_page_table[index];
}

void *shim_permanent_memory(size_t size)
{
    /* From the top, so that it is contiguous. */
    size_t pages = (size + 4095) / 4096;
    shim_permanent += pages;
    size_t first = SHIM_PAGES - shim_permanent;
    for (size_t i = first; i < first + pages; i++) {
        if (shim_page_table[i].references != 0)
            panic("shim: memory is full");
        shim_page_table[i].references = 1;
    }
    return shim_memory + first * 4096;
}

void page_get_statistics(struct page_statistics *out)
{
    memset(out, 0, sizeof(*out));
    out->total = SHIM_PAGES;
    out->free = SHIM_PAGES - shim_used;
    out->committed = shim_committed;
    out->commit_limit = shim_commit_limit;
}

int page_commit(uint64_t pages)
{
    if (shim_committed + pages > shim_commit_limit)
        return -ENOMEM;
    shim_committed += pages;
    return 0;
}

void page_uncommit(uint64_t pages)
{
    if (pages > shim_committed)
        panic("shim: more uncommitted than committed");
    shim_committed -= pages;
}

uint64_t shim_pages_used(void) { return shim_used; }
uint64_t shim_pages_committed(void) { return shim_committed; }
void shim_set_commit_limit(uint64_t pages) { shim_commit_limit = pages; }

/* --- threads ------------------------------------------------------------------------------- */

struct shim_thread {
    struct thread thread;
    pthread_t pthread;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    void (*function)(void *);
    void *argument;
};

static struct shim_thread shim_main_thread = {
    .thread = { .id = 1, .process = &shim_process },
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .woken = PTHREAD_COND_INITIALIZER,
};
static __thread struct shim_thread *shim_current;

static struct shim_thread *shim_me(void)
{
    return shim_current != NULL ? shim_current : &shim_main_thread;
}

struct thread *thread_current(void) { return &shim_me()->thread; }
struct process *process_current(void) { return &shim_process; }

static void *shim_thread_main(void *argument)
{
    shim_current = argument;
    shim_current->function(shim_current->argument);
    return NULL;
}

struct shim_thread *shim_thread_start(void (*function)(void *argument), void *argument)
{
    static int32_t next_id = 2;
    struct shim_thread *thread = calloc(1, sizeof(*thread));
    thread->thread.id = next_id++;
    thread->thread.process = &shim_process;
    thread->function = function;
    thread->argument = argument;
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->woken, NULL);
    pthread_create(&thread->pthread, NULL, shim_thread_main, thread);
    return thread;
}

void shim_thread_join(struct shim_thread *thread)
{
    pthread_join(thread->pthread, NULL);
    free(thread);
}

void shim_sleep_milliseconds(int milliseconds) { usleep((useconds_t)milliseconds * 1000); }

void thread_wake(struct thread *thread)
{
    struct shim_thread *shim = container_of(thread, struct shim_thread, thread);
    pthread_mutex_lock(&shim->mutex);
    thread->wake_pending = true;
    pthread_cond_signal(&shim->woken);
    pthread_mutex_unlock(&shim->mutex);
}

/* --- locks --------------------------------------------------------------------------------- */

static void shim_check_order(const void *lock, uint32_t rank, const char *name, bool nested)
{
    struct thread *me = thread_current();
    for (uint32_t i = 0; i < me->held_count; i++) {
        if (me->held[i].lock == lock)
            panic("shim: %s is taken twice", name);
        if (me->held[i].rank > rank || (me->held[i].rank == rank && !nested))
            panic("shim: %s (rank %u) is taken under rank %u", name, rank, me->held[i].rank);
    }
    if (me->held_count == THREAD_MAX_LOCKS)
        panic("shim: too many locks");
    me->held[me->held_count].lock = lock;
    me->held[me->held_count++].rank = rank;
}

static void shim_forget_lock(const void *lock, const char *name)
{
    struct thread *me = thread_current();
    for (uint32_t i = 0; i < me->held_count; i++) {
        if (me->held[i].lock != lock)
            continue;
        memmove(&me->held[i], &me->held[i + 1], (me->held_count - i - 1) * sizeof(me->held[0]));
        me->held_count--;
        return;
    }
    panic("shim: %s is released by another thread", name);
}

static bool shim_holds(const void *lock)
{
    struct thread *me = thread_current();
    for (uint32_t i = 0; i < me->held_count; i++)
        if (me->held[i].lock == lock)
            return true;
    return false;
}

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
    memset(lock, 0, sizeof(*lock));
    lock->name = name;
    lock->rank = rank;
    lock->holder_cpu = -1;
}

void spin_lock(struct spinlock *lock)
{
    shim_check_order(lock, lock->rank, lock->name, false);
    while (__atomic_exchange_n(&lock->next, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
}

void spin_unlock(struct spinlock *lock)
{
    shim_forget_lock(lock, lock->name);
    __atomic_store_n(&lock->next, 0, __ATOMIC_RELEASE);
}

irq_flags_t spin_lock_irq(struct spinlock *lock)
{
    spin_lock(lock);
    return 0;
}

void spin_unlock_irq(struct spinlock *lock, irq_flags_t flags) { spin_unlock(lock); }
bool spin_is_held_by_me(const struct spinlock *lock) { return shim_holds(lock); }

void mutex_init(struct mutex *mutex, const char *name, enum lock_rank rank)
{
    memset(mutex, 0, sizeof(*mutex));
    mutex->name = name;
    mutex->rank = rank;
}

static void shim_mutex_take(struct mutex *mutex, bool nested)
{
    shim_check_order(mutex, mutex->rank, mutex->name, nested);
    struct thread *nobody = NULL;
    while (!__atomic_compare_exchange_n(&mutex->holder, &nobody, thread_current(), false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        nobody = NULL;
        sched_yield();
    }
}

void mutex_lock(struct mutex *mutex) { shim_mutex_take(mutex, false); }
void mutex_lock_nested(struct mutex *mutex) { shim_mutex_take(mutex, true); }
bool mutex_is_held_by_me(const struct mutex *mutex) { return shim_holds(mutex); }

void mutex_unlock(struct mutex *mutex)
{
    shim_forget_lock(mutex, mutex->name);
    __atomic_store_n(&mutex->holder, NULL, __ATOMIC_RELEASE);
}

/* --- waiting ------------------------------------------------------------------------------- */

void wait_queue_init(struct wait_queue *queue, const char *name)
{
    spin_init(&queue->lock, name, LOCK_RANK_WAIT_QUEUE);
    list_init(&queue->entries);
}

void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry)
{
    spin_lock(&queue->lock);
    list_append(&queue->entries, &entry->link);
    spin_unlock(&queue->lock);
}

void wait_queue_remove(struct wait_queue *queue, struct wait_entry *entry)
{
    spin_lock(&queue->lock);
    list_remove(&entry->link);
    spin_unlock(&queue->lock);
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    spin_lock(&queue->lock);
    list_for_each_safe(node, &queue->entries) {
        struct wait_entry *entry = container_of(node, struct wait_entry, link);
        if (entry->wake != NULL)
            entry->wake(entry);
        else
            thread_wake(entry->thread);
    }
    spin_unlock(&queue->lock);
}

void wait_prepare(struct wait_queue *queue, struct wait_entry *entry)
{
    entry->thread = thread_current();
    entry->wake = NULL;
    entry->thread->wake_pending = false;
    wait_queue_add(queue, entry);
}

void wait_finish(struct wait_queue *queue, struct wait_entry *entry) { wait_queue_remove(queue, entry); }

int wait_sleep(nanos_t deadline, bool interruptible)
{
    struct shim_thread *me = shim_me();
    if (me->thread.held_count != 0)
        panic("shim: sleeps with a lock held");
    int result = 0;
    pthread_mutex_lock(&me->mutex);
    while (!me->thread.wake_pending && result == 0) {
        struct timespec step;
        clock_gettime(CLOCK_REALTIME, &step);
        step.tv_nsec += 1000000; /* looks for signals and the deadline every millisecond */
        if (step.tv_nsec >= 1000000000) {
            step.tv_sec++;
            step.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&me->woken, &me->mutex, &step);
        if (interruptible && shim_signal_pending)
            result = -EINTR;
        else if (!me->thread.wake_pending && deadline != WAIT_FOREVER && clock_monotonic() >= deadline)
            result = -ETIMEDOUT;
    }
    pthread_mutex_unlock(&me->mutex);
    return result;
}

/* --- the rest ------------------------------------------------------------------------------ */

static nanos_t shim_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

nanos_t clock_monotonic(void) { return shim_clock(CLOCK_MONOTONIC); }
nanos_t clock_realtime(void) { return shim_clock(CLOCK_REALTIME); }

void signal_send_thread(struct thread *thread, int signal) { shim_signals_sent++; }
bool signal_is_pending(void) { return shim_signal_pending; }

void random_fill(void *buffer, size_t size)
{
    static uint8_t counter = 1;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = counter++;
}

static int shim_check_user(struct user_ptr pointer) { return pointer.address < 4096 ? -EFAULT : 0; }

int copy_from_user(void *destination, struct user_ptr source, size_t size)
{
    if (size != 0 && shim_check_user(source) != 0)
        return -EFAULT;
    if (size != 0)
        memcpy(destination, (void *)source.address, size);
    return 0;
}

int copy_to_user(struct user_ptr destination, const void *source, size_t size)
{
    if (size != 0 && shim_check_user(destination) != 0)
        return -EFAULT;
    if (size != 0)
        memcpy((void *)destination.address, source, size);
    return 0;
}

int clear_user(struct user_ptr destination, size_t size)
{
    if (size != 0 && shim_check_user(destination) != 0)
        return -EFAULT;
    if (size != 0)
        memset((void *)destination.address, 0, size);
    return 0;
}

int put_user_u32(struct user_ptr destination, uint32_t value)
{
    return copy_to_user(destination, &value, sizeof(value));
}

/* No live modules, but for the linker's own tests, which have the real functions. */
__attribute__((weak)) int live_module_get_owner(const void *table, uint64_t *module) { return *module = 0, 0; }
__attribute__((weak)) uint64_t live_heap_owner(uint64_t address) { return 0; }
__attribute__((weak)) void live_module_put(uint64_t module) { }
