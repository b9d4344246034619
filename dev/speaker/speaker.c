/*
 * The PC speaker: channel 2 of the 8254 timer through port 0x61 (Intel 8254 data sheet; ISA System Architecture).
 *
 * Driver for the platform device "pc-speaker": /dev/speaker. Each line that is written to it is played,
 *     FREQUENCY MILLISECONDS
 * with frequency 0 for a pause. write(2) returns when it has been heard; a signal ends it.
 */
#include <dev/speaker/speaker.h>

#include <arch/x86_64/io.h>
#include <dev/driver/device.h>
#include <kernel/sched/lock.h>
#include <kernel/time/time.h>

#define TIMER_HERTZ      1193182u
#define TIMER_CHANNEL_2  0x42
#define TIMER_COMMAND    0x43
#define TIMER_SQUARE_2   0xb6 /* channel 2, both bytes, mode 3 */
#define SPEAKER_PORT     0x61
#define SPEAKER_ON       0x03 /* gate of channel 2, and its output to the speaker */
#define SPEAKER_LONGEST  60000 /* milliseconds of one line */

static struct spinlock speaker_lock = SPINLOCK_INIT("speaker", LOCK_RANK_LEAF);

bool speaker_set_tone(uint32_t hertz)
{
    if (hertz != 0 && (hertz < SPEAKER_LOWEST || hertz > SPEAKER_HIGHEST))
        return false;
    irq_flags_t flags = spin_lock_irq(&speaker_lock);
    uint8_t port = io_in8(SPEAKER_PORT);
    if (hertz == 0) {
        io_out8(SPEAKER_PORT, (uint8_t)(port & ~SPEAKER_ON));
    } else {
        uint32_t divisor = TIMER_HERTZ / hertz;
        io_out8(TIMER_COMMAND, TIMER_SQUARE_2);
        io_out8(TIMER_CHANNEL_2, (uint8_t)divisor);
        io_out8(TIMER_CHANNEL_2, (uint8_t)(divisor >> 8));
        io_out8(SPEAKER_PORT, port | SPEAKER_ON);
    }
    spin_unlock_irq(&speaker_lock, flags);
    return true;
}

/* Reads a number below a million and the blanks before it. False: there is none. */
LOCAL bool speaker_parse(const char **at, const char *end, uint32_t *value)
{
    while (*at < end && **at == ' ')
        ++*at;
    const char *start = *at;
    for (*value = 0; *at < end && **at >= '0' && **at <= '9' && *value < 1000000; ++*at)
        *value = *value * 10 + (uint32_t)(**at - '0');
    return *at > start;
}

/* Plays the line at `*at` and steps over it. */
LOCAL int speaker_play(struct device *device, const char **at, const char *end)
{
    uint32_t hertz, milliseconds;
    if (!speaker_parse(at, end, &hertz) || !speaker_parse(at, end, &milliseconds) || milliseconds > SPEAKER_LONGEST
        || (*at < end && **at != '\n'))
        return -EINVAL;
    if (*at < end)
        ++*at;
    if (!speaker_set_tone(hertz))
        return -EINVAL;
    int error = DEVICE_WAIT_UNTIL(device, false, clock_monotonic() + milliseconds * NANOS_PER_MILLISECOND);
    return error == -ETIMEDOUT ? 0 : error;
}

LOCAL int64_t speaker_write(void *context, struct device_request *request)
{
    const char *start = request->buffer, *at = start, *end = start + request->size, *line = at;
    int error = 0;
    while (at < end && error == 0) {
        line = at;
        error = speaker_play(context, &at, end);
    }
    (void)speaker_set_tone(0);
    if (error == 0)
        return (int64_t)request->size;
    return line > start ? line - start : error; /* what was played counts */
}

LOCAL int speaker_probe(struct device *device)
{
    static const struct device_ops ops = { .write = speaker_write };
    return device_create(device, "speaker", 0620, &ops, device);
}

LOCAL void speaker_remove(struct device *device) { (void)speaker_set_tone(0); }

static const struct device_match speaker_match[] = { PLATFORM_MATCH("pc-speaker"), MATCH_END };
DRIVER(speaker, speaker_match, speaker_probe, speaker_remove);
