/*
 * /dev: a tmpfs whose device nodes lead to registered drivers.
 *
 *     devfs_register("ttyS0", S_IFCHR | 0620, DEVICE_NUMBER(4, 64), &tty_file_ops, tty);
 *
 * open() of a node with that number, here or made by mknod(2) elsewhere, gives a
 * file with these operations and file->private_data = private_data. A character
 * device is a stream (file->is_stream) unless its open operation says otherwise.
 */
#ifndef FS_DEVFS_H
#define FS_DEVFS_H

#include <kernel/vfs/inode.h>

/* Boot step, after vfs_init(): makes device nodes and FIFOs usable, mounts /dev with the memory devices, links to /proc/self/fd, and /dev/shm. */
void devfs_init(void);

/*
 * Registers a driver and makes its node. `name` may have directories ("pts/0").
 * `mode`: S_IFCHR or S_IFBLK, and permissions. A driver may register several
 * numbers; a number stays for ever. 0, -EEXIST, -ENOMEM, -EBUSY (live_module_get_owner() of the operations).
 * Context: threads, after devfs_init().
 */
MUST_CHECK int devfs_register(const char *name, uint32_t mode, uint32_t device, const struct file_ops *ops,
                              void *private_data);

/* The two halves of it, for nodes that come and go. The number: 0, -EEXIST, -ENOMEM. The node, and its end (open files go
 * on): 0 or -E... of mknod(2), unlink(2). */
MUST_CHECK int devfs_register_number(uint32_t mode, uint32_t device, const struct file_ops *ops, void *private_data);
MUST_CHECK int devfs_create_node(const char *name, uint32_t mode, uint32_t device);
MUST_CHECK int devfs_remove_node(const char *name);

/* A symbolic link in /dev. */
MUST_CHECK int devfs_link(const char *name, const char *target);

#endif
