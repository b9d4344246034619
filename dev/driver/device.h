/*
 * A device, and what its driver may take: windows, interrupt, memory, entries in /dev. All of it belongs to the
 * binding: the core gives it back when the driver is unbound, whatever the driver forgot or however it ended.
 *
 *     int edu_probe(struct device *device)
 *     {
 *         struct edu *edu = device_allocate(device, sizeof *edu);
 *         device->driver_data = edu;
 *         edu->registers = device_map_region(device, 0);
 *         if (edu == NULL || edu->registers == NULL) return -ENOMEM;
 *         int error = device_request_irq(device, DEVICE_IRQ_ANY, edu_interrupt, edu);
 *         return error != 0 ? error : device_create(device, "edu", 0600, &edu_ops, edu);
 *     }
 *
 * A process that waits inside an operation waits on the device:
 *
 *     error = DEVICE_WAIT(edu->device, edu->done);    0, -EINTR (signal), -ENODEV (the driver is leaving)
 *     ... and where it changes, in the interrupt handler: edu->done = true; device_wake(edu->device);
 *
 * What a binding holds is taken in probe(), and only there (else NULL or -EPERM).
 */
#ifndef DEV_DRIVER_DEVICE_H
#define DEV_DRIVER_DEVICE_H

#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <dev/driver/driver.h>
#include <kernel/sched/wait.h>

#define DEVICE_NAME_SIZE 32
#define PCI_REGIONS 6

/* A window that the device decodes (base address register). */
struct device_region {
    uint64_t start;   /* physical address or port */
    uint64_t size;    /* bytes; 0: none */
    bool is_port;
    bool is_prefetchable;
};

struct pci_function {
    uint8_t bus, slot, function;
    uint8_t revision;
    uint16_t vendor, product;       /* the device ID */
    uint16_t subsystem_vendor, subsystem;
    uint32_t class_code;            /* 24 bits: class, subclass, interface */
    uint8_t header;                 /* type */
    uint8_t irq_pin;                /* 0: none, 1: INTA ... */
    uint8_t irq_line;               /* what the firmware wrote: ISA line of the PIC */
};

struct device {
    struct list link;               /* driver_mutex */
    uint32_t bus;                   /* enum device_bus; constant, as all up to `pci` */
    char name[DEVICE_NAME_SIZE];    /* "00:1f.2" or the platform's */
    struct device_region regions[PCI_REGIONS];
    struct pci_function pci;
    void *driver_data;              /* the driver's own */
    struct wait_queue queue;        /* for who waits in the driver */
    volatile bool leaving;          /* its driver is being unbound */
    /* driver_mutex */
    struct driver_entry *driver;    /* NULL: none */
    struct driver_entry *previous;  /* while a replacement goes on: whose it was */
    bool probing;
    /* driver_report_lock */
    char driver_name[DEVICE_NAME_SIZE]; /* "": none */
    int probe_error;                /* of the last probe() */
    struct list resources;
};

/* Sleeps until `condition`, looked at again after each device_wake(). */
#define DEVICE_WAIT(device, condition) \
    device_wait_result((device), WAIT_EVENT(&(device)->queue, (device)->leaving || (condition)))
#define DEVICE_WAIT_UNTIL(device, condition, deadline) \
    device_wait_result((device), WAIT_EVENT_UNTIL(&(device)->queue, (device)->leaving || (condition), deadline))
int device_wait_result(const struct device *device, int error);
/* Wakes who waits in DEVICE_WAIT or polls an entry. Context: any. */
void device_wake(struct device *device);

/* Zeroed memory; NULL: none. */
MUST_CHECK void *device_allocate(struct device *device, size_t size);
/* Region `index`, uncached; the device answers from then on. NULL: no such memory region, or no room. */
MUST_CHECK volatile void *device_map_region(struct device *device, unsigned index);

#define DEVICE_IRQ_ANY  0 /* message if the device can, else its line */
#define DEVICE_IRQ_LINE 1 /* the line, which may be shared */
/* One interrupt: 0, -ENXIO (the device has none that is known here; the log says more), -ENOSPC, -ENOMEM, -EEXIST. */
MUST_CHECK int device_request_irq(struct device *device, unsigned kind, irq_handler_t handler, void *argument);
/* MSI-X only: entry `index` of the device's table. -ENXIO: it has none. */
MUST_CHECK int device_request_irq_entry(struct device *device, unsigned index, irq_handler_t handler, void *argument);
/* May the device read and write memory by itself? Off at first and after remove(); messages (DEVICE_IRQ_ANY) switch it on. */
void device_set_bus_master(struct device *device, bool enable);

/* --- entries in /dev ------------------------------------------------------------------- */

/* A transfer or request. `buffer` is kernel memory. */
struct device_request {
    void *buffer;
    size_t size;
    file_off_t position;   /* 0 for streams */
    uint32_t flags;        /* O_... of the file: O_NONBLOCK asks for -EAGAIN instead of waiting */
    uint32_t command;      /* control: ioctl's request */
    uint64_t argument;     /* control: its argument, as the caller gave it */
};

/* Operations; NULL: -EINVAL for read and write, -ENOTTY for control, nothing to do for open, always ready for poll. Results: bytes or
 * >= 0, or -E.... Several processes may be in them at once. */
struct device_ops {
    int64_t (*read)(void *context, struct device_request *request);
    int64_t (*write)(void *context, struct device_request *request);
    int64_t (*control)(void *context, struct device_request *request);
    int64_t (*open)(void *context, struct device_request *request);
    uint32_t (*poll)(void *context, struct device_request *request); /* POLL_... bits of <kernel/vfs/file.h> now */
    bool is_seekable;      /* positions count */
};

/* /dev/NAME with permissions `mode`. `ops` must live as long as the binding. -EEXIST, -EINVAL, -ENOMEM. */
MUST_CHECK int device_create(struct device *device, const char *name, uint32_t mode, const struct device_ops *ops,
                             void *context);

/* --- for buses -------------------------------------------------------------------------- */

/* Fills what every device has. */
void device_init(struct device *device, enum device_bus bus, const char *name);
/* Known from now on, bound if a driver wants it; never freed. */
void device_add(struct device *device);
/* A platform device by name. 0 or -ENOMEM. */
MUST_CHECK int platform_device_add(const char *name);

#endif
