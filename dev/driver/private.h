/* What the files of dev/driver and the buses share. */
#ifndef DEV_DRIVER_PRIVATE_H
#define DEV_DRIVER_PRIVATE_H

#include <dev/driver/device.h>

/* Something that a binding holds. Released in reverse order. */
struct device_resource {
    struct list link; /* device->resources */
    void (*release)(struct device *device, struct device_resource *resource);
    uint64_t value[4];
};

/* NULL: no memory. */
MUST_CHECK struct device_resource *device_resource_add(struct device *device,
                                                       void (*release)(struct device *device,
                                                                       struct device_resource *resource));
/* Without releasing what it stands for. */
void device_resource_drop(struct device_resource *resource);
void device_release_resources(struct device *device);

/* Calls a driver's function, guarded where it is live. False: it faulted (that was logged). */
MUST_CHECK bool driver_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result,
                            const char *what);
#define DRIVER_CALL(function, a, b, result, what) \
    driver_call((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)(function), (uint64_t)(uintptr_t)(a), (uint64_t)(uintptr_t)(b), \
                (result), (what))

/* The same for operations that come again and again: a version of a function that faulted once is switched off. */
MUST_CHECK bool driver_call_once(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result,
                                 const char *what);
#define DRIVER_CALL_ONCE(function, a, b, result, what)                                                               \
    driver_call_once((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)(function), (uint64_t)(uintptr_t)(a),               \
                     (uint64_t)(uintptr_t)(b), (result), (what))

/* Entries in /dev of `device`: nobody enters any more; `replaced`: who comes waits for the next version. */
void character_close(struct device *device, bool replaced);
/* Those that no new version took over are gone. */
void character_forget(struct device *device);
/* Waits until nobody is inside: a moment, or until it is so. */
void character_drain_briefly(struct device *device);
void character_drain(struct device *device);

#endif
