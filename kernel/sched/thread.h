/*
 * Kernel threads: every thread of control, whether it only runs in the kernel
 * or belongs to a process (world or ring 3) and enters the kernel by syscalls.
 *
 * Life cycle: thread_create() (state NEW) -> thread_start() -> READY <-> RUNNING
 * <-> SLEEPING -> thread_exit() (state DEAD) -> freed by the next thread that
 * the scheduler runs on that CPU.
 *
 * Roles (enum thread_role) tell what the CPU was doing when it was interrupted,
 * never RIP or CS: live code runs in both. The entry code keeps `role`.
 */
#ifndef KERNEL_SCHED_THREAD_H
#define KERNEL_SCHED_THREAD_H

#include <kernel/sched/wait.h>

struct abi_siginfo;
struct live_guard;
struct live_thread;
struct process;
struct trap_frame;

enum thread_state { THREAD_NEW, THREAD_READY, THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };

enum thread_role {
    THREAD_IN_KERNEL = 0, /* on its kernel stack */
    THREAD_IN_WORLD = 1,  /* CPL 0, own stack in the world's areas, red zone in use */
    THREAD_IN_USER = 2    /* CPL 3 */
};

#define KERNEL_STACK_SIZE  (32 * 1024)
#define THREAD_NAME_SIZE   16
#define THREAD_MAX_LOCKS   16

struct thread {
    /* Offsets known to arch/x86_64/entry.S; tied by static_assert in thread.c. */
    uint64_t kernel_stack_top;   /* highest address; the first frame goes below it */
    uint64_t kernel_stack_base;  /* lowest mapped address; the guard page is below */
    uint64_t saved_rsp;          /* while not running: where context_switch resumes */
    uint32_t role;               /* enum thread_role */
    uint32_t preempt_count;      /* > 0: no preemption; spinlocks count */
    uint64_t fs_base;            /* TLS of world and user threads */
    uint64_t gs_base;            /* GS of user threads */
    paddr_t root;                /* page tables; 0: the kernel's */
    void *fpu;                   /* its program's XSAVE area (arch/x86_64/fpu.h); NULL: it has no FPU state */

    /* The live layer (live/guard.h), own thread but for live_stop. Offsets known to arch/x86_64/live.S. */
    struct live_guard *live_guard; /* the innermost guard or barrier in force; NULL: none */
    uint64_t live_rsp;           /* on the live stack: where the next call from the world begins; 0: there is none */
    struct live_thread *live;    /* the live stack and the last fault; NULL: none yet */
    volatile uint32_t live_stop; /* enum live_fault_kind: its live call is to end. Set by any thread */
    uint32_t live_callback_failed; /* enum live_fault_kind: the world function that live code called has raised */
    void *live_gate;             /* struct live_table_call that is about to begin (live/call.h) */
    void *fpu_live;              /* XSAVE area of live code that the kernel called and that uses the FPU; NULL: none does */
    uint32_t fpu_trap;           /* the kernel called live code that has not used the FPU yet: CR0.TS is set */
    uint32_t live_hidden;        /* odd while an interrupt hides live_guard; read by others (live/reclaim.c) */

    uint32_t references;         /* atomic */
    int32_t id;                  /* tid; also the pid of a process's first thread */
    char name[THREAD_NAME_SIZE];
    struct process *process;     /* NULL for kernel threads; owned by the process while it lives */
    struct list all_link;        /* list of all threads, under its lock */
    struct list process_link;    /* in process->threads, under the process lock */

    /* The lock of its CPU's run queue. `cpu` is where it runs, is queued or ran last. READY and on no queue: on its way
     * from one to another. Its registers are saved whenever the lock can be had and the state is not RUNNING. */
    struct list run_link;
    volatile uint32_t state;     /* enum thread_state */
    volatile bool wake_pending;  /* woken after wait_prepare, before wait_sleep */
    volatile int32_t cpu;
    volatile uint64_t affinity;  /* CPUs that it may run on */
    int32_t fpu_cpu;             /* where its FPU state was loaded last; -1: nowhere */
    uint64_t migrations;
    nanos_t cpu_time;            /* consumed, up to last_started */
    nanos_t last_started;
    uint64_t switches;

    /* own thread only */
    struct {
        const void *lock;
        const char *name;
        uint32_t rank;
        uint16_t highest;          /* rank of this and those before it, down to held_floor */
        bool sleeping;
    } held[THREAD_MAX_LOCKS];
    uint32_t held_count;
    uint32_t held_floor;           /* locks below it belong to what an interrupt handler interrupted */
    struct trap_frame *user_frame; /* frame that entered the kernel from world/user; NULL inside none */

    /* process side: kernel/proc */
    uint64_t robust_list;        /* user address, set_robust_list(2) */
    uint64_t clear_child_tid;    /* user address, 0: none (set_tid_address(2)) */
    uint64_t signal_mask;        /* blocked signals, bit n-1 */
    uint64_t signal_pending;     /* for this thread, under the signal lock */
    uint64_t signal_saved_mask;  /* for sigsuspend/ppoll: mask to restore */
    bool signal_restore_mask;
    volatile bool signal_check;  /* something may be pending: look before returning */
    uint64_t signal_stack_base, signal_stack_size; /* sigaltstack(2) */
    uint32_t signal_stack_flags;
    int64_t restart_number;      /* syscall that returned -EINTR and is at its return; -1: none */
    bool restart_begins;         /* the next syscall is that one again */
    bool restarted;              /* the current syscall is: its relative time goes on */
    nanos_t restart_deadline;    /* of the relative time that a syscall was given last */
    struct abi_siginfo *fault_info; /* siginfo of the pending forced signal */

    uint32_t live_reporting;     /* own thread: how many reports of faults it is in (live/guard.c) */
    uint64_t stack_scan;         /* atomic: the last scan of all stacks that has seen this one (live/reclaim.c) */
};

/* Frees the stacks of ended threads that are kept for new ones. Context: threads. */
void thread_free_kept_stacks(void);

/* The running thread. */
struct thread *thread_current(void);

/* A kernel thread running `function(argument)`; it ends when that returns.
 * NULL: no memory. The caller holds one reference until thread_put(). */
MUST_CHECK struct thread *thread_create(const char *name, void (*function)(void *), void *argument);
void thread_start(struct thread *thread);
void thread_get(struct thread *thread);
void thread_put(struct thread *thread);
NORETURN void thread_exit(void);
/* The current thread becomes a kernel thread: no process, the kernel's page tables. */
void thread_leave_process(void);

void thread_yield(void);
/* Sleeps until the monotonic clock reaches `deadline`. 0, or -EINTR by a signal when interruptible. */
int thread_sleep_until(nanos_t deadline, bool interruptible);
/* Sleeps until thread_wake(), unless that came since thread_forget_wakes(). */
void thread_block(void);
/* Before the condition is looked at that a thread may sleep for: a full barrier, so that a wake-up is not lost. */
void thread_forget_wakes(void);
/* Makes a sleeping thread runnable, on an idle CPU if there is one. One that runs on another CPU and has signals to look
 * at (signal_check) is interrupted. Context: any. */
void thread_wake(struct thread *thread);

/* The CPUs that a thread may run on, bit per CPU. Setting: 0, or -EINVAL when none of them is running; when it returns
 * the current thread is on one of them, another one soon. */
MUST_CHECK int thread_set_affinity(struct thread *thread, uint64_t cpus);
/* The thread with this id, with a reference. NULL: none. */
MUST_CHECK struct thread *thread_find(int32_t id);

void preempt_disable(void);
void preempt_enable(void);       /* switches when a reschedule is due */

/* A thread of `process` whose first return to its own code resumes `frame`. Not started. NULL: no memory. */
MUST_CHECK struct thread *thread_create_with_frame(const char *name, struct process *process,
                                                   const struct trap_frame *frame);

/* The scheduler, for the trap code: switches to the next thread. Interrupts off, no spinlock held. */
void thread_schedule(void);
/* The boot stack becomes thread 0, the idle thread of the boot CPU. */
void thread_init_boot(void);
/* The idle thread of a further CPU, which begins at the top of its kernel stack. NULL: no memory. */
MUST_CHECK struct thread *thread_create_idle(int32_t cpu);
void thread_discard_idle(struct thread *thread); /* of a CPU that never ran */
/* Another CPU sent the reschedule interrupt. */
void thread_reschedule_interrupt(void);
NORETURN void thread_idle_loop(void);

/* A fault ended a call of the current thread: run queues that it locked since `outer` (an address on its stack) are put in order and unlocked.
 * How many there were. Interrupts off. */
uint32_t thread_release_queues(const void *outer);
/* Has it locked a run queue since `outer`? Interrupts off. */
bool thread_holds_queue(const void *outer);

/* CPU time that the current thread has used, nanoseconds. */
nanos_t thread_cpu_time(void);
/* Of any thread, up to now when it runs on another CPU. The caller keeps it from going away. Context: any. */
nanos_t thread_cpu_time_of(struct thread *thread);
/* Of CPU `id`: how long it ran threads, and how long it idled. */
void thread_get_cpu_times(int32_t id, nanos_t *busy, nanos_t *idle);
bool thread_is_idle(const struct thread *thread); /* an idle thread */
void thread_get_running_name(int32_t id, char name[THREAD_NAME_SIZE]); /* of the thread that CPU `id` runs */

/* Calls `visit` for every thread, under the thread-list lock (no sleeping); a thread's process stays valid meanwhile. */
void thread_for_each(void (*visit)(struct thread *thread, void *context), void *context);
/* Calls `visit` while the thread does not run, its registers are saved on its stack, and that stays so. False: it runs on a CPU.
 * Interrupts off; also inside of thread_for_each(). `visit` takes no locks. */
MUST_CHECK bool thread_visit_saved(struct thread *thread, void (*visit)(struct thread *thread, void *context), void *context);

#endif
