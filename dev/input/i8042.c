/* PS/2 keyboard; see keyboard.h. Commands: IBM PS/2 Hardware Interface Technical Reference, keyboard and auxiliary
 * device controller. */
#include <dev/tty/rescue.h>
#include <dev/input/keyboard.h>

#include <abi/errno.h>
#include <arch/x86_64/io.h>
#include <arch/x86_64/irq.h>
#include <dev/console/console.h>
#include <dev/input/scan_codes.h>
#include <kernel/log.h>
#include <kernel/main.h>

#define I8042_DATA 0x60
#define I8042_STATUS 0x64  /* read */
#define I8042_COMMAND 0x64 /* write */
#define I8042_IRQ 1
#define I8042_POLL_LIMIT 20000 /* reads of a port, about 1 us each: commands take below 20 ms */

#define I8042_STATUS_OUTPUT 0x01 /* a byte to read */
#define I8042_STATUS_INPUT 0x02  /* our last byte is not taken yet */
#define I8042_STATUS_AUXILIARY 0x20 /* the byte is the mouse's */

#define I8042_READ_SETTINGS 0x20
#define I8042_WRITE_SETTINGS 0x60
#define I8042_DISABLE_AUXILIARY 0xa7
#define I8042_DISABLE_KEYBOARD 0xad
#define I8042_ENABLE_KEYBOARD 0xae

#define I8042_SETTING_INTERRUPT 0x01
#define I8042_SETTING_AUXILIARY_INTERRUPT 0x02
#define I8042_SETTING_KEYBOARD_OFF 0x10
#define I8042_SETTING_AUXILIARY_OFF 0x20
#define I8042_SETTING_TRANSLATE 0x40 /* scan codes become set 1 */

#define KEYBOARD_SET_LEDS 0xed
#define KEYBOARD_ENABLE 0xf4
#define KEYBOARD_SET_DEFAULTS 0xf6
#define KEYBOARD_SYSRQ 0x54 /* PrintScreen with Alt: a key of its own, the kernel's */
#define KEYBOARD_ACKNOWLEDGE 0xfa
#define KEYBOARD_RESEND 0xfe

/* Touched by the interrupt handler only, once it is registered. */
static struct {
    struct keyboard keyboard;
    uint8_t leds_shown;
    enum { LEDS_IDLE, LEDS_COMMAND_SENT, LEDS_VALUE_SENT } leds_state;
} i8042;

/* False: the controller does not take bytes. */
LOCAL bool i8042_write(uint16_t port, uint8_t value)
{
    for (uint32_t limit = I8042_POLL_LIMIT; io_in8(I8042_STATUS) & I8042_STATUS_INPUT; limit--)
        if (limit == 0)
            return false;
    io_out8(port, value);
    return true;
}

/* The next byte, or -1. */
LOCAL int i8042_read(void)
{
    for (uint32_t limit = I8042_POLL_LIMIT; limit > 0; limit--)
        if (io_in8(I8042_STATUS) & I8042_STATUS_OUTPUT)
            return io_in8(I8042_DATA);
    return -1;
}

LOCAL void i8042_flush(void)
{
    for (unsigned limit = 64; limit > 0 && (io_in8(I8042_STATUS) & I8042_STATUS_OUTPUT); limit--)
        (void)io_in8(I8042_DATA);
}

/* A command to the keyboard, before the interrupt is on; keys pressed meanwhile are lost. */
LOCAL bool i8042_command_keyboard(uint8_t command)
{
    if (!i8042_write(I8042_DATA, command))
        return false;
    for (unsigned tries = 16; tries > 0; tries--) {
        int answer = i8042_read();
        if (answer == KEYBOARD_ACKNOWLEDGE)
            return true;
        if (answer < 0)
            return false;
    }
    return false;
}

/* The lights follow the locks: a command and a value, each acknowledged in an interrupt of its own. */
LOCAL void i8042_update_leds(void)
{
    if (i8042.leds_state == LEDS_IDLE && i8042.leds_shown != i8042.keyboard.leds &&
        i8042_write(I8042_DATA, KEYBOARD_SET_LEDS))
        i8042.leds_state = LEDS_COMMAND_SENT;
}

LOCAL void i8042_acknowledged(void)
{
    if (i8042.leds_state == LEDS_COMMAND_SENT) {
        i8042.leds_shown = i8042.keyboard.leds;
        i8042.leds_state = i8042_write(I8042_DATA, i8042.leds_shown) ? LEDS_VALUE_SENT : LEDS_IDLE;
    } else {
        i8042.leds_state = LEDS_IDLE;
    }
}

LOCAL void i8042_handle_byte(uint8_t byte)
{
    uint8_t out[KEYBOARD_MAX_OUTPUT];

    if (byte == KEYBOARD_SYSRQ) {
        (void)rescue_key_pressed();
    } else if (byte == KEYBOARD_ACKNOWLEDGE) {
        i8042_acknowledged();
    } else if (byte == KEYBOARD_RESEND) {
        i8042.leds_state = LEDS_IDLE;
        i8042.leds_shown = i8042.keyboard.leds; /* it has no lights: not tried again until a lock changes */
    } else {
        size_t size = keyboard_translate(&i8042.keyboard, byte, console_has_application_keys(), out);
        if (size > 0)
            (void)console_receive(out, size);
        else if (i8042.keyboard.command != KEYBOARD_NO_COMMAND)
            console_scroll(i8042.keyboard.command == KEYBOARD_SCROLL_BACK);
    }
    i8042_update_leds();
}

LOCAL bool i8042_interrupt(void *argument)
{
    bool ours = false;

    for (unsigned limit = 32; limit > 0; limit--) {
        uint8_t status = io_in8(I8042_STATUS);
        if (!(status & I8042_STATUS_OUTPUT))
            break;
        uint8_t byte = io_in8(I8042_DATA);
        ours = true;
        if (!(status & I8042_STATUS_AUXILIARY))
            i8042_handle_byte(byte);
    }
    return ours;
}

LOCAL bool i8042_write_settings(int settings)
{
    return i8042_write(I8042_COMMAND, I8042_WRITE_SETTINGS) && i8042_write(I8042_DATA, (uint8_t)settings);
}

/* Brings controller and keyboard to a known state, interrupt off. Returns the settings in use, or -1: they do not
 * answer. */
LOCAL int i8042_setup(void)
{
    if (io_in8(I8042_STATUS) == 0xff) /* nothing decodes the port */
        return -1;
    if (!i8042_write(I8042_COMMAND, I8042_DISABLE_KEYBOARD) || !i8042_write(I8042_COMMAND, I8042_DISABLE_AUXILIARY))
        return -1;
    i8042_flush();
    if (!i8042_write(I8042_COMMAND, I8042_READ_SETTINGS))
        return -1;
    int settings = i8042_read();
    if (settings < 0)
        return -1;
    settings &= ~(I8042_SETTING_AUXILIARY_INTERRUPT | I8042_SETTING_KEYBOARD_OFF | I8042_SETTING_INTERRUPT);
    settings |= I8042_SETTING_TRANSLATE | I8042_SETTING_AUXILIARY_OFF;
    if (!i8042_write_settings(settings) || !i8042_write(I8042_COMMAND, I8042_ENABLE_KEYBOARD))
        return -1;
    if (!i8042_command_keyboard(KEYBOARD_SET_DEFAULTS) || !i8042_command_keyboard(KEYBOARD_ENABLE))
        return -1;
    return settings;
}

void keyboard_init(void)
{
    char name[16] = "us";
    (void)boot_option("keymap", name, sizeof(name)); /* not given: the name stays */
    const struct keymap *keymap = keymap_find(name);

    if (keymap == NULL) {
        klog(LOG_WARNING, "keyboard", "no layout is called '%s'; using us", name);
        keymap = keymap_find("us");
    }
    keyboard_reset(&i8042.keyboard, keymap);
    int settings = i8042_setup();
    if (settings < 0) {
        klog(LOG_INFO, "keyboard", "no PS/2 keyboard");
        return;
    }
    int error = irq_register_isa(I8042_IRQ, "keyboard", i8042_interrupt, NULL);
    if (error == 0 && !i8042_write_settings(settings | I8042_SETTING_INTERRUPT))
        error = -EIO;
    if (error != 0)
        klog(LOG_ERROR, "keyboard", "interrupt %d: error %d", I8042_IRQ, -error);
    else
        klog(LOG_INFO, "keyboard", "PS/2, layout %s", keymap->name);
}
