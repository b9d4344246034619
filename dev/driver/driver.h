/*
 * Drivers and devices: who drives what.
 *
 *     static const struct device_match edu_match[] = { PCI_MATCH(0x1234, 0x11e8), MATCH_END };
 *     DRIVER(edu, edu_match, edu_probe, edu_remove);
 *
 * DRIVER() puts a driver into section .drivers. The kernel's own are registered at boot, those of a live module
 * (any that can define such a table: the same line typed at the prompt) when it is loaded, and unregistered before
 * it is unloaded. Buses (dev/pci, platform_device_add()) bring devices; each device that matches a driver and has none
 * is bound: probe(device) -> 0, or -E... when it does not want it (-ENODEV) or cannot (logged). At the end remove(device)
 * (may be NULL) stops the device; what the driver took through dev/driver/device.h (interrupt, windows, /dev entries,
 * memory) is given back by the core after that, also when probe failed or faulted.
 *
 * A driver of a registered name replaces that one: its devices are unbound from the old version and bound to the new one;
 * when the new probe() fails they go back to the old. Processes that have /dev entries open wait meanwhile and go on with
 * the new version's entry of that name. A single function of a live driver is replaced without any of this by defining it again.
 *
 * Calls into a live driver are guarded: a fault in probe() is -EFAULT, in an interrupt handler it disables the handler. An
 * operation of a /dev entry that faults is EFAULT for the process and switched off (EFAULT, too) until that function is defined anew.
 *
 * Context: threads that hold no lock. probe() and remove() run under driver_mutex (LOCK_RANK_DRIVER), and may sleep.
 * Left out: hot-plug, power management, more than one driver for a device.
 */
#ifndef DEV_DRIVER_DRIVER_H
#define DEV_DRIVER_DRIVER_H

#include <lib/types.h>

struct device;

enum device_bus {
    DEVICE_BUS_NONE = 0,
    DEVICE_BUS_PCI = 1,
    DEVICE_BUS_PLATFORM = 2, /* what every PC has at fixed ports, by name */
    DEVICE_BUS_VIRTUAL = 3   /* no hardware: the device is made when a driver for its name is registered */
};

/* One kind of device that a driver wants. */
struct device_match {
    uint32_t bus;               /* enum device_bus; NONE ends the table */
    uint16_t vendor, product;   /* PCI; 0xffff: any */
    uint32_t class_code, class_mask; /* PCI: (device's class_code & class_mask) == class_code */
    const char *name;           /* the other buses */
};

#define PCI_MATCH(vendor_id, device_id) { 1 /* DEVICE_BUS_PCI */, (vendor_id), (device_id), 0, 0, 0 }
#define PCI_CLASS_MATCH(code, mask)     { 1, 0xffff, 0xffff, (code), (mask), 0 } /* 24 bits: class, subclass, interface */
#define PLATFORM_MATCH(device_name)     { 2 /* DEVICE_BUS_PLATFORM */, 0, 0, 0, 0, (device_name) }
#define VIRTUAL_MATCH(device_name)      { 3 /* DEVICE_BUS_VIRTUAL */, 0, 0, 0, 0, (device_name) }
#define MATCH_END                       { 0, 0, 0, 0, 0, 0 }

struct driver {
    const char *name;
    const struct device_match *match;
    int (*probe)(struct device *device);
    void (*remove)(struct device *device); /* NULL: nothing to do */
};

#define DRIVER(driver_name, match_table, probe_function, remove_function)               \
    static const struct driver driver_##driver_name = {                                 \
        #driver_name, match_table, probe_function, remove_function                      \
    };                                                                                  \
    static const struct driver *const driver_entry_##driver_name KEEP SECTION(".drivers") = &driver_##driver_name

/* Boot step: registers the kernel's own drivers. After the buses and devfs_init(). */
void driver_init(void);

/* `owner`: id of the live module that has it, which is held meanwhile; 0: the kernel. The structure stays the caller's and must
 * live until it is unregistered. 0 (also when no device wants it), -EINVAL, -ENOMEM; for a replacement the error of the new probe(), the old
 * version is in force then. */
MUST_CHECK int driver_register(const struct driver *driver, uint64_t owner);
/* Unbinds its devices. Does nothing when it is not registered (any more: it was replaced). */
void driver_unregister(const struct driver *driver);

/* For reports, which may hold any mutex: visits all devices, under a spinlock. `driver`: name, "" when there is none. */
void driver_for_each_device(void (*visit)(struct device *device, const char *driver, void *context), void *context);

#endif
