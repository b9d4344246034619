/*
 * Interrupts of PCI devices: messages (MSI, MSI-X: PCI 3.0, 6.8), else the line.
 *
 * Where a line (INTx) ends is told by ACPI's _PRT, which is AML, and there is no interpreter. Two machines are known
 * from their chipsets' documentation and QEMU's wiring of them: q35 (ICH9: PIRQ A to H are inputs 16 to 23) and pc
 * (PIIX3: the firmware's ISA line, which the MADT describes). On others only messages work, and a driver that asks for the line is told.
 */
#include <dev/pci/pci.h>

#include <arch/x86_64/acpi.h>
#include <arch/x86_64/cpu.h>
#include <dev/driver/private.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>

#define INTEL       0x8086
#define ICH9_LPC    0x2918
#define PIIX3_ISA   0x7000
#define PIRQ_INPUT  16 /* of PIRQA */

#define MSI_CONTROL     2
#define MSI_ENABLE      0x0001
#define MSI_COUNT_MASK  0x0070
#define MSI_64          0x0080
#define MSIX_ENABLE     0x8000
#define MSIX_MASK_ALL   0x4000
#define MSIX_SIZE_MASK  0x07ff
#define MSIX_ENTRY_SIZE 16
#define MSIX_ENTRY_MASK 1u

/* What a resource holds: value[] of an interrupt. */
enum { IRQ_VECTOR, IRQ_HANDLER, IRQ_ARGUMENT, IRQ_PLACE };

LOCAL void pci_forget_handler(struct device_resource *resource)
{
    irq_free((unsigned)resource->value[IRQ_VECTOR], (irq_handler_t)(uintptr_t)resource->value[IRQ_HANDLER],
             (void *)(uintptr_t)resource->value[IRQ_ARGUMENT]);
}

LOCAL struct device_resource *pci_new_irq(struct device *device, irq_handler_t handler, void *argument,
                                          void (*release)(struct device *, struct device_resource *))
{
    struct device_resource *resource = device_resource_add(device, release);
    if (resource == NULL)
        return NULL;
    resource->value[IRQ_HANDLER] = (uint64_t)(uintptr_t)handler;
    resource->value[IRQ_ARGUMENT] = (uint64_t)(uintptr_t)argument;
    return resource;
}

/* --- the line ---------------------------------------------------------------------- */

/* PIRQ of pin `pin` (0: INTA) of a slot on bus 0, as QEMU wires the ICH9: slots below 25 and the DMI bridge use
 * E to H, the chipset's own A to D. */
LOCAL unsigned pci_ich9_pirq(unsigned slot, unsigned pin)
{
    if (slot < 25)
        return 4 + (slot + pin) % 4;
    return slot == 30 ? 4 + pin : pin;
}

/* Input of the device's line. -ENXIO: it has none, or where it ends is unknown. */
LOCAL int pci_find_line(const struct device *device, struct acpi_isa_route *route)
{
    if (device->pci.irq_pin < 1 || device->pci.irq_pin > 4)
        return -ENXIO;
    const struct device *lpc = pci_find_function(0, 31, 0), *isa = pci_find_function(0, 1, 0);
    if (cpu_features.hypervisor && lpc != NULL && lpc->pci.vendor == INTEL && lpc->pci.product == ICH9_LPC) {
        unsigned slot = device->pci.slot, pin = device->pci.irq_pin - 1u;
        const struct device *bridge = pci_bridge_of(device->pci.bus);
        for (; bridge != NULL; bridge = pci_bridge_of(bridge->pci.bus)) {
            pin = (slot + pin) % 4; /* each bridge turns the pins by the slot (PCI-to-PCI Bridge Specification, 9.1) */
            slot = bridge->pci.slot;
        }
        *route = (struct acpi_isa_route){ PIRQ_INPUT + pci_ich9_pirq(slot, pin), true, true };
        return 0;
    }
    if (isa != NULL && isa->pci.vendor == INTEL && isa->pci.product == PIIX3_ISA && device->pci.irq_line < 16) {
        *route = acpi_isa_route(device->pci.irq_line);
        return 0;
    }
    klog(LOG_WARNING, "pci", "%s: where its interrupt line ends is not known on this machine (no AML); messages work",
         device->name);
    return -ENXIO;
}

LOCAL void pci_release_line(struct device *device, struct device_resource *resource)
{
    pci_set_command(device, PCI_COMMAND_NO_LINE, true);
    pci_forget_handler(resource);
}

LOCAL int pci_request_line(struct device *device, irq_handler_t handler, void *argument)
{
    struct acpi_isa_route route;
    int error = pci_find_line(device, &route);
    if (error != 0)
        return error;
    int vector = irq_vector_of_input(route.gsi, route.active_low, route.level);
    if (vector < 0)
        return vector;
    struct device_resource *resource = pci_new_irq(device, handler, argument, pci_release_line);
    if (resource == NULL)
        return -ENOMEM;
    resource->value[IRQ_VECTOR] = (uint64_t)vector;
    error = irq_request((unsigned)vector, device->name, handler, argument);
    if (error != 0) {
        device_resource_drop(resource);
        return error;
    }
    pci_set_command(device, PCI_COMMAND_NO_LINE, false);
    return 0;
}

/* --- messages -------------------------------------------------------------------------- */

/* A vector with the handler on it, in `resource`. */
LOCAL int pci_take_vector(struct device *device, struct device_resource *resource)
{
    int vector = irq_allocate_vector();
    if (vector < 0)
        return vector;
    int error = irq_request((unsigned)vector, device->name, (irq_handler_t)(uintptr_t)resource->value[IRQ_HANDLER],
                            (void *)(uintptr_t)resource->value[IRQ_ARGUMENT]);
    if (error != 0)
        irq_release_vector((unsigned)vector);
    resource->value[IRQ_VECTOR] = (uint64_t)vector;
    return error;
}

LOCAL void pci_give_vector(struct device_resource *resource)
{
    pci_forget_handler(resource);
    irq_release_vector((unsigned)resource->value[IRQ_VECTOR]);
}

LOCAL void pci_release_msi(struct device *device, struct device_resource *resource)
{
    unsigned control = (unsigned)resource->value[IRQ_PLACE] + MSI_CONTROL;
    pci_write16(device, control, pci_read16(device, control) & (uint16_t)~MSI_ENABLE);
    pci_set_command(device, PCI_COMMAND_MASTER, false);
    pci_give_vector(resource);
}

LOCAL int pci_request_msi(struct device *device, unsigned capability, irq_handler_t handler, void *argument)
{
    uint16_t control = pci_read16(device, capability + MSI_CONTROL);
    if (control & MSI_ENABLE)
        return -EEXIST;
    struct device_resource *resource = pci_new_irq(device, handler, argument, pci_release_msi);
    if (resource == NULL)
        return -ENOMEM;
    resource->value[IRQ_PLACE] = capability;
    int error = pci_take_vector(device, resource);
    if (error != 0) {
        device_resource_drop(resource);
        return error;
    }
    uint64_t address;
    uint32_t data;
    irq_message((unsigned)resource->value[IRQ_VECTOR], &address, &data);
    pci_write32(device, capability + 4, (uint32_t)address);
    if (control & MSI_64)
        pci_write32(device, capability + 8, (uint32_t)(address >> 32));
    pci_write16(device, capability + (control & MSI_64 ? 12 : 8), (uint16_t)data);
    pci_set_command(device, PCI_COMMAND_NO_LINE | PCI_COMMAND_MASTER, true); /* a message is a write to memory */
    pci_write16(device, capability + MSI_CONTROL, (uint16_t)((control & ~MSI_COUNT_MASK) | MSI_ENABLE));
    return 0;
}

/* The entry of the device's table, mapped. NULL: there is none. */
LOCAL volatile uint32_t *pci_map_msix_entry(struct device *device, unsigned capability, unsigned index)
{
    if (index > (pci_read16(device, capability + MSI_CONTROL) & MSIX_SIZE_MASK))
        return NULL;
    uint32_t place = pci_read32(device, capability + 4);
    uint64_t offset = (place & ~7u) + (uint64_t)MSIX_ENTRY_SIZE * index;
    if ((place & 7) >= PCI_REGIONS)
        return NULL;
    const struct device_region *region = &device->regions[place & 7];
    if (region->is_port || offset + MSIX_ENTRY_SIZE > region->size)
        return NULL;
    pci_set_command(device, PCI_COMMAND_MEMORY, true);
    return device_map(region->start + offset, MSIX_ENTRY_SIZE, CACHE_UNCACHED);
}

LOCAL void pci_release_msix(struct device *device, struct device_resource *resource)
{
    volatile uint32_t *entry = (volatile uint32_t *)(uintptr_t)resource->value[IRQ_PLACE];
    entry[3] = MSIX_ENTRY_MASK;
    pci_set_command(device, PCI_COMMAND_MASTER, false);
    device_unmap((void *)(uintptr_t)entry);
    pci_give_vector(resource);
}

int pci_request_irq_entry(struct device *device, unsigned index, irq_handler_t handler, void *argument)
{
    unsigned capability = pci_find_capability(device, PCI_CAPABILITY_MSIX);
    volatile uint32_t *entry = capability == 0 ? NULL : pci_map_msix_entry(device, capability, index);
    if (entry == NULL)
        return -ENXIO;
    uint16_t control = pci_read16(device, capability + MSI_CONTROL);
    bool is_first = !(control & MSIX_ENABLE);
    struct device_resource *resource = pci_new_irq(device, handler, argument, pci_release_msix);
    int error = resource == NULL ? -ENOMEM : !is_first && !(entry[3] & MSIX_ENTRY_MASK) ? -EEXIST : 0;
    if (error == 0)
        error = pci_take_vector(device, resource);
    if (error != 0) {
        if (resource != NULL)
            device_resource_drop(resource);
        device_unmap((void *)(uintptr_t)entry);
        return error;
    }
    resource->value[IRQ_PLACE] = (uint64_t)(uintptr_t)entry;
    uint64_t address;
    uint32_t data;
    irq_message((unsigned)resource->value[IRQ_VECTOR], &address, &data);
    entry[0] = (uint32_t)address;
    entry[1] = (uint32_t)(address >> 32);
    entry[2] = data;
    entry[3] = 0;
    pci_set_command(device, PCI_COMMAND_NO_LINE | PCI_COMMAND_MASTER, true); /* a message is a write to memory */
    pci_write16(device, capability + MSI_CONTROL, (uint16_t)((control & ~MSIX_MASK_ALL) | MSIX_ENABLE));
    return 0;
}

int pci_request_irq(struct device *device, unsigned kind, irq_handler_t handler, void *argument)
{
    if (handler == NULL || (kind != DEVICE_IRQ_ANY && kind != DEVICE_IRQ_LINE))
        return -EINVAL;
    unsigned msi = pci_find_capability(device, PCI_CAPABILITY_MSI);
    int error = -ENXIO;
    if (kind == DEVICE_IRQ_ANY)
        error = pci_request_irq_entry(device, 0, handler, argument);
    if (kind == DEVICE_IRQ_ANY && error == -ENXIO && msi != 0)
        error = pci_request_msi(device, msi, handler, argument);
    return error == -ENXIO ? pci_request_line(device, handler, argument) : error;
}
