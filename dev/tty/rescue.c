/* The rescue key, input that the monitor takes, and what the watchdog needs to know; see rescue.h. */
#include <dev/tty/private.h>
#include <dev/tty/rescue.h>
#include <kernel/time/time.h>
#include <live/call.h>

#define CTRL_C 3

static const struct rescue_ops *rescue_ops;
/* Ctrl-C typed since somebody last asked for input; written by interrupt handlers and readers, one word each. */
static volatile unsigned rescue_interrupts;
static volatile nanos_t rescue_first_interrupt;
static volatile unsigned rescue_reads;

void rescue_register(const struct rescue_ops *ops) { rescue_ops = ops; }
unsigned rescue_interrupts_typed(void) { return rescue_interrupts; }
unsigned rescue_reads_begun(void) { return rescue_reads; }
nanos_t rescue_first_interrupt_time(void) { return rescue_first_interrupt; }

bool rescue_key_pressed(void)
{
    if (rescue_ops == NULL)
        return false;
    LIVE_CALL(rescue_ops->key_pressed, 0);
    return true;
}

/* From tty_receive_bytes(). True: the bytes are taken. */
bool rescue_take_input(const uint8_t *bytes, size_t size)
{
    return rescue_ops != NULL && LIVE_CALL(rescue_ops->receive, false, bytes, size);
}

/* Of bytes on their way to the tty. */
void rescue_count_interrupts(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && rescue_ops != NULL; i++) {
        if (bytes[i] != CTRL_C)
            continue;
        if (rescue_interrupts == 0)
            rescue_first_interrupt = clock_monotonic();
        rescue_interrupts++;
        LIVE_CALL(rescue_ops->interrupt_typed, 0, rescue_interrupts);
    }
}

/* From tty_read(): the world is alive enough to ask for input. */
void rescue_note_read(void)
{
    rescue_interrupts = 0;
    rescue_reads++;
}
