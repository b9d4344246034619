/* Unpacks a cpio archive (newc) from memory into the tree. */
#ifndef FS_INITRAMFS_H
#define FS_INITRAMFS_H

#include <lib/types.h>

/*
 * Makes what `archive` describes below the directory `below` ("/" or "/host"),
 * which is created when it is missing; files that exist are replaced. Names are
 * relative to it whatever they look like: a leading slash is ignored, and a name
 * with ".." is refused. `archive` (in the direct map) must stay for ever and
 * unchanged: whole pages of page-aligned data are used in place (fs/tmpfs.h says
 * when), so 300 MB take the time of their headers.
 *
 * 0, or -EINVAL (damaged; everything before the damage is there), -ENOSPC,
 * -ENOTDIR, ...; the log says at which entry. Context: threads.
 */
MUST_CHECK int initramfs_unpack(const void *archive, size_t size, const char *below);

#endif
