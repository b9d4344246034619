/* The screen: ties terminal, framebuffer, tty and log together; see console.h. */
#include <dev/console/console.h>

#include <dev/console/font.h>
#include <dev/console/framebuffer.h>
#include <dev/tty/tty.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/parse.h>

#define CONSOLE_FRAME (NANOS_PER_SECOND / 60)
#define CONSOLE_HISTORY 2000 /* lines of scroll-back */

static struct {
    bool present;
    struct wait_queue work;  /* the drawing thread sleeps here */
    volatile bool pending;   /* there is work for it */

    struct spinlock lock;    /* a leaf: log lines come from under any other lock */
    /* lock */
    struct terminal terminal;
    uint16_t cursor_row;     /* where the cursor is shown */
    int cursor_column;       /* -1: nowhere */
} console = {
    .work = WAIT_QUEUE_INIT(console.work, "console"),
    .lock = SPINLOCK_INIT("console", LOCK_RANK_LEAF),
    .cursor_column = -1,
};

LOCAL void console_write(const uint8_t *bytes, size_t size);
static struct tty_port console_port = { .name = "tty1", .write = console_write };

/* --- drawing ----------------------------------------------------------------------------- */

/* Rows where the cursor was or is now differ from their cells. */
LOCAL void console_move_cursor_locked(void)
{
    const struct terminal *terminal = &console.terminal;
    uint32_t seen = (uint32_t)terminal->cursor.row + terminal->view_back;
    bool visible = terminal->cursor_visible && seen < terminal->rows;
    uint16_t row = visible ? (uint16_t)seen : console.cursor_row;
    int column = visible ? terminal->cursor.column : -1;

    if (console.cursor_row == row && console.cursor_column == column)
        return;
    terminal->dirty[console.cursor_row] = true;
    terminal->dirty[row] = true;
    console.cursor_row = row;
    console.cursor_column = column;
}

LOCAL void console_draw_row_locked(uint16_t row)
{
    if (!console.terminal.dirty[row] && console.terminal.view_back == 0)
        return;
    console.terminal.dirty[row] = false;
    framebuffer_draw_row(row, terminal_view_row(&console.terminal, row), console.terminal.columns,
                         row == console.cursor_row ? console.cursor_column : -1, console.terminal.reverse_screen);
}

/* The whole screen, a row at a time, so that interrupts wait for one row at most. */
LOCAL void console_draw(void)
{
    for (uint16_t row = 0; row < console.terminal.rows; row++) {
        irq_flags_t flags = spin_lock_irq(&console.lock);
        if (row == 0)
            console_move_cursor_locked();
        console_draw_row_locked(row);
        spin_unlock_irq(&console.lock, flags);
    }
}

/* Answers to a program's queries become its input. */
LOCAL void console_answer(void)
{
    uint8_t reply[64];
    irq_flags_t flags = spin_lock_irq(&console.lock);
    size_t size = terminal_take_reply(&console.terminal, reply, sizeof(reply));
    spin_unlock_irq(&console.lock, flags);
    if (size > 0)
        tty_answer(&console_port, reply, size);
}

LOCAL void console_thread(void *argument)
{
    for (;;) {
        WAIT_EVENT_UNINTERRUPTIBLE(&console.work, console.pending);
        console.pending = false;
        nanos_t start = clock_monotonic();
        console_answer();
        console_draw();
        (void)thread_sleep_until(start + CONSOLE_FRAME, false);
    }
}

LOCAL void console_request_drawing(void)
{
    if (!console.pending) {
        console.pending = true;
        wait_queue_wake_all(&console.work);
    }
}

/* --- output ------------------------------------------------------------------------------ */

LOCAL void console_write(const uint8_t *bytes, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&console.lock);
    terminal_write(&console.terminal, bytes, size);
    spin_unlock_irq(&console.lock, flags);
    console_request_drawing();
}

LOCAL void console_write_log(const char *text, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&console.lock);
    terminal_end_view(&console.terminal); /* a panic above all must be seen */
    terminal_write_aside(&console.terminal, text, size);
    console_move_cursor_locked();
    for (uint16_t row = 0; row < console.terminal.rows; row++)
        console_draw_row_locked(row);
    spin_unlock_irq(&console.lock, flags);
}

/* --- keyboard ---------------------------------------------------------------------------- */

size_t console_receive(const uint8_t *bytes, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&console.lock);
    bool looking_back = console.terminal.view_back > 0;
    terminal_end_view(&console.terminal);
    spin_unlock_irq(&console.lock, flags);
    if (looking_back)
        console_request_drawing();
    return tty_receive(&console_port, bytes, size);
}

void console_scroll(bool back)
{
    irq_flags_t flags = spin_lock_irq(&console.lock);
    int32_t half = console.terminal.rows / 2;
    if (half > 0) /* else there is no screen */
        terminal_scroll_view(&console.terminal, back ? half : -half);
    spin_unlock_irq(&console.lock, flags);
    console_request_drawing();
}

bool console_has_application_keys(void) { return console.terminal.application_cursor_keys; }

/* --- set-up ------------------------------------------------------------------------------ */

/* window=COLUMNSxROWS; false: not given, or not that. */
LOCAL bool console_read_window_option(uint16_t *columns, uint16_t *rows)
{
    char text[16];

    if (!boot_option("window", text, sizeof(text)))
        return false;
    const char *separator;
    uint64_t width, height;
    if (parse_u64(text, &separator, 10, &width) != 0 || *separator != 'x' ||
        parse_u64(separator + 1, NULL, 10, &height) != 0 || width < 2 || height < 2 ||
        width > TERMINAL_MAX_COLUMNS || height > TERMINAL_MAX_ROWS) {
        klog(LOG_WARNING, "console", "boot option window=COLUMNSxROWS is not understood");
        return false;
    }
    *columns = (uint16_t)width;
    *rows = (uint16_t)height;
    return true;
}

/* The screen's terminal, `columns` by `rows`. False: no screen. */
LOCAL bool console_init_screen(uint16_t columns, uint16_t rows)
{
    static struct log_sink sink = { .name = "screen", .write = console_write_log };
    void *memory = vmalloc(terminal_memory_size(columns, rows, CONSOLE_HISTORY), PAGE_USE_KERNEL);
    struct thread *thread = thread_create("console", console_thread, NULL);

    if (memory == NULL || thread == NULL) {
        klog(LOG_ERROR, "console", "no memory for the screen");
        vfree(memory);
        if (thread != NULL)
            thread_put(thread);
        return false;
    }
    terminal_init(&console.terminal, columns, rows, CONSOLE_HISTORY, memory);
    console.pending = true;
    thread_start(thread);
    thread_put(thread);
    KASSERT(tty_attach(&console_port) == 0);
    KASSERT(klog_add_sink(&sink) == 0);
    return true;
}

void console_init(void)
{
    uint16_t columns = 80, rows = 24;
    bool limited = console_read_window_option(&columns, &rows);
    int error = framebuffer_init(&boot_info.framebuffer);

    if (error == 0) {
        columns = limited ? MIN(columns, framebuffer_columns()) : framebuffer_columns();
        rows = limited ? MIN(rows, framebuffer_rows()) : framebuffer_rows();
        if (console_init_screen(columns, rows))
            klog(LOG_INFO, "console", "%u columns, %u rows", columns, rows);
    } else {
        klog(LOG_INFO, "console", "no framebuffer (error %d): the serial line is all there is", -error);
    }
    tty_set_window(columns, rows, columns * FONT_WIDTH, rows * FONT_HEIGHT);
}
