/* The table of drivers, and who is bound to what. See driver.h. */
#include <dev/driver/driver.h>

#include <abi/errno.h>
#include <dev/driver/device.h>
#include <dev/driver/driver_table.h>
#include <dev/driver/private.h>
#include <dev/pci/pci.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/lock.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/guard.h>
#include <live/live.h>

#define DRIVER_MAX_MATCHES 256 /* a table without its end is found out */

/* A registered driver. */
struct driver_entry {
    struct list link; /* driver_entries */
    const struct driver *driver;
    uint64_t owner;   /* live module; 0: the kernel */
    char name[DEVICE_NAME_SIZE];
};

static struct mutex driver_mutex = MUTEX_INIT(driver_mutex, "drivers", LOCK_RANK_DRIVER);
/* What reports read: the list of devices, which only grows, and the names of their drivers. */
static struct spinlock driver_report_lock = SPINLOCK_INIT("driver names", LOCK_RANK_LEAF);
/* driver_mutex */
static struct list driver_entries = LIST_INIT(driver_entries);
static struct list driver_devices = LIST_INIT(driver_devices);

bool driver_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result, const char *what)
{
    return live_guarded_call(function, a, b, result, what) == LIVE_FAULT_NONE;
}

bool driver_call_once(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result, const char *what)
{
    uint64_t address = (uint64_t)(uintptr_t)function;
    if (!live_call_is_needed(address)) {
        *result = function(a, b);
        return true;
    }
    if (live_call_is_off(address))
        return false;
    if (driver_call(function, a, b, result, what))
        return true;
    live_call_switch_off(address);
    klog(LOG_ERROR, "driver", "%s: that operation is switched off until it is defined anew; it fails with EFAULT", what);
    return false;
}

/* `entry` NULL: none. */
LOCAL void driver_set(struct device *device, struct driver_entry *entry)
{
    device->driver = entry;
    spin_lock(&driver_report_lock);
    strlcpy(device->driver_name, entry != NULL ? entry->name : "", sizeof device->driver_name);
    spin_unlock(&driver_report_lock);
}

LOCAL void driver_list_device(struct device *device)
{
    spin_lock(&driver_report_lock);
    list_append(&driver_devices, &device->link);
    spin_unlock(&driver_report_lock);
}

/* --- one binding -------------------------------------------------------------------- */

LOCAL bool driver_match_fits(const struct device_match *match, const struct device *device)
{
    if (match->bus != device->bus)
        return false;
    if (match->bus != DEVICE_BUS_PCI)
        return match->name != NULL && strcmp(match->name, device->name) == 0;
    return (match->vendor == 0xffff || match->vendor == device->pci.vendor)
        && (match->product == 0xffff || match->product == device->pci.product)
        && (device->pci.class_code & match->class_mask) == match->class_code;
}

LOCAL bool driver_wants(const struct driver *driver, const struct device *device)
{
    for (size_t i = 0; driver->match[i].bus != DEVICE_BUS_NONE; i++)
        if (driver_match_fits(&driver->match[i], device))
            return true;
    return false;
}

/* What is the end of each binding, after remove() or a probe() that failed. */
LOCAL void driver_end_binding(struct device *device)
{
    character_drain(device);
    device_release_resources(device);
    driver_set(device, NULL);
    device->driver_data = NULL;
    device->leaving = false;
}

LOCAL int driver_bind(struct driver_entry *entry, struct device *device)
{
    uint64_t result = 0;
    driver_set(device, entry);
    device->probing = true;
    int error = DRIVER_CALL(entry->driver->probe, device, 0, &result, entry->name) ? (int)result : -EFAULT;
    device->probing = false;
    device->probe_error = error > 0 ? -EINVAL : error;
    if (error == 0) {
        klog(LOG_INFO, "driver", "%s: driver %s", device->name, entry->name);
        return 0;
    }
    if (error != -ENODEV)
        klog(LOG_ERROR, "driver", "%s: driver %s failed: error %d", device->name, entry->name, error);
    device->leaving = true;
    character_close(device, device->previous != NULL);
    device_wake(device);
    driver_end_binding(device);
    return device->probe_error;
}

LOCAL void driver_unbind(struct device *device, bool replaced)
{
    struct driver_entry *entry = device->driver;
    device->leaving = true;
    character_close(device, replaced);
    device_wake(device);
    character_drain_briefly(device);
    if (entry->driver->remove != NULL && !DRIVER_CALL(entry->driver->remove, device, 0, NULL, entry->name))
        klog(LOG_ERROR, "driver", "%s: driver %s faulted at its end; what it held is given back", device->name, entry->name);
    driver_end_binding(device);
    klog(LOG_INFO, "driver", "%s: driver %s %s", device->name, entry->name, replaced ? "makes room" : "is gone");
}

/* --- registration: all with driver_mutex held -------------------------------------------- */

LOCAL struct driver_entry *driver_find(const char *name)
{
    list_for_each(node, &driver_entries) {
        struct driver_entry *entry = container_of(node, struct driver_entry, link);
        if (strncmp(entry->name, name, sizeof entry->name - 1) == 0)
            return entry;
    }
    return NULL;
}

/* Binds what has no driver. */
LOCAL void driver_offer_devices(struct driver_entry *entry)
{
    list_for_each(node, &driver_devices) {
        struct device *device = container_of(node, struct device, link);
        if (device->driver == NULL && driver_wants(entry->driver, device))
            (void)driver_bind(entry, device);
    }
}

LOCAL bool driver_has_device(enum device_bus bus, const char *name)
{
    list_for_each(node, &driver_devices) {
        const struct device *device = container_of(node, struct device, link);
        if (device->bus == bus && strcmp(device->name, name) == 0)
            return true;
    }
    return false;
}

LOCAL int driver_new_device(enum device_bus bus, const char *name)
{
    if (name == NULL || name[0] == 0 || strlen(name) >= DEVICE_NAME_SIZE)
        return -EINVAL;
    if (driver_has_device(bus, name))
        return 0;
    struct device *device = kzalloc(sizeof *device);
    if (device == NULL)
        return -ENOMEM;
    device_init(device, bus, name);
    driver_list_device(device);
    return 0;
}

LOCAL int driver_make_virtual_devices(const struct driver *driver)
{
    int error = 0;
    for (size_t i = 0; driver->match[i].bus != DEVICE_BUS_NONE && error == 0; i++)
        if (driver->match[i].bus == DEVICE_BUS_VIRTUAL)
            error = driver_new_device(DEVICE_BUS_VIRTUAL, driver->match[i].name);
    return error;
}

/* Binds again all devices that were `from`'s; the first error ends it. */
LOCAL int driver_take_over(struct driver_entry *entry, const struct driver_entry *from)
{
    list_for_each(node, &driver_devices) {
        struct device *device = container_of(node, struct device, link);
        if (device->previous != from || !driver_wants(entry->driver, device))
            continue;
        int error = driver_bind(entry, device);
        if (error != 0)
            return error;
    }
    return 0;
}

/* `entry` takes the place of `old`, which is off the list then; or an error, and all is as before. */
LOCAL int driver_replace(struct driver_entry *old, struct driver_entry *entry)
{
    list_for_each(node, &driver_devices) {
        struct device *device = container_of(node, struct device, link);
        if (device->driver != old)
            continue;
        device->previous = old;
        driver_unbind(device, true);
    }
    list_insert_after(&old->link, &entry->link);
    list_remove(&old->link);
    int error = driver_take_over(entry, old);
    if (error != 0) {
        list_for_each(node, &driver_devices) {
            struct device *device = container_of(node, struct device, link);
            if (device->driver == entry)
                driver_unbind(device, true);
        }
        list_insert_after(&entry->link, &old->link);
        list_remove(&entry->link);
        if (driver_take_over(old, old) != 0)
            klog(LOG_ERROR, "driver", "%s: the old version does not want its device back either", old->name);
        else
            klog(LOG_WARNING, "driver", "%s: the new version failed (error %d); the old one goes on", old->name, error);
    }
    list_for_each(node, &driver_devices) {
        struct device *device = container_of(node, struct device, link);
        if (device->previous == old) {
            device->previous = NULL;
            character_forget(device);
        }
    }
    return error;
}

/* Off the list. Its module may go then; driver_mutex is not held. */
LOCAL void driver_free_entry(struct driver_entry *entry)
{
    if (entry == NULL)
        return;
    live_module_put(entry->owner);
    kfree(entry);
}

LOCAL bool driver_is_sound(const struct driver *driver)
{
    if (driver == NULL || driver->name == NULL || driver->name[0] == 0 || strlen(driver->name) >= DEVICE_NAME_SIZE
        || driver->match == NULL || driver->probe == NULL)
        return false;
    for (size_t i = 0; i < DRIVER_MAX_MATCHES; i++)
        if (driver->match[i].bus == DEVICE_BUS_NONE)
            return true;
    return false;
}

int driver_register(const struct driver *driver, uint64_t owner)
{
    if (!driver_is_sound(driver))
        return -EINVAL;
    struct driver_entry *entry = kzalloc(sizeof *entry);
    if (entry == NULL)
        return -ENOMEM;
    list_init(&entry->link);
    entry->driver = driver;
    entry->owner = owner;
    strlcpy(entry->name, driver->name, sizeof entry->name);
    int error = owner == 0 ? 0 : live_module_get(owner);
    if (error != 0) {
        kfree(entry);
        return error;
    }

    mutex_lock(&driver_mutex);
    struct driver_entry *old = driver_find(entry->name);
    error = driver_make_virtual_devices(driver);
    if (error == 0 && old != NULL)
        error = driver_replace(old, entry);
    else if (error == 0)
        list_append(&driver_entries, &entry->link);
    if (error == 0)
        driver_offer_devices(entry);
    mutex_unlock(&driver_mutex);
    driver_free_entry(error != 0 ? entry : old);
    return error;
}

/* Unregisters the last one of `driver`, or of the module `owner`. False: there is none. */
LOCAL bool driver_remove_one(const struct driver *driver, uint64_t owner)
{
    struct driver_entry *entry = NULL;
    mutex_lock(&driver_mutex);
    list_for_each(node, &driver_entries) {
        struct driver_entry *candidate = container_of(node, struct driver_entry, link);
        if (owner != 0 ? candidate->owner == owner : candidate->driver == driver)
            entry = candidate;
    }
    if (entry != NULL) {
        list_for_each(node, &driver_devices) {
            struct device *device = container_of(node, struct device, link);
            if (device->driver == entry)
                driver_unbind(device, false);
        }
        list_remove(&entry->link);
    }
    mutex_unlock(&driver_mutex);
    driver_free_entry(entry);
    return entry != NULL;
}

void driver_unregister(const struct driver *driver) { (void)driver_remove_one(driver, 0); }

/* --- drivers of live modules: what the linker calls ------------------------------------------ */

LOCAL void driver_remove_module(uint64_t module)
{
    while (driver_remove_one(NULL, module))
        ;
}

LOCAL int driver_add_module(const uint64_t *drivers, size_t count, uint64_t module)
{
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++)
        error = driver_register((const struct driver *)(uintptr_t)drivers[i], module);
    if (error != 0)
        driver_remove_module(module);
    return error;
}

LOCAL unsigned driver_count_module(uint64_t module)
{
    unsigned count = 0;
    mutex_lock(&driver_mutex);
    list_for_each(node, &driver_entries)
        count += container_of(node, struct driver_entry, link)->owner == module;
    mutex_unlock(&driver_mutex);
    return count;
}

/* --- devices ----------------------------------------------------------------------------- */

void device_add(struct device *device)
{
    mutex_lock(&driver_mutex);
    driver_list_device(device);
    for (struct list *node = driver_entries.next; node != &driver_entries && device->driver == NULL; node = node->next) {
        struct driver_entry *entry = container_of(node, struct driver_entry, link);
        if (driver_wants(entry->driver, device))
            (void)driver_bind(entry, device);
    }
    mutex_unlock(&driver_mutex);
}

int platform_device_add(const char *name)
{
    mutex_lock(&driver_mutex);
    int error = driver_new_device(DEVICE_BUS_PLATFORM, name);
    mutex_unlock(&driver_mutex);
    return error;
}

void driver_for_each_device(void (*visit)(struct device *device, const char *driver, void *context), void *context)
{
    spin_lock(&driver_report_lock);
    list_for_each(node, &driver_devices) {
        struct device *device = container_of(node, struct device, link);
        visit(device, device->driver_name, context);
    }
    spin_unlock(&driver_report_lock);
}

void driver_init(void)
{
    static const char *const platform[] = { "pc-speaker" };
    static const struct live_driver_hooks hooks = {
        .add = driver_add_module, .count = driver_count_module, .remove = driver_remove_module
    };
    live_set_driver_hooks(&hooks);
    for (size_t i = 0; i < ARRAY_COUNT(platform); i++)
        if (platform_device_add(platform[i]) != 0)
            panic("driver: no memory for the platform's devices");
    pci_add_devices();
    for (const struct driver *const *at = __drivers_start; at < __drivers_end; at++)
        if (driver_register(*at, 0) != 0)
            klog(LOG_ERROR, "driver", "%s: not registered", (*at)->name);
}
