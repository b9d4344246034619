/* What a binding holds: memory, windows, interrupts. See device.h. Interrupts of PCI devices: dev/pci/pci_irq.c. */
#include <dev/driver/device.h>

#include <dev/driver/private.h>
#include <dev/pci/pci.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <lib/string.h>

void device_init(struct device *device, enum device_bus bus, const char *name)
{
    device->bus = bus;
    strlcpy(device->name, name, sizeof device->name);
    wait_queue_init(&device->queue, "device");
    list_init(&device->link);
    list_init(&device->resources);
}

int device_wait_result(const struct device *device, int error)
{
    return error == 0 && device->leaving ? -ENODEV : error;
}

void device_wake(struct device *device) { wait_queue_wake_all(&device->queue); }

struct device_resource *device_resource_add(struct device *device,
                                            void (*release)(struct device *device, struct device_resource *resource))
{
    struct device_resource *resource = device->probing ? kzalloc(sizeof *resource) : NULL;
    if (resource == NULL)
        return NULL;
    resource->release = release;
    list_append(&device->resources, &resource->link);
    return resource;
}

void device_resource_drop(struct device_resource *resource)
{
    list_remove(&resource->link);
    kfree(resource);
}

void device_release_resources(struct device *device)
{
    while (!list_is_empty(&device->resources)) {
        struct device_resource *resource = container_of(device->resources.previous, struct device_resource, link);
        list_remove(&resource->link);
        resource->release(device, resource);
        kfree(resource);
    }
}

LOCAL void device_release_memory(struct device *device, struct device_resource *resource)
{
    kfree((void *)(uintptr_t)resource->value[0]);
}

void *device_allocate(struct device *device, size_t size)
{
    struct device_resource *resource = device_resource_add(device, device_release_memory);
    if (resource == NULL)
        return NULL;
    void *memory = kzalloc(size);
    resource->value[0] = (uint64_t)(uintptr_t)memory;
    if (memory == NULL)
        device_resource_drop(resource);
    return memory;
}

LOCAL void device_release_window(struct device *device, struct device_resource *resource)
{
    device_unmap((void *)(uintptr_t)resource->value[0]);
}

volatile void *device_map_region(struct device *device, unsigned index)
{
    if (index >= PCI_REGIONS || device->regions[index].size == 0 || device->regions[index].is_port)
        return NULL;
    struct device_resource *resource = device_resource_add(device, device_release_window);
    if (resource == NULL)
        return NULL;
    void *window = device_map(device->regions[index].start, device->regions[index].size, CACHE_UNCACHED);
    resource->value[0] = (uint64_t)(uintptr_t)window;
    if (window == NULL)
        device_resource_drop(resource);
    else if (device->bus == DEVICE_BUS_PCI)
        pci_set_command(device, PCI_COMMAND_MEMORY, true);
    return window;
}

LOCAL void device_release_bus_master(struct device *device, struct device_resource *resource)
{
    pci_set_command(device, PCI_COMMAND_MASTER, false);
}

void device_set_bus_master(struct device *device, bool enable)
{
    if (device->bus != DEVICE_BUS_PCI || (enable && device_resource_add(device, device_release_bus_master) == NULL))
        return;
    pci_set_command(device, PCI_COMMAND_MASTER, enable);
}

int device_request_irq(struct device *device, unsigned kind, irq_handler_t handler, void *argument)
{
    if (!device->probing)
        return -EPERM;
    return device->bus == DEVICE_BUS_PCI ? pci_request_irq(device, kind, handler, argument) : -ENXIO;
}

int device_request_irq_entry(struct device *device, unsigned index, irq_handler_t handler, void *argument)
{
    if (!device->probing)
        return -EPERM;
    return device->bus == DEVICE_BUS_PCI ? pci_request_irq_entry(device, index, handler, argument) : -ENXIO;
}
