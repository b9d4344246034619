/*
 * QEMU's firmware configuration device: named files handed in by the person who
 * starts the machine (docs/specs/fw_cfg.rst of QEMU).
 *
 *     size_t size;
 *     if (fw_cfg_find("opt/polyglot/host", &size))
 *         error = fw_cfg_read_phys("opt/polyglot/host", phys, size);
 *
 * Works from the first instruction of C on: uses no allocation, no lock and no
 * interrupt; the device moves the data by DMA. On a machine without the device
 * nothing is found. Context: boot and threads, one caller at a time.
 */
#ifndef DEV_FW_CFG_FW_CFG_H
#define DEV_FW_CFG_FW_CFG_H

#include <lib/types.h>

/* Is there such a file? Its size in bytes goes to *size. */
bool fw_cfg_find(const char *name, size_t *size);

/* The first `size` bytes of the file, to physical memory or to any address that virt_to_phys() knows and that is
 * physically contiguous. 0; -ENOENT; -EINVAL: the file is shorter; -EIO: the device reports an error. */
MUST_CHECK int fw_cfg_read_phys(const char *name, paddr_t destination, size_t size);
MUST_CHECK int fw_cfg_read(const char *name, void *destination, size_t size);

#endif
