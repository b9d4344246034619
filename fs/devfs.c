/*
 * /dev and the table of device numbers. See devfs.h. The devices that are only
 * memory are in memory_devices.c.
 */
#include <fs/devfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/memory_devices.h>
#include <fs/pipe.h>
#include <fs/tmpfs.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/vfs.h>
#include <live/live.h>

struct device_entry {
    struct device_entry *next;
    uint32_t device;
    bool is_block;
    const struct file_ops *ops;
    void *private_data;
};

/* Entries are only added, in front: readers need no lock. */
static struct device_entry *devfs_devices;
static struct fs_context *devfs_context; /* relative names start in /dev */
static struct super *devfs_super;        /* the one instance, however often it is mounted */

static const struct super_ops devfs_super_ops = {
    .name = "devtmpfs", .status = tmpfs_super_status, .free = tmpfs_super_free
};

LOCAL int devfs_create(const char *source, const char *options, struct super **super)
{
    super_get(devfs_super);
    *super = devfs_super;
    return 0;
}

static struct file_system devfs_type = { .name = "devtmpfs", .create = devfs_create };

LOCAL const struct file_ops *devfs_find(uint32_t device, bool is_block, void **private_data)
{
    struct device_entry *entry = __atomic_load_n(&devfs_devices, __ATOMIC_ACQUIRE);
    for (; entry != NULL; entry = entry->next)
        if (entry->device == device && entry->is_block == is_block) {
            *private_data = entry->private_data;
            return entry->ops;
        }
    return NULL;
}

int devfs_register_number(uint32_t mode, uint32_t device, const struct file_ops *ops, void *private_data)
{
    void *existing;
    bool is_block = (mode & S_IFMT) == S_IFBLK;
    if (devfs_find(device, is_block, &existing) != NULL)
        return -EEXIST;
    /* The number stays for ever, and so does a live module that has its operations. */
    uint64_t module;
    int error = live_module_get_owner(ops, &module);
    if (error != 0)
        return error;
    struct device_entry *entry = kmalloc(sizeof(*entry));
    if (entry == NULL) {
        live_module_put(module);
        return -ENOMEM;
    }
    entry->device = device;
    entry->is_block = is_block;
    entry->ops = ops;
    entry->private_data = private_data;
    entry->next = devfs_devices;
    __atomic_store_n(&devfs_devices, entry, __ATOMIC_RELEASE);
    return 0;
}

int devfs_register(const char *name, uint32_t mode, uint32_t device, const struct file_ops *ops, void *private_data)
{
    int error = devfs_register_number(mode, device, ops, private_data);
    return error != 0 ? error : devfs_create_node(name, mode, device);
}

int devfs_create_node(const char *name, uint32_t mode, uint32_t device)
{
    int error = vfs_make_parents(devfs_context, name, 0755);
    return error != 0 ? error : vfs_create(devfs_context, NULL, name, mode, device);
}

int devfs_remove_node(const char *name) { return vfs_remove(devfs_context, NULL, name, false); }

int devfs_link(const char *name, const char *target)
{
    return vfs_symlink(devfs_context, target, NULL, name);
}

/* Mounts a new tmpfs at /dev and makes it the place where our names start. */
LOCAL int devfs_mount(void)
{
    struct path point;
    int error = vfs_create(devfs_context, NULL, "/dev", S_IFDIR | 0755, 0);
    if (error != 0 && error != -EEXIST)
        return error;
    error = path_walk(devfs_context, NULL, "/dev", WALK_DIRECTORY, &point);
    if (error != 0)
        return error;
    error = tmpfs_create_super(&devfs_super_ops, 0, &devfs_super);
    if (error == 0) {
        super_get(devfs_super); /* ours: it outlives being unmounted */
        __atomic_add_fetch(&devfs_super->mounts, 1, __ATOMIC_ACQ_REL);
        file_system_register(&devfs_type);
        error = mount_add(devfs_super, &point, "devtmpfs", 0);
    }
    path_put(&point);
    if (error == 0)
        error = path_walk(devfs_context, NULL, "/dev", WALK_DIRECTORY, &point);
    if (error == 0) {
        error = fs_context_set_cwd(devfs_context, &point);
        path_put(&point);
    }
    return error;
}

void devfs_init(void)
{
    static const struct { const char *name, *target; } links[] = {
        { "fd", "/proc/self/fd" },
        { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" },
        { "stderr", "/proc/self/fd/2" },
    };
    devfs_context = fs_context_create();
    if (devfs_context == NULL)
        panic("devfs: no memory");
    devfs_context->umask = 0;
    vfs_set_device_finder(devfs_find);
    vfs_set_fifo_ops(&fifo_ops);
    int error = devfs_mount();
    for (size_t i = 0; i < ARRAY_COUNT(links) && error == 0; i++)
        error = devfs_link(links[i].name, links[i].target);
    if (error == 0)
        error = vfs_create(devfs_context, NULL, "shm", S_IFDIR | 01777, 0);
    if (error == 0)
        error = vfs_create(devfs_context, NULL, "pts", S_IFDIR | 0755, 0);
    if (error == 0)
        error = memory_devices_register();
    if (error != 0)
        panic("devfs: cannot make /dev: error %d", error);
}
