/* The console tty: reading, writing and ports; see tty.h. Settings and job control: tty_ioctl.c. */
#include <dev/tty/private.h>
#include <dev/tty/rescue.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <fs/devfs.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/time/time.h>
#include <kernel/vfs/poll.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/live.h>

#define TTY_CHUNK 128          /* bytes handled in one go with interrupts off */
#define TTY_WRITABLE 256       /* poll: room for this much */
#define TTY_THROTTLE_ROOM 256  /* ports stop below this, */
#define TTY_RESUME_ROOM (TTY_INPUT_SIZE / 4) /* and go on above this */

LOCAL void tty_emit(void *context, const uint8_t *bytes, size_t size);
LOCAL void tty_flush_from_line(void *context);
static const struct line_ops tty_line_ops = { tty_emit, tty_flush_from_line };

/* Before tty_init(), input is refused and output goes to the ports unprocessed. */
static struct tty tty_console = {
    .readers = WAIT_QUEUE_INIT(tty_console.readers, "tty readers"),
    .writers = WAIT_QUEUE_INIT(tty_console.writers, "tty writers"),
    .lock = SPINLOCK_INIT("tty", LOCK_RANK_INPUT),
    .ports = LIST_INIT(tty_console.ports),
    .window = { .ws_row = 24, .ws_col = 80 },
};

struct tty *tty_from_file(struct file *file) { return file->private_data; }

/* --- ports ------------------------------------------------------------------------------- */

LOCAL struct tty_port *tty_port_from_link(struct list *link) { return container_of(link, struct tty_port, link); }

void tty_write_ports_locked(struct tty *tty, const uint8_t *bytes, size_t size)
{
    list_for_each(link, &tty->ports) {
        struct tty_port *port = tty_port_from_link(link);
        if (port->write != NULL)
            LIVE_CALL(port->write, 0, bytes, size);
    }
}

/* What the slowest port takes. */
LOCAL size_t tty_output_room_locked(struct tty *tty)
{
    size_t room = SIZE_MAX;

    list_for_each(link, &tty->ports) {
        struct tty_port *port = tty_port_from_link(link);
        size_t of_port = port->room == NULL ? SIZE_MAX : LIVE_CALL(port->room, SIZE_MAX); /* one that faults must not stop the others */
        room = MIN(room, of_port);
    }
    return room;
}

size_t tty_output_pending_locked(struct tty *tty)
{
    size_t count = 0;

    list_for_each(link, &tty->ports) {
        struct tty_port *port = tty_port_from_link(link);
        size_t of_port = port->pending == NULL ? 0 : LIVE_CALL(port->pending, 0);
        count = MAX(count, of_port);
    }
    return count;
}

LOCAL bool tty_output_is_pending(struct tty *tty)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    bool pending = tty_output_pending_locked(tty) > 0;
    spin_unlock_irq(&tty->lock, flags);
    return pending;
}

void tty_flush_output_locked(struct tty *tty)
{
    list_for_each(link, &tty->ports) {
        struct tty_port *port = tty_port_from_link(link);
        if (port->flush != NULL)
            LIVE_CALL(port->flush, 0);
    }
}

int tty_drain(struct tty *tty) { return WAIT_EVENT(&tty->writers, !tty_output_is_pending(tty)); }

/* The line discipline's operations: it runs with the lock held. */
LOCAL void tty_emit(void *context, const uint8_t *bytes, size_t size) { tty_write_ports_locked(context, bytes, size); }
LOCAL void tty_flush_from_line(void *context) { tty_flush_output_locked(context); }

LOCAL bool tty_is_attached_locked(const struct tty_port *port)
{
    list_for_each(link, &tty_console.ports)
        if (tty_port_from_link(link) == port)
            return true;
    return false;
}

int tty_attach(struct tty_port *port)
{
    uint64_t module;
    int error = live_module_get_owner(port, &module);
    if (error != 0)
        return error;
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    if (tty_is_attached_locked(port)) {
        error = -EEXIST;
    } else {
        port->module = module; /* first: a wild pointer faults here, where nothing is changed yet */
        list_append(&tty_console.ports, &port->link);
    }
    spin_unlock_irq(&tty_console.lock, flags);
    if (error != 0)
        live_module_put(module);
    return error;
}

int tty_detach(struct tty_port *port)
{
    uint64_t module = 0;
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    int error = tty_is_attached_locked(port) ? 0 : -ENOENT;
    if (error == 0) {
        list_remove(&port->link);
        module = port->module;
    }
    if (tty_console.last_input == port)
        tty_console.last_input = NULL;
    spin_unlock_irq(&tty_console.lock, flags);
    live_module_put(module);
    return error;
}

/* Stops the ports when the buffer is nearly full, lets them go on when a good part is free. With IXOFF the
 * other end is told in its own language. */
void tty_update_throttle_locked(struct tty *tty)
{
    size_t room = line_room(&tty->line);
    bool throttle = tty->throttled ? room < TTY_RESUME_ROOM : room < TTY_THROTTLE_ROOM;

    if (throttle == tty->throttled)
        return;
    tty->throttled = throttle;
    list_for_each(link, &tty->ports) {
        struct tty_port *port = tty_port_from_link(link);
        if (port->throttle != NULL)
            LIVE_CALL(port->throttle, 0, throttle);
    }
    if (tty->line.termios.c_iflag & IXOFF)
        tty_write_ports_locked(tty, &tty->line.termios.c_cc[throttle ? VSTOP : VSTART], 1);
}

/* --- input ------------------------------------------------------------------------------- */

void tty_handle_events(struct tty *tty, unsigned events)
{
    static const struct { unsigned event; int signal; } signals[] = {
        { LINE_EVENT_INTERRUPT, SIGINT }, { LINE_EVENT_QUIT, SIGQUIT }, { LINE_EVENT_SUSPEND, SIGTSTP },
    };
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++)
        if ((events & signals[i].event) && tty->foreground > 0)
            (void)signal_send_group(tty->foreground, signals[i].signal); /* -ESRCH: nobody there to tell */
    if (events & LINE_EVENT_READABLE)
        wait_queue_wake_all(&tty->readers);
    if (events & ~(unsigned)LINE_EVENT_READABLE)
        wait_queue_wake_all(&tty->writers);
}

/* Hands bytes to the line discipline; the room that is left. */
LOCAL size_t tty_deliver(struct tty *tty, const uint8_t *bytes, size_t size)
{
    size_t room = 0;

    rescue_count_interrupts(bytes, size);
    /* A signal is sent without the lock, so the bytes are taken up to the next one. */
    for (size_t i = 0; i < size;) {
        unsigned events = LINE_EVENT_NONE;
        irq_flags_t flags = spin_lock_irq(&tty->lock);
        while (i < size && tty->line.size > 0 && (events & ~(unsigned)LINE_EVENT_READABLE) == 0)
            events |= line_receive(&tty->line, bytes[i++]);
        if (tty->line.size > 0)
            tty_update_throttle_locked(tty);
        else
            i = size; /* not initialised: nobody could read it */
        room = line_room(&tty->line);
        spin_unlock_irq(&tty->lock, flags);
        tty_handle_events(tty, events);
    }
    return room;
}

LOCAL size_t tty_receive_bytes(struct tty *tty, const uint8_t *bytes, size_t size)
{
    return rescue_take_input(bytes, size) ? TTY_INPUT_SIZE : tty_deliver(tty, bytes, size);
}

size_t tty_receive(const struct tty_port *port, const uint8_t *bytes, size_t size)
{
    tty_console.last_input = port; /* one word, and of use to tty_answer() only */
    return tty_receive_bytes(&tty_console, bytes, size);
}

void tty_answer(const struct tty_port *port, const uint8_t *bytes, size_t size)
{
    if (tty_console.last_input == port || tty_console.last_input == NULL)
        (void)tty_receive_bytes(&tty_console, bytes, size);
}

void tty_receive_break(void)
{
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    unsigned events = tty_console.line.size > 0 ? line_receive_break(&tty_console.line) : LINE_EVENT_NONE;
    spin_unlock_irq(&tty_console.lock, flags);
    tty_handle_events(&tty_console, events);
}

size_t tty_room(void)
{
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    size_t room = tty_console.throttled ? 0 : line_room(&tty_console.line);
    if (tty_console.line.size == 0)
        room = SIZE_MAX; /* not initialised: all is dropped */
    spin_unlock_irq(&tty_console.lock, flags);
    return room;
}

void tty_output_ready(void)
{
    if (wait_queue_has_waiters(&tty_console.writers))
        wait_queue_wake_all(&tty_console.writers);
}

void rescue_give_back(uint8_t byte) { (void)tty_deliver(&tty_console, &byte, 1); }

void rescue_write(const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        irq_flags_t flags = spin_lock_irq(&tty_console.lock);
        size_t count = MIN(MIN(size - done, TTY_CHUNK), tty_output_room_locked(&tty_console));
        tty_write_ports_locked(&tty_console, (const uint8_t *)text + done, count);
        spin_unlock_irq(&tty_console.lock, flags);
        done += count;
        if (count == 0)
            (void)thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
    }
}

/* --- file operations --------------------------------------------------------------------- */

LOCAL bool tty_try_claim(struct tty *tty, bool *busy)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    bool claimed = !*busy;
    *busy = true;
    spin_unlock_irq(&tty->lock, flags);
    return claimed;
}

/* One reader, one writer at a time. 0, -EAGAIN or -EINTR. */
LOCAL int tty_claim(struct tty *tty, bool *busy, struct wait_queue *queue, bool nonblocking)
{
    if (tty_try_claim(tty, busy))
        return 0;
    return nonblocking ? -EAGAIN : WAIT_EVENT(queue, tty_try_claim(tty, busy));
}

LOCAL void tty_unclaim(struct tty *tty, bool *busy, struct wait_queue *queue)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    *busy = false;
    spin_unlock_irq(&tty->lock, flags);
    wait_queue_wake_all(queue);
}

LOCAL bool tty_is_readable(struct tty *tty)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    bool readable = line_is_readable(&tty->line);
    spin_unlock_irq(&tty->lock, flags);
    return readable;
}

/* Takes what is there, up to a chunk. *ends: the line is complete. */
LOCAL size_t tty_take_input(struct tty *tty, uint8_t *chunk, size_t size, bool *ends)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    size_t count = line_read(&tty->line, chunk, size, ends);
    tty_update_throttle_locked(tty);
    spin_unlock_irq(&tty->lock, flags);
    return count;
}

/* Nothing is there: waits as VMIN and VTIME say. 0: look again; 1: the read is over; or -E... */
LOCAL int tty_wait_input(struct tty *tty, const struct io *io, nanos_t last, bool nonblocking)
{
    nanos_t deadline;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    enum line_step step = line_read_step(&tty->line, io->size, io->done, last, clock_monotonic(), nonblocking,
                                         &deadline);
    uint32_t lflag = tty->line.termios.c_lflag;
    spin_unlock_irq(&tty->lock, flags);

    if (step == LINE_STEP_DONE)
        return 1;
    if (step == LINE_STEP_AGAIN)
        return -EAGAIN;
    /* Other settings may mean another wait. */
    int error = WAIT_EVENT_UNTIL(&tty->readers, tty_is_readable(tty) || lflag != tty->line.termios.c_lflag,
                                 deadline < 0 ? WAIT_FOREVER : deadline);
    return error == -ETIMEDOUT ? 0 : error;
}

LOCAL isize_t tty_read(struct file *file, struct io *io, file_off_t *position)
{
    struct tty *tty = tty_from_file(file);
    bool nonblocking = file->flags & O_NONBLOCK;
    uint8_t chunk[TTY_CHUNK];
    bool ends = false;
    int error = tty_check_job(tty, SIGTTIN);

    if (error != 0 || io->size == 0)
        return error;
    rescue_note_read();
    error = tty_claim(tty, &tty->reading, &tty->readers, nonblocking);
    if (error != 0)
        return error;
    nanos_t last = clock_monotonic();
    while (error == 0 && !ends && io_remaining(io) > 0) {
        size_t count = tty_take_input(tty, chunk, MIN(io_remaining(io), sizeof(chunk)), &ends);
        if (count > 0) {
            error = io_put(io, chunk, count);
            last = clock_monotonic();
        } else if (!ends) {
            error = tty_wait_input(tty, io, last, nonblocking);
        }
    }
    tty_unclaim(tty, &tty->reading, &tty->readers);
    return io->done > 0 || error > 0 ? (isize_t)io->done : error;
}

LOCAL bool tty_is_writable(struct tty *tty)
{
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    bool writable = !tty->line.stopped && tty_output_room_locked(tty) >= TTY_WRITABLE;
    spin_unlock_irq(&tty->lock, flags);
    return writable;
}

/* Sends what goes out now of `bytes`; returns how many were used up. */
LOCAL size_t tty_send(struct tty *tty, const uint8_t *bytes, size_t size)
{
    uint8_t out[TTY_CHUNK + 8];
    size_t used = 0;
    irq_flags_t flags = spin_lock_irq(&tty->lock);

    if (!tty->line.stopped) {
        size_t room = MIN(tty_output_room_locked(tty), sizeof(out));
        size_t produced = line_process_output(&tty->line, bytes, size, &used, out, room);
        tty_write_ports_locked(tty, out, produced);
    }
    spin_unlock_irq(&tty->lock, flags);
    return used;
}

/* Sends all of `bytes`; *sent tells how many when it ends early. 0, -EAGAIN, -EINTR. */
LOCAL int tty_send_all(struct tty *tty, const uint8_t *bytes, size_t size, bool nonblocking, size_t *sent)
{
    for (*sent = 0; *sent < size;) {
        size_t used = tty_send(tty, bytes + *sent, size - *sent);
        *sent += used;
        if (used > 0)
            continue;
        int error = nonblocking ? -EAGAIN : WAIT_EVENT(&tty->writers, tty_is_writable(tty));
        if (error != 0)
            return error;
    }
    return 0;
}

LOCAL isize_t tty_write(struct file *file, struct io *io, file_off_t *position)
{
    struct tty *tty = tty_from_file(file);
    bool nonblocking = file->flags & O_NONBLOCK;
    uint8_t chunk[TTY_CHUNK];
    size_t written = 0;
    int error = 0;

    if (tty->line.termios.c_lflag & TOSTOP)
        error = tty_check_job(tty, SIGTTOU);
    if (error == 0)
        error = tty_claim(tty, &tty->writing, &tty->writers, nonblocking);
    if (error != 0)
        return error;
    while (error == 0 && io_remaining(io) > 0) {
        size_t sent = 0, count = MIN(io_remaining(io), sizeof(chunk));
        error = io_get(io, chunk, count);
        if (error == 0)
            error = tty_send_all(tty, chunk, count, nonblocking, &sent);
        written += sent;
        /* A flood that never waits must not keep Ctrl-C from its own process. */
        if (error == 0 && io_remaining(io) > 0 && signal_is_pending())
            error = -EINTR;
    }
    tty_unclaim(tty, &tty->writing, &tty->writers);
    io->done = written;
    return written > 0 ? (isize_t)written : error;
}

LOCAL uint32_t tty_poll(struct file *file, struct poll_table *table)
{
    struct tty *tty = tty_from_file(file);
    uint32_t ready = 0;

    poll_wait(table, &tty->readers);
    poll_wait(table, &tty->writers);

    irq_flags_t flags = spin_lock_irq(&tty->lock);
    const struct abi_termios2 *termios = &tty->line.termios;
    size_t enough = 1;
    if (!(termios->c_lflag & ICANON) && termios->c_cc[VTIME] == 0 && termios->c_cc[VMIN] > 1)
        enough = termios->c_cc[VMIN];
    /* A canonical end of file has no bytes, yet a read does not block. */
    if (line_is_readable(&tty->line) && (line_available(&tty->line) >= enough || tty->line.end_of_files > 0))
        ready |= POLL_IN;
    if (!tty->line.stopped && tty_output_room_locked(tty) >= TTY_WRITABLE)
        ready |= POLL_OUT;
    spin_unlock_irq(&tty->lock, flags);
    return ready;
}

LOCAL int tty_open(struct file *file)
{
    if (!(file->flags & O_NOCTTY))
        (void)tty_acquire(tty_from_file(file)); /* -EPERM: opened without becoming the controlling terminal */
    return 0;
}

/* /dev/tty */
LOCAL int tty_open_controlling(struct file *file)
{
    struct process *process = process_current();

    if (process == NULL || process->tty == NULL)
        return -ENXIO;
    file->private_data = process->tty;
    return 0;
}

static const struct file_ops tty_file_ops = {
    .name = "tty", .read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .poll = tty_poll, .open = tty_open,
};
static const struct file_ops tty_controlling_file_ops = {
    .name = "tty", .read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .poll = tty_poll,
    .open = tty_open_controlling,
};

/* The input buffer of the console tty. */
static uint8_t *tty_ring;
static uint64_t *tty_delimiters;

void tty_reset(void)
{
    /* VT52 mode, colours, margins, alternate screen, reverse screen and bracketed paste off, cursor shown. */
    static const char terminal_reset[] = "\033<\033[0m\033[r\033[?1049l\033[?2004l\033[?2026l\033[?5l\033[?25h\r";
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    bool first = tty_console.line.size == 0;
    line_init(&tty_console.line, tty_ring, tty_delimiters, TTY_INPUT_SIZE, &tty_line_ops, &tty_console);
    tty_console.session = 0;
    tty_console.foreground = 0;
    if (!first) {
        tty_write_ports_locked(&tty_console, (const uint8_t *)terminal_reset, sizeof(terminal_reset) - 1);
        tty_update_throttle_locked(&tty_console);
    }
    spin_unlock_irq(&tty_console.lock, flags);
}

void tty_init(void)
{
    static const struct { const char *name; uint32_t mode, device; const struct file_ops *ops; } devices[] = {
        { "console", S_IFCHR | 0600, DEVICE_NUMBER(5, 1), &tty_file_ops },
        { "tty", S_IFCHR | 0666, DEVICE_NUMBER(5, 0), &tty_controlling_file_ops },
        { "tty1", S_IFCHR | 0600, DEVICE_NUMBER(4, 1), &tty_file_ops },
        { "ttyS0", S_IFCHR | 0600, DEVICE_NUMBER(4, 64), &tty_file_ops },
    };
    tty_ring = kmalloc(TTY_INPUT_SIZE);
    tty_delimiters = kmalloc(TTY_INPUT_SIZE / 8);
    if (tty_ring == NULL || tty_delimiters == NULL)
        panic("tty: no memory for the input buffer");
    tty_reset();

    for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
        int error = devfs_register(devices[i].name, devices[i].mode, devices[i].device, devices[i].ops, &tty_console);
        if (error != 0)
            klog(LOG_ERROR, "tty", "/dev/%s: error %d", devices[i].name, -error);
    }
}

void tty_set_window(uint16_t columns, uint16_t rows, uint16_t width_pixels, uint16_t height_pixels)
{
    struct tty *tty = &tty_console;
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    struct abi_winsize *window = &tty->window;
    bool changed = window->ws_col != columns || window->ws_row != rows;

    window->ws_col = columns;
    window->ws_row = rows;
    window->ws_xpixel = width_pixels;
    window->ws_ypixel = height_pixels;
    int32_t foreground = tty->foreground;
    spin_unlock_irq(&tty->lock, flags);
    if (changed && foreground > 0)
        (void)signal_send_group(foreground, SIGWINCH);
}

void tty_set_controlling(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&tty_console.lock);
    tty_console.session = process->session_id;
    tty_console.foreground = process->group_id;
    spin_unlock_irq(&tty_console.lock, flags);
    process->tty = &tty_console;
}
