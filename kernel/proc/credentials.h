/*
 * Who a process is for permission checks: credentials(7).
 *
 * The world and kernel threads are trusted: they have every right and no
 * credentials of their own that would be asked for (docs/limits.md).
 */
#ifndef KERNEL_PROC_CREDENTIALS_H
#define KERNEL_PROC_CREDENTIALS_H

#include <lib/types.h>

#define CREDENTIALS_MAX_GROUPS 32

struct credentials {
    uint32_t uid, gid, euid, egid, suid, sgid;
    uint32_t fsuid, fsgid; /* for files: the effective ones, unless setfsuid(2) said otherwise */
    uint32_t group_count; /* supplementary */
    uint32_t groups[CREDENTIALS_MAX_GROUPS];
};

/* Of the current ring-3 process, borrowed while it runs; NULL: trusted. */
const struct credentials *credentials_current(void);
/* May the caller do what only the superuser may? */
bool credentials_is_superuser(void);
/* The effective ids were set: those for files follow. */
void credentials_follow(struct credentials *credentials);
/* Is `group` its own for files or a supplementary one? */
bool credentials_has_group(const struct credentials *credentials, uint32_t group);

#endif
