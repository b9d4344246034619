/*
 * What the corpus of faults (corpus.py) needs beside the faulty functions, for the C prompt: the kernel's own locks taken by the kernel's
 * own calls, ways into each place, and questions. Nothing in here is faulty.
 */
#include <arch/x86_64/irq.h>
#include <dev/driver/device.h>
#include <fs/pipe.h>
#include <kernel/proc/process.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/file.h>
#include <kernel/vfs/inode.h>
#include <stdlib.h>

typedef long (*corpus_function_t)(void *);

volatile long corpus_depth, corpus_runs, corpus_zero;
char corpus_data[64];
struct mutex *corpus_inode, *corpus_pipe; /* locks of a file and of a pipe */
struct spinlock *corpus_tty;
struct timer corpus_timer;
struct edu { volatile unsigned *registers; } corpus_edu;
irq_handler_t corpus_handler;

/* The lock of an open file's inode; what the file has of its own (a pipe, a terminal) begins with a lock, or is where the caller says. */
struct file *corpus_file, *corpus_writer;
struct file *corpus_open(int descriptor) { return file_table_get(process_current()->files, descriptor); }
void corpus_close(void) { file_put(corpus_file); file_put(corpus_writer); }
unsigned long corpus_lock_of(int descriptor, long offset)
{
    struct file *file = corpus_open(descriptor);
    unsigned long found = offset < 0 ? (unsigned long)&file->inode->lock : (unsigned long)file->private_data + offset;
    file_put(file);
    return found;
}

void corpus_loop(void) { for (;;) ; }
long corpus_nothing(void) { return 0; }
void corpus_take_inode(void) { mutex_lock(corpus_inode); }
void corpus_take_pipe(void) { mutex_lock(corpus_pipe); }
void corpus_take_tty(void) { spin_lock_irq(corpus_tty); }
void corpus_take_queue(void) { irqs_disable(); spin_acquire(&thread_queue_of(thread_current()->cpu)->lock); }

/* Which of the locks this thread holds (none when all is well), and how often a spinlock was taken and given back. */
long corpus_held(void)
{
    long held = mutex_is_held_by_me(corpus_inode) | mutex_is_held_by_me(corpus_pipe) << 1 | spin_is_held_by_me(corpus_tty) << 2;
    for (int cpu = 0; cpu < 64; cpu++) held |= spin_is_held_by_me(&thread_queue_of(cpu)->lock) << 3;
    return held;
}

void corpus_arm(corpus_function_t function)
{
    timer_cancel(&corpus_timer);
    timer_init(&corpus_timer, (void (*)(struct timer *))function);
    timer_arm(&corpus_timer, clock_monotonic() + 200000);
}
long corpus_timer_is_armed(void) { return corpus_timer.cpu >= 0; }

/* --- a driver for QEMU's edu device, whose interrupt handler is the function that is wanted --- */

void corpus_acknowledge(void) { corpus_edu.registers[0x64 / 4] = corpus_edu.registers[0x24 / 4]; }

int corpus_probe(struct device *device)
{
    corpus_edu.registers = device_map_region(device, 0);
    if (corpus_edu.registers == 0) return -ENOMEM;
    return device_request_irq(device, DEVICE_IRQ_ANY, corpus_handler, &corpus_edu);
}

struct device_match corpus_match[] = { PCI_MATCH(0x1234, 0x11e8), MATCH_END };
struct driver corpus_driver = { "corpus", corpus_match, corpus_probe, 0 };

/* Binds the driver anew: the handler that was switched off by its fault counts again. */
long corpus_bind(corpus_function_t function)
{
    driver_unregister(&corpus_driver);
    corpus_handler = (irq_handler_t)function;
    return driver_register(&corpus_driver, 0);
}
void corpus_unbind(void) { driver_unregister(&corpus_driver); }
void corpus_raise(void) { corpus_edu.registers[0x60 / 4] = 1; }
