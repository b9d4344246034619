/* Devices that are only memory. See memory_devices.h. */
#include <fs/memory_devices.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/devfs.h>
#include <kernel/random.h>
#include <kernel/sched/thread.h>
#include <kernel/proc/signal.h>

#define MEMORY_MAJOR 1 /* Linux, Documentation/admin-guide/devices.txt */

LOCAL isize_t null_read(struct file *file, struct io *io, file_off_t *position)
{
    return 0;
}

LOCAL isize_t null_write(struct file *file, struct io *io, file_off_t *position)
{
    size_t size = io_remaining(io);
    io->done += size;
    return (isize_t)size;
}

/* Piece by piece: a signal ends a read of gigabytes, and other threads run. */
LOCAL isize_t zero_read(struct file *file, struct io *io, file_off_t *position)
{
    int error = 0;
    while (io_remaining(io) > 0 && error == 0) {
        error = io_put_zeroes(io, MIN(io_remaining(io), 16 * PAGE_SIZE));
        if (error == 0 && signal_is_pending())
            error = -EINTR;
    }
    return io->done > 0 ? (isize_t)io->done : error;
}

LOCAL isize_t full_write(struct file *file, struct io *io, file_off_t *position)
{
    return -ENOSPC;
}

LOCAL isize_t random_read(struct file *file, struct io *io, file_off_t *position)
{
    uint8_t bytes[256];
    int error = 0;
    while (io_remaining(io) > 0 && error == 0) {
        size_t piece = MIN(io_remaining(io), sizeof(bytes));
        random_fill(bytes, piece);
        error = io_put(io, bytes, piece);
        if (error == 0 && signal_is_pending())
            error = -EINTR;
    }
    return io->done > 0 ? (isize_t)io->done : error;
}

/* These devices can be sought in, to no effect (Linux: null_lseek). */
LOCAL int memory_device_open(struct file *file)
{
    file->is_stream = false;
    return 0;
}

LOCAL isize_t memory_device_seek(struct file *file, file_off_t offset, int whence)
{
    return file->position = 0;
}

static const struct file_ops null_ops = {
    .name = "null", .read = null_read, .write = null_write, .open = memory_device_open, .seek = memory_device_seek
};
static const struct file_ops zero_ops = {
    .name = "zero", .read = zero_read, .write = null_write, .open = memory_device_open, .seek = memory_device_seek
};
static const struct file_ops full_ops = {
    .name = "full", .read = zero_read, .write = full_write, .open = memory_device_open, .seek = memory_device_seek
};
/* What is written to it is not needed as entropy. */
static const struct file_ops random_ops = {
    .name = "random", .read = random_read, .write = null_write, .open = memory_device_open,
    .seek = memory_device_seek
};

int memory_devices_register(void)
{
    static const struct { const char *name; uint32_t minor; const struct file_ops *ops; } devices[] = {
        { "null", 3, &null_ops },     { "zero", 5, &zero_ops },      { "full", 7, &full_ops },
        { "random", 8, &random_ops }, { "urandom", 9, &random_ops },
    };
    for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
        int error = devfs_register(devices[i].name, S_IFCHR | 0666, DEVICE_NUMBER(MEMORY_MAJOR, devices[i].minor),
                                   devices[i].ops, NULL);
        if (error != 0)
            return error;
    }
    return 0;
}
