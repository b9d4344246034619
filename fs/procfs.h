/* /proc (proc(5)), as far as programs look: processes, memory, CPU, boot steps, settings. */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

/* Boot step, after devfs_init(): mounts /proc. */
void procfs_init(void);

#endif
