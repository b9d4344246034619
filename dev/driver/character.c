/*
 * Entries in /dev of drivers that come and go.
 *
 * An open file points to a struct character, which is never freed: one per name that was ever used, with one device
 * number. Its state says whether a driver stands behind it. Each operation enters it (character_enter), calls the
 * driver's operation under a guard with a kernel buffer, and leaves. So a driver goes when nobody is inside, and
 * files that stay open find the next version, or ENODEV.
 */
#include <dev/driver/device.h>

#include <abi/constants.h>
#include <dev/driver/private.h>
#include <fs/devfs.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/time/time.h>
#include <kernel/vfs/file.h>
#include <kernel/vfs/poll.h>
#include <lib/string.h>

#define CHARACTER_CHUNK ((size_t)64 * 1024) /* bytes per call of a driver */
#define CHARACTER_PATIENCE (2 * NANOS_PER_SECOND)

enum character_state { CHARACTER_GONE, CHARACTER_CHANGING, CHARACTER_THERE };

struct character {
    struct character *next;       /* only added, in front */
    char name[DEVICE_NAME_SIZE];
    uint32_t number;
    struct wait_queue changed;    /* state, or the last one left */
    struct spinlock lock;
    /* lock */
    volatile uint32_t state;      /* enum character_state */
    volatile uint32_t inside;     /* operations in the driver */
    const struct device_ops *ops;
    void *context;
    struct device *device;        /* whose it is, or was last */
};

static struct character *characters;
static uint32_t character_count; /* driver_mutex */

/* --- entering --------------------------------------------------------------------- */

/* What an operation uses while it is inside. */
struct character_visit {
    const struct device_ops *ops;
    void *context;
    struct device *device;
};

LOCAL int character_enter(struct character *character, struct character_visit *visit)
{
    for (;;) {
        spin_lock(&character->lock);
        uint32_t state = character->state;
        if (state == CHARACTER_THERE) {
            character->inside++;
            *visit = (struct character_visit){ character->ops, character->context, character->device };
        }
        spin_unlock(&character->lock);
        if (state == CHARACTER_THERE)
            return 0;
        if (state == CHARACTER_GONE)
            return -ENODEV;
        int error = WAIT_EVENT(&character->changed, character->state != CHARACTER_CHANGING);
        if (error != 0)
            return error;
    }
}

LOCAL void character_leave(struct character *character)
{
    spin_lock(&character->lock);
    bool was_last = --character->inside == 0;
    spin_unlock(&character->lock);
    if (was_last)
        wait_queue_wake_all(&character->changed);
}

LOCAL int64_t character_call(struct character *character, int64_t (*function)(void *, struct device_request *),
                             void *context, struct device_request *request)
{
    uint64_t result = 0;
    if (!DRIVER_CALL_ONCE(function, context, request, &result, character->name))
        return -EFAULT;
    int64_t value = (int64_t)result;
    return value < 0 && !result_is_error(value) ? -EIO : value;
}

/* --- file operations -------------------------------------------------------------- */

/* One chunk: between the caller's memory and the driver by way of a kernel buffer. */
LOCAL isize_t character_transfer(struct file *file, struct io *io, file_off_t *position, bool is_write)
{
    struct character *character = file->private_data;
    struct device_request request = { .size = MIN(io_remaining(io), CHARACTER_CHUNK), .flags = file->flags,
                                      .position = file->is_stream ? 0 : *position };
    request.buffer = kzalloc(MAX(request.size, (size_t)1));
    if (request.buffer == NULL)
        return -ENOMEM;
    size_t size = request.size;
    isize_t result = is_write ? io_get(io, request.buffer, size) : 0;
    if (is_write && result == 0)
        io->done -= size; /* counted below, as far as the driver took it */
    struct character_visit visit;
    void *buffer = request.buffer;
    if (result == 0)
        result = character_enter(character, &visit);
    if (result == 0) {
        int64_t (*function)(void *, struct device_request *) = is_write ? visit.ops->write : visit.ops->read;
        result = function == NULL ? -EINVAL : character_call(character, function, visit.context, &request);
        character_leave(character);
        if (result > (isize_t)size)
            result = -EIO; /* a driver that claims more than there is room for */
    }
    if (result > 0 && is_write)
        io->done += (size_t)result;
    int error = result > 0 && !is_write ? io_put(io, buffer, (size_t)result) : 0;
    if (result > 0 && error == 0 && !file->is_stream)
        *position += result;
    kfree(buffer);
    return error != 0 ? error : result;
}

LOCAL isize_t character_read(struct file *file, struct io *io, file_off_t *position)
{
    return character_transfer(file, io, position, false);
}

LOCAL isize_t character_write(struct file *file, struct io *io, file_off_t *position)
{
    isize_t result;
    do {
        result = character_transfer(file, io, position, true);
    } while (result > 0 && io_remaining(io) > 0);
    return io->done > 0 ? (isize_t)io->done : result;
}

LOCAL isize_t character_control(struct file *file, uint32_t command, uint64_t argument)
{
    struct character *character = file->private_data;
    struct character_visit visit;
    isize_t result = character_enter(character, &visit);
    if (result != 0)
        return result;
    struct device_request request = { .flags = file->flags, .command = command, .argument = argument };
    result = visit.ops->control == NULL ? -ENOTTY
                                        : character_call(character, visit.ops->control, visit.context, &request);
    character_leave(character);
    return result;
}

LOCAL uint32_t character_poll(struct file *file, struct poll_table *table)
{
    struct character *character = file->private_data;
    struct character_visit visit;
    poll_wait(table, &character->changed);
    if (character->state != CHARACTER_THERE || character_enter(character, &visit) != 0)
        return POLL_ERR | POLL_HUP;
    poll_wait(table, &visit.device->queue);
    struct device_request request = { .flags = file->flags };
    uint64_t ready = POLL_IN | POLL_OUT;
    if (visit.ops->poll != NULL && !DRIVER_CALL_ONCE(visit.ops->poll, visit.context, &request, &ready, character->name))
        ready = POLL_ERR;
    character_leave(character);
    return (uint32_t)ready;
}

LOCAL int character_open(struct file *file)
{
    struct character *character = file->private_data;
    struct character_visit visit;
    int error = character_enter(character, &visit);
    if (error != 0)
        return error;
    struct device_request request = { .flags = file->flags };
    file->is_stream = !visit.ops->is_seekable;
    if (visit.ops->open != NULL)
        error = (int)MIN(character_call(character, visit.ops->open, visit.context, &request), 0);
    character_leave(character);
    return error;
}

static const struct file_ops character_ops = {
    .name = "device", .read = character_read, .write = character_write, .ioctl = character_control,
    .poll = character_poll, .open = character_open,
};

/* --- coming and going: driver_mutex held ---------------------------------------------- */

LOCAL struct character *character_find(const char *name)
{
    struct character *character = characters;
    while (character != NULL && strcmp(character->name, name) != 0)
        character = character->next;
    return character;
}

LOCAL int character_new(const char *name, struct character **result)
{
    struct character *character = kzalloc(sizeof *character);
    if (character == NULL)
        return -ENOMEM;
    strlcpy(character->name, name, sizeof character->name);
    character->number = DEVICE_NUMBER(DEVICE_MAJOR_CHARACTER, character_count);
    wait_queue_init(&character->changed, "device entry");
    spin_init(&character->lock, "device entry", LOCK_RANK_LEAF);
    int error = devfs_register_number(S_IFCHR, character->number, &character_ops, character);
    if (error != 0) {
        kfree(character);
        return error;
    }
    character_count++;
    character->next = characters;
    characters = character;
    *result = character;
    return 0;
}

LOCAL void character_set_state(struct character *character, enum character_state state)
{
    spin_lock(&character->lock);
    character->state = state;
    spin_unlock(&character->lock);
    wait_queue_wake_all(&character->changed);
}

int device_create(struct device *device, const char *name, uint32_t mode, const struct device_ops *ops, void *context)
{
    if (!device->probing)
        return -EPERM;
    if (name == NULL || ops == NULL || name[0] == 0 || name[0] == '/' || strlen(name) >= DEVICE_NAME_SIZE)
        return -EINVAL;
    mode = S_IFCHR | (mode & 0777);
    struct character *character = character_find(name);
    int error = character == NULL ? character_new(name, &character) : 0;
    if (error != 0)
        return error;
    if (character->state == CHARACTER_THERE || (character->state == CHARACTER_CHANGING && character->device != device))
        error = -EEXIST;
    else if (character->state == CHARACTER_GONE)
        error = devfs_create_node(name, mode, character->number);
    if (error != 0)
        return error;
    spin_lock(&character->lock);
    character->ops = ops;
    character->context = context;
    character->device = device;
    spin_unlock(&character->lock);
    character_set_state(character, CHARACTER_THERE);
    return 0;
}

LOCAL void character_remove(struct character *character)
{
    character_set_state(character, CHARACTER_GONE);
    int error = devfs_remove_node(character->name);
    if (error != 0 && error != -ENOENT) /* somebody removed it by hand */
        klog(LOG_WARNING, "driver", "/dev/%s cannot be removed: error %d", character->name, error);
}

void character_close(struct device *device, bool replaced)
{
    for (struct character *character = characters; character != NULL; character = character->next) {
        if (character->device != device || character->state != CHARACTER_THERE)
            continue;
        if (replaced)
            character_set_state(character, CHARACTER_CHANGING);
        else
            character_remove(character);
    }
}

void character_forget(struct device *device)
{
    for (struct character *character = characters; character != NULL; character = character->next)
        if (character->device == device && character->state == CHARACTER_CHANGING)
            character_remove(character);
}

LOCAL bool character_wait_empty(struct character *character, nanos_t deadline)
{
    while (character->inside > 0 && clock_monotonic() < deadline)
        (void)WAIT_EVENT_(&character->changed, character->inside == 0, deadline, false);
    return character->inside == 0;
}

void character_drain_briefly(struct device *device)
{
    nanos_t deadline = clock_monotonic() + CHARACTER_PATIENCE;
    for (struct character *character = characters; character != NULL; character = character->next)
        if (character->device == device)
            (void)character_wait_empty(character, deadline);
}

void character_drain(struct device *device)
{
    for (struct character *character = characters; character != NULL; character = character->next)
        while (character->device == device && !character_wait_empty(character, clock_monotonic() + 5 * CHARACTER_PATIENCE))
            klog(LOG_WARNING, "driver", "%s: waits for %u operations on /dev/%s to end", device->name, character->inside,
                 character->name);
}
