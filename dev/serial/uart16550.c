/* 16550A serial port; see uart16550.h. Registers: National Semiconductor PC16550D data sheet, section 8. */
#include <dev/serial/uart16550.h>

#include <arch/x86_64/io.h>
#include <arch/x86_64/irq.h>
#include <dev/tty/rescue.h>
#include <dev/tty/tty.h>
#include <kernel/log.h>
#include <kernel/sched/lock.h>
#include <lib/ring.h>

#define SERIAL_BASE 0x3f8
#define SERIAL_IRQ 4
#define SERIAL_FIFO_SIZE 16
#define SERIAL_RING_SIZE (16 * 1024) /* a power of two */
#define SERIAL_POLL_LIMIT 200000     /* reads of the status register; about 0.2 s */

enum serial_register {
    SERIAL_DATA = 0,             /* divisor low when DLAB */
    SERIAL_INTERRUPT_ENABLE = 1, /* divisor high when DLAB */
    SERIAL_INTERRUPT_ID = 2,     /* read */
    SERIAL_FIFO_CONTROL = 2,     /* write */
    SERIAL_LINE_CONTROL = 3,
    SERIAL_MODEM_CONTROL = 4,
    SERIAL_LINE_STATUS = 5,
    SERIAL_MODEM_STATUS = 6,
    SERIAL_SCRATCH = 7
};

#define SERIAL_ENABLE_RECEIVE 0x01
#define SERIAL_ENABLE_TRANSMIT 0x02
#define SERIAL_ENABLE_LINE_STATUS 0x04

#define SERIAL_ID_NONE 0x01
#define SERIAL_ID_MASK 0x0e
#define SERIAL_ID_TRANSMIT 0x02
#define SERIAL_ID_RECEIVE 0x04
#define SERIAL_ID_LINE_STATUS 0x06
#define SERIAL_ID_TIMEOUT 0x0c

#define SERIAL_FIFO_SETUP 0x87 /* on, both cleared, interrupt at 8 bytes */
#define SERIAL_8N1 0x03
#define SERIAL_DLAB 0x80
#define SERIAL_DTR 0x01
#define SERIAL_RTS 0x02
#define SERIAL_OUT2 0x08 /* connects the interrupt on a PC */

#define SERIAL_STATUS_DATA 0x01
#define SERIAL_STATUS_BREAK 0x10
#define SERIAL_STATUS_ROOM 0x20 /* the transmit FIFO is empty */

static uint8_t serial_ring[SERIAL_RING_SIZE];

static struct {
    bool present;
    bool interrupts;       /* serial_init() was here: the ring empties by itself */

    struct spinlock lock;  /* a leaf: log lines come from under any other lock */
    /* lock */
    struct byte_ring ring; /* to be sent */
    uint8_t enabled;       /* the interrupt enable register */
    bool mid_line;         /* the last byte sent was not a newline */
    bool stuck;            /* polling ran out of patience: do not wait as long again */
    bool broken;           /* a break was reported; its zero byte has not been fetched yet */
} serial = {
    .lock = SPINLOCK_INIT("serial", LOCK_RANK_LEAF),
    .ring = { .buffer = serial_ring, .size = SERIAL_RING_SIZE },
};

LOCAL uint8_t serial_get(enum serial_register reg) { return io_in8((uint16_t)(SERIAL_BASE + reg)); }
LOCAL void serial_set(enum serial_register reg, uint8_t value) { io_out8((uint16_t)(SERIAL_BASE + reg), value); }

LOCAL void serial_enable_locked(uint8_t bits, bool on)
{
    uint8_t value = on ? serial.enabled | bits : serial.enabled & (uint8_t)~bits;

    if (value != serial.enabled) {
        serial.enabled = value;
        serial_set(SERIAL_INTERRUPT_ENABLE, value);
    }
}

/* The line status. Reading it clears what it says of a break, so that is kept: senders read it, too. */
LOCAL uint8_t serial_status_locked(void)
{
    uint8_t status = serial_get(SERIAL_LINE_STATUS);
    if (status & SERIAL_STATUS_BREAK)
        serial.broken = true;
    return status;
}

/* --- sending ----------------------------------------------------------------------------- */

/* Gives the device what it takes now. The interrupt is on only while bytes are left. */
LOCAL void serial_kick_locked(void)
{
    while (!ring_is_empty(&serial.ring) && (serial_status_locked() & SERIAL_STATUS_ROOM)) {
        uint8_t byte;
        for (unsigned i = 0; i < SERIAL_FIFO_SIZE && ring_get(&serial.ring, &byte); i++)
            serial_set(SERIAL_DATA, byte);
    }
    /* A break that was seen here raises no interrupt any more: the sender's fetches it. */
    serial_enable_locked(SERIAL_ENABLE_TRANSMIT, serial.interrupts && (!ring_is_empty(&serial.ring) || serial.broken));
}

LOCAL void serial_put_polled_locked(uint8_t byte)
{
    uint32_t limit = serial.stuck ? 1 : SERIAL_POLL_LIMIT;

    while (!(serial_status_locked() & SERIAL_STATUS_ROOM)) {
        if (--limit == 0) {
            serial.stuck = true; /* nobody reads the other end: the byte is lost */
            return;
        }
    }
    serial.stuck = false;
    serial_set(SERIAL_DATA, byte);
}

LOCAL void serial_drain_polled_locked(void)
{
    uint8_t byte;

    while (ring_get(&serial.ring, &byte))
        serial_put_polled_locked(byte);
}

LOCAL void serial_write_polled_locked(const char *text, size_t size)
{
    serial_drain_polled_locked();
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            serial_put_polled_locked('\r');
        serial_put_polled_locked((uint8_t)text[i]);
        serial.mid_line = text[i] != '\n';
    }
}

void serial_write_polled(const char *text, size_t size)
{
    if (!serial.present)
        return;
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    serial_write_polled_locked(text, size);
    spin_unlock_irq(&serial.lock, flags);
}

/* A log line begins on a line of its own, also in the middle of a program's output. */
LOCAL void serial_write_log(const char *text, size_t size)
{
    if (!serial.present)
        return;
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    if (serial.mid_line)
        serial_write_polled_locked("\n", 1);
    serial_write_polled_locked(text, size);
    spin_unlock_irq(&serial.lock, flags);
}

/* --- the tty's port ---------------------------------------------------------------------- */

LOCAL void serial_port_write(const uint8_t *bytes, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);

    (void)ring_write(&serial.ring, bytes, size); /* the caller asked for room() */
    if (size > 0)
        serial.mid_line = bytes[size - 1] != '\n' && (bytes[size - 1] != '\r' || serial.mid_line);
    serial_kick_locked();
    spin_unlock_irq(&serial.lock, flags);
}

LOCAL size_t serial_port_pending(void)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    size_t pending = ring_used(&serial.ring);
    spin_unlock_irq(&serial.lock, flags);
    return pending;
}

LOCAL size_t serial_port_room(void) { return SERIAL_RING_SIZE - serial_port_pending(); }

LOCAL void serial_port_flush(void)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    ring_clear(&serial.ring);
    spin_unlock_irq(&serial.lock, flags);
}

/* Bytes that are not fetched keep the FIFO full; then RTS (and QEMU) hold the sender back. */
LOCAL void serial_port_throttle(bool on)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    serial_enable_locked(SERIAL_ENABLE_RECEIVE | SERIAL_ENABLE_LINE_STATUS, !on);
    serial_set(SERIAL_MODEM_CONTROL, SERIAL_DTR | SERIAL_OUT2 | (on ? 0 : SERIAL_RTS));
    spin_unlock_irq(&serial.lock, flags);
}

static struct tty_port serial_port = {
    .name = "ttyS0", .write = serial_port_write, .room = serial_port_room, .pending = serial_port_pending,
    .flush = serial_port_flush, .throttle = serial_port_throttle,
};

/* --- interrupts -------------------------------------------------------------------------- */

/* Fetches a byte, if there is one. `is_break`: it is the zero byte that comes with a break, and no data. */
LOCAL bool serial_fetch(uint8_t *byte, bool *is_break)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    bool has_data = serial_status_locked() & SERIAL_STATUS_DATA;
    *byte = has_data ? serial_get(SERIAL_DATA) : 0;
    *is_break = has_data && *byte == 0 && serial.broken;
    if (*is_break)
        serial.broken = false;
    spin_unlock_irq(&serial.lock, flags);
    return has_data;
}

/* Fetches what has come, as far as the tty has room: the tty throttles before it is full. */
LOCAL void serial_receive(void)
{
    uint8_t bytes[64];
    size_t count = 0, room = MIN(tty_room(), sizeof(bytes));

    uint8_t byte;
    bool is_break;
    while (count < room && serial_fetch(&byte, &is_break)) {
        if (is_break) {
            (void)tty_receive(&serial_port, bytes, count);
            count = 0;
            if (!rescue_key_pressed())
                tty_receive_break();
        } else {
            bytes[count++] = byte;
        }
    }
    if (count > 0)
        (void)tty_receive(&serial_port, bytes, count);
}

LOCAL void serial_transmit(void)
{
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    serial_kick_locked();
    size_t pending = ring_used(&serial.ring);
    spin_unlock_irq(&serial.lock, flags);
    if (pending <= SERIAL_RING_SIZE / 2)
        tty_output_ready();
}

LOCAL bool serial_interrupt(void *argument)
{
    bool ours = false;

    /* Bounded: a sender that never pauses must not hold the CPU here. */
    for (unsigned rounds = 0; rounds < 16; rounds++) {
        uint8_t id = serial_get(SERIAL_INTERRUPT_ID);
        if (id & SERIAL_ID_NONE)
            return ours;
        ours = true;
        switch (id & SERIAL_ID_MASK) {
        case SERIAL_ID_RECEIVE:
        case SERIAL_ID_TIMEOUT:
        case SERIAL_ID_LINE_STATUS:
            serial_receive();
            break;
        case SERIAL_ID_TRANSMIT:
            serial_transmit();
            break;
        default: /* modem status: reading it acknowledges */
            (void)serial_get(SERIAL_MODEM_STATUS);
            break;
        }
        if (__atomic_load_n(&serial.broken, __ATOMIC_RELAXED))
            serial_receive();
    }
    /* The line is edge triggered: it has to fall, so that what is still to do raises it again. */
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    serial_set(SERIAL_INTERRUPT_ENABLE, 0);
    serial_set(SERIAL_INTERRUPT_ENABLE, serial.enabled);
    spin_unlock_irq(&serial.lock, flags);
    return ours;
}

/* --- set-up ------------------------------------------------------------------------------ */

LOCAL bool serial_probe(void)
{
    for (unsigned pattern = 0x5a; pattern <= 0xa5; pattern += 0xa5 - 0x5a) {
        serial_set(SERIAL_SCRATCH, (uint8_t)pattern);
        if (serial_get(SERIAL_SCRATCH) != pattern)
            return false;
    }
    return true;
}

void serial_init_early(void)
{
    static struct log_sink sink = { .name = "serial", .write = serial_write_log };

    if (!serial_probe())
        return;
    serial_set(SERIAL_INTERRUPT_ENABLE, 0);
    serial_set(SERIAL_LINE_CONTROL, SERIAL_DLAB);
    serial_set(SERIAL_DATA, 1); /* 115200 baud */
    serial_set(SERIAL_INTERRUPT_ENABLE, 0);
    serial_set(SERIAL_LINE_CONTROL, SERIAL_8N1);
    serial_set(SERIAL_FIFO_CONTROL, SERIAL_FIFO_SETUP);
    serial_set(SERIAL_MODEM_CONTROL, SERIAL_DTR | SERIAL_RTS | SERIAL_OUT2);
    serial.present = true;
    KASSERT(klog_add_sink(&sink) == 0);
}

bool serial_is_present(void) { return serial.present; }

void serial_init(void)
{
    if (!serial.present) {
        klog(LOG_INFO, "serial", "no 16550 at %#x", SERIAL_BASE);
        return;
    }
    int error = irq_register_isa(SERIAL_IRQ, "serial", serial_interrupt, NULL);
    if (error != 0) {
        klog(LOG_ERROR, "serial", "interrupt %d: error %d; output only", SERIAL_IRQ, -error);
        KASSERT(tty_attach(&serial_port) == 0);
        return;
    }
    serial.interrupts = true;
    KASSERT(tty_attach(&serial_port) == 0);
    irq_flags_t flags = spin_lock_irq(&serial.lock);
    serial_enable_locked(SERIAL_ENABLE_RECEIVE | SERIAL_ENABLE_LINE_STATUS, true);
    spin_unlock_irq(&serial.lock, flags);
    klog(LOG_INFO, "serial", "16550 at %#x, interrupt %d", SERIAL_BASE, SERIAL_IRQ);
}
