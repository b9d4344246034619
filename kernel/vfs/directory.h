/* Help for read_directory operations. */
#ifndef KERNEL_VFS_DIRECTORY_H
#define KERNEL_VFS_DIRECTORY_H

#include <kernel/vfs/file.h>

typedef bool (*directory_emit_t)(void *context, const char *name, size_t length, uint64_t inode_number, uint8_t type,
                                 file_off_t next);

/* Positions below this are "." and ".."; a file system's own entries start here. */
#define DIRECTORY_FIRST 2

/* Emits "." and ".." where *position is still before them. False: the reader's buffer is full. */
bool directory_emit_dots(struct file *file, file_off_t *position, directory_emit_t emit, void *context);

/* DT_... of a mode. */
static inline uint8_t directory_type(uint32_t mode) { return (uint8_t)((mode >> 12) & 15); }

#endif
