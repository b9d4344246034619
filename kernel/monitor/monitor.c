/*
 * The monitor's thread, line input and commands. Interrupt handlers only put
 * bytes and requests into `monitor`; everything else happens in the thread.
 *
 * Left out: line editing beyond backspace; commands that change kernel memory.
 */
#include <abi/signal.h>
#include <arch/x86_64/acpi.h>
#include <dev/tty/rescue.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/monitor/monitor.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/report/report.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/parse.h>
#include <lib/printf.h>
#include <lib/string.h>

#define LINE_SIZE 128
#define INPUT_SIZE 4096
#define WATCHDOG_INTERRUPTS 5
#define WATCHDOG_PATIENCE (10 * NANOS_PER_SECOND)
#define LOG_TAIL (8 << 10)

struct monitor {
    struct wait_queue wake;
    struct spinlock lock;
    /* lock */
    bool wanted;              /* open it */
    bool open;                /* it takes what is typed */
    const char *reason;
    uint8_t input[INPUT_SIZE];
    size_t first, count;      /* of the bytes in `input` */
};

static struct monitor monitor = {
    .wake = WAIT_QUEUE_INIT(monitor.wake, "monitor"),
    .lock = SPINLOCK_INIT("monitor", LOCK_RANK_LEAF),
};
static struct timer watchdog;

/* --- from interrupt handlers ------------------------------------------------------ */

LOCAL void monitor_request(const char *reason)
{
    irq_flags_t flags = spin_lock_irq(&monitor.lock);
    monitor.wanted = true;
    monitor.reason = reason;
    spin_unlock_irq(&monitor.lock, flags);
    wait_queue_wake_all(&monitor.wake);
}

LOCAL void monitor_key_pressed(void) { monitor_request("the rescue key was pressed"); }

LOCAL bool monitor_receive(const uint8_t *bytes, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&monitor.lock);
    bool taken = monitor.open;
    for (size_t i = 0; i < size && taken && monitor.count < INPUT_SIZE; i++)
        monitor.input[(monitor.first + monitor.count++) % INPUT_SIZE] = bytes[i];
    spin_unlock_irq(&monitor.lock, flags);
    if (taken)
        wait_queue_wake_all(&monitor.wake);
    return taken;
}

LOCAL void monitor_watchdog_fired(struct timer *timer)
{
    (void)timer;
    if (rescue_interrupts_typed() >= WATCHDOG_INTERRUPTS
        && clock_monotonic() - rescue_first_interrupt_time() >= WATCHDOG_PATIENCE)
        monitor_request("Ctrl-C was pressed again and again, and the world has not asked for input since");
}

LOCAL void monitor_interrupt_typed(unsigned count)
{
    if (count == WATCHDOG_INTERRUPTS)
        timer_arm(&watchdog, rescue_first_interrupt_time() + WATCHDOG_PATIENCE);
}

static const struct rescue_ops monitor_rescue = { monitor_key_pressed, monitor_receive, monitor_interrupt_typed };

/* --- input and output --------------------------------------------------------------- */

LOCAL void monitor_write(void *context, const char *text, size_t length)
{
    (void)context;
    for (size_t done = 0; done < length;) { /* "\n" as "\r\n" */
        const char *end = memchr(text + done, '\n', length - done);
        size_t part = (end != NULL ? (size_t)(end - text) : length) - done;
        rescue_write(text + done, part);
        done += part;
        if (end != NULL) {
            rescue_write("\r\n", 2);
            done++;
        }
    }
}

static const struct report_output monitor_output = { monitor_write, NULL };

#define monitor_print(...) report_print(&monitor_output, __VA_ARGS__)

LOCAL bool monitor_take_byte(uint8_t *byte)
{
    irq_flags_t flags = spin_lock_irq(&monitor.lock);
    bool any = monitor.count > 0;
    if (any) {
        *byte = monitor.input[monitor.first];
        monitor.first = (monitor.first + 1) % INPUT_SIZE;
        monitor.count--;
    }
    spin_unlock_irq(&monitor.lock, flags);
    return any;
}

LOCAL void monitor_read_line(char *line)
{
    size_t length = 0;
    for (;;) {
        uint8_t byte;
        WAIT_EVENT_UNINTERRUPTIBLE(&monitor.wake, monitor_take_byte(&byte));
        if (byte == '\r' || byte == '\n')
            break;
        if ((byte == 8 || byte == 127) && length > 0) {
            length--;
            rescue_write("\b \b", 3);
        } else if (byte >= ' ' && byte < 127 && length < LINE_SIZE - 1) {
            line[length++] = (char)byte;
            rescue_write((const char *)&byte, 1);
        }
    }
    line[length] = 0;
    rescue_write("\r\n", 2);
}

/* --- commands -------------------------------------------------------------------------- */

struct monitor_command {
    const char *name;
    const char *help;
    bool (*run)(const char *argument); /* true: close the monitor */
};

LOCAL bool monitor_number(const char *text, int64_t *value)
{
    bool ok = parse_i64(text, NULL, 10, value) == 0;
    if (!ok)
        monitor_print("a number is wanted here\n");
    return ok;
}

LOCAL bool monitor_backtrace(const char *argument)
{
    int64_t id;
    if (monitor_number(argument, &id) && !report_backtrace(&monitor_output, (int32_t)id))
        monitor_print("there is no thread %lld\n", (long long)id);
    return false;
}

LOCAL bool monitor_log(const char *argument)
{
    (void)argument;
    char *text = vmalloc(LOG_TAIL, PAGE_USE_KERNEL);
    if (text == NULL) {
        monitor_print("no memory\n");
        return false;
    }
    monitor_write(NULL, text, klog_read(text, LOG_TAIL));
    vfree(text);
    return false;
}

LOCAL bool monitor_signal(int signal)
{
    struct process *world = process_find(WORLD_PID);
    bool sent = world != NULL && signal_send_process(world, signal) == 0;
    if (world != NULL)
        process_put(world);
    if (!sent)
        monitor_print("the world is not running, or no such signal\n");
    return sent;
}

LOCAL bool monitor_kill(const char *argument)
{
    int64_t signal = SIGINT;
    if (*argument != 0 && !monitor_number(argument, &signal))
        return false;
    return monitor_signal((int)signal);
}

LOCAL bool monitor_restart(const char *argument)
{
    (void)argument;
    return monitor_signal(SIGKILL); /* kernel/proc/world.c starts it again */
}

LOCAL bool monitor_reboot(const char *argument)
{
    (void)argument;
    machine_reset();
}

LOCAL bool monitor_poweroff(const char *argument)
{
    (void)argument;
    machine_power_off(0);
}

LOCAL bool monitor_continue(const char *argument)
{
    (void)argument;
    return true;
}

LOCAL bool monitor_help(const char *argument);

static const struct monitor_command monitor_commands[] = {
    { "help", "this list", monitor_help },
    { "bt", "bt ID: the frames of a thread", monitor_backtrace },
    { "log", "the end of the kernel's log", monitor_log },
    { "kill", "kill [SIGNAL]: send the world a signal (2, as Ctrl-C does)", monitor_kill },
    { "restart", "end the world and start it again", monitor_restart },
    { "reboot", "restart the machine", monitor_reboot },
    { "poweroff", "switch it off", monitor_poweroff },
    { "continue", "leave the monitor", monitor_continue },
};

LOCAL bool monitor_help(const char *argument)
{
    (void)argument;
    for (size_t i = 0; i < report_kind_count; i++)
        monitor_print("  %-10s %s\n", report_kinds[i].name, report_kinds[i].help);
    for (size_t i = 0; i < ARRAY_COUNT(monitor_commands); i++)
        monitor_print("  %-10s %s\n", monitor_commands[i].name, monitor_commands[i].help);
    return false;
}

/* True: close the monitor. */
LOCAL bool monitor_execute(char *line)
{
    while (*line == ' ')
        line++;
    char *argument = strchr(line, ' ');
    if (argument != NULL)
        *argument++ = 0;
    const struct report_kind *report = report_find(line);
    if (report != NULL) {
        report->write(&monitor_output);
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(monitor_commands); i++)
        if (strcmp(line, monitor_commands[i].name) == 0)
            return monitor_commands[i].run(argument != NULL ? argument : "");
    if (*line != 0)
        monitor_print("%s: no such command; help lists them\n", line);
    return false;
}

/* True: it was asked for and takes what is typed from here on. */
LOCAL bool monitor_open(void)
{
    irq_flags_t flags = spin_lock_irq(&monitor.lock);
    monitor.open = monitor.wanted;
    monitor.wanted = false;
    bool open = monitor.open;
    spin_unlock_irq(&monitor.lock, flags);
    return open;
}

/* False: there are bytes to be given back before what is typed next may pass. */
LOCAL bool monitor_close(void)
{
    irq_flags_t flags = spin_lock_irq(&monitor.lock);
    monitor.open = monitor.count > 0;
    monitor.wanted = false; /* keys pressed meanwhile */
    bool closed = !monitor.open;
    spin_unlock_irq(&monitor.lock, flags);
    return closed;
}

LOCAL void monitor_thread(void *unused)
{
    char line[LINE_SIZE];
    (void)unused;
    for (;;) {
        WAIT_EVENT_UNINTERRUPTIBLE(&monitor.wake, monitor_open());
        rescue_write("\x18", 1); /* CAN: a control string that a program left open would swallow all that follows */
        monitor_print("\nMonitor: %s. help lists the commands, continue leaves.\n", monitor.reason);
        bool done = false;
        while (!done) {
            monitor_print("monitor> ");
            monitor_read_line(line);
            done = monitor_execute(line);
        }
        uint8_t byte;
        while (!monitor_close())
            while (monitor_take_byte(&byte)) /* typed ahead */
                rescue_give_back(byte);
        (void)monitor_signal(SIGWINCH); /* line editors draw their line again */
    }
}

void monitor_init(void)
{
    struct thread *thread = thread_create("monitor", monitor_thread, NULL);
    if (thread == NULL)
        panic("monitor: no memory for its thread");
    timer_init(&watchdog, monitor_watchdog_fired);
    thread_start(thread);
    thread_put(thread);
    rescue_register(&monitor_rescue);
}
