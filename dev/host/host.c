/* The channel to the host; see host.h. */
#include <dev/host/host.h>

#include <abi/constants.h>
#include <arch/x86_64/io.h>
#include <dev/fw_cfg/fw_cfg.h>
#include <fs/devfs.h>
#include <kernel/log.h>
#include <kernel/vfs/file.h>
#include <lib/printf.h>

#define HOST_OUTPUT_PORT 0x404
#define HOST_ERROR_PORT 0x405
#define HOST_STATUS_PORT 0x406
#define HOST_EXIT_PORT 0xf4 /* isa-debug-exit */

#define HOST_CHUNK 512

LOCAL void host_send(uint16_t port, const void *bytes, size_t size)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(size) : "d"(port) : "memory");
}

bool host_is_present(void)
{
    static enum { HOST_UNKNOWN, HOST_ABSENT, HOST_PRESENT } state;

    if (state == HOST_UNKNOWN) {
        size_t size;
        state = fw_cfg_find("opt/polyglot/exec", &size) ? HOST_PRESENT : HOST_ABSENT;
    }
    return state == HOST_PRESENT;
}

/* --- /dev/hostout, /dev/hosterr ---------------------------------------------------------- */

static uint16_t host_output_port = HOST_OUTPUT_PORT, host_error_port = HOST_ERROR_PORT;

LOCAL isize_t host_write(struct file *file, struct io *io, file_off_t *position)
{
    const uint16_t *port = file->private_data;
    uint8_t chunk[HOST_CHUNK];

    while (io_remaining(io) > 0) {
        size_t count = MIN(io_remaining(io), sizeof(chunk));
        int error = io_get(io, chunk, count);
        if (error != 0)
            return io->done > 0 ? (isize_t)io->done : error;
        host_send(*port, chunk, count);
    }
    return (isize_t)io->done;
}

/* Nothing ever comes from there. */
LOCAL isize_t host_read(struct file *file, struct io *io, file_off_t *position) { return 0; }

void host_init(void)
{
    static const struct file_ops ops = { .name = "host", .read = host_read, .write = host_write };
    static const struct { const char *name; uint16_t *port; } devices[] = {
        { "hostout", &host_output_port }, { "hosterr", &host_error_port },
    };

    if (!host_is_present())
        return;
    for (uint32_t i = 0; i < ARRAY_COUNT(devices); i++) {
        int error = devfs_register(devices[i].name, S_IFCHR | 0600, DEVICE_NUMBER(DEVICE_MAJOR_HOST, i), &ops, devices[i].port);
        if (error != 0)
            klog(LOG_ERROR, "host", "/dev/%s: error %d", devices[i].name, -error);
    }
}

void host_report_status(int status)
{
    char text[16];

    if (host_is_present())
        host_send(HOST_STATUS_PORT, text, (size_t)ksnprintf(text, sizeof(text), "%d\n", status));
}

void host_write_error(const char *text, size_t size)
{
    if (host_is_present())
        host_send(HOST_ERROR_PORT, text, size);
}

void host_debug_exit(uint32_t value) { io_out32(HOST_EXIT_PORT, value); }
