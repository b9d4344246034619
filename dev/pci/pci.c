/* Enumeration and configuration space. See pci.h. */
#include <dev/pci/pci.h>

#include <arch/x86_64/io.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/lock.h>
#include <lib/printf.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define HEADER_TYPE_MASK      0x7f
#define HEADER_MANY_FUNCTIONS 0x80
#define HEADER_BRIDGE         1
#define CLASS_BRIDGE          0x06
#define STATUS_CAPABILITIES   0x10
#define REGION_PORT           1u
#define REGION_64             4u
#define REGION_TYPE           6u
#define REGION_PREFETCH       8u
#define MAX_CAPABILITIES      48 /* as many as fit: a list that loops ends */

static struct spinlock pci_lock = SPINLOCK_INIT("pci", LOCK_RANK_LEAF); /* the address register */
static struct list pci_functions = LIST_INIT(pci_functions); /* struct device.link, until pci_add_devices() */
static struct device *pci_table[256]; /* all that were found, in order */
static unsigned pci_count;

/* --- configuration space ------------------------------------------------------------ */

LOCAL uint32_t pci_address(const struct device *device, unsigned offset)
{
    return CONFIG_ENABLE | (uint32_t)device->pci.bus << 16 | (uint32_t)device->pci.slot << 11
        | (uint32_t)device->pci.function << 8 | (offset & 0xfc);
}

uint32_t pci_read32(const struct device *device, unsigned offset)
{
    irq_flags_t flags = spin_lock_irq(&pci_lock);
    io_out32(CONFIG_ADDRESS, pci_address(device, offset));
    uint32_t value = io_in32(CONFIG_DATA);
    spin_unlock_irq(&pci_lock, flags);
    return value;
}

uint16_t pci_read16(const struct device *device, unsigned offset)
{
    return (uint16_t)(pci_read32(device, offset) >> 8 * (offset & 2));
}

uint8_t pci_read8(const struct device *device, unsigned offset)
{
    return (uint8_t)(pci_read32(device, offset) >> 8 * (offset & 3));
}

void pci_write32(const struct device *device, unsigned offset, uint32_t value)
{
    irq_flags_t flags = spin_lock_irq(&pci_lock);
    io_out32(CONFIG_ADDRESS, pci_address(device, offset));
    io_out32(CONFIG_DATA, value);
    spin_unlock_irq(&pci_lock, flags);
}

void pci_write16(const struct device *device, unsigned offset, uint16_t value)
{
    irq_flags_t flags = spin_lock_irq(&pci_lock);
    io_out32(CONFIG_ADDRESS, pci_address(device, offset));
    io_out16((uint16_t)(CONFIG_DATA + (offset & 2)), value);
    spin_unlock_irq(&pci_lock, flags);
}

void pci_write8(const struct device *device, unsigned offset, uint8_t value)
{
    irq_flags_t flags = spin_lock_irq(&pci_lock);
    io_out32(CONFIG_ADDRESS, pci_address(device, offset));
    io_out8((uint16_t)(CONFIG_DATA + (offset & 3)), value);
    spin_unlock_irq(&pci_lock, flags);
}

void pci_set_command(const struct device *device, uint16_t bits, bool set)
{
    uint16_t command = pci_read16(device, PCI_CONFIG_COMMAND);
    pci_write16(device, PCI_CONFIG_COMMAND, (uint16_t)(set ? command | bits : command & ~bits));
}

unsigned pci_find_capability(const struct device *device, uint8_t kind)
{
    if (!(pci_read16(device, PCI_CONFIG_STATUS) & STATUS_CAPABILITIES))
        return 0;
    unsigned offset = pci_read8(device, PCI_CONFIG_CAPABILITIES) & 0xfc;
    for (unsigned i = 0; i < MAX_CAPABILITIES && offset >= 0x40; i++) {
        if (pci_read8(device, offset) == kind)
            return offset;
        offset = pci_read8(device, offset + 1) & 0xfc;
    }
    return 0;
}

/* --- enumeration: boot CPU, interrupts off -------------------------------------------- */

/* Sizes region `index` of a device whose decoding is off; returns how many registers it takes. */
LOCAL unsigned pci_size_region(struct device *device, unsigned index, unsigned count)
{
    struct device_region *region = &device->regions[index];
    unsigned offset = PCI_CONFIG_REGIONS + 4 * index;
    uint32_t low = pci_read32(device, offset), high = 0;
    bool is_64 = !(low & REGION_PORT) && (low & REGION_TYPE) == REGION_64 && index + 1 < count;
    pci_write32(device, offset, 0xffffffff);
    uint64_t mask = pci_read32(device, offset);
    pci_write32(device, offset, low);
    region->is_port = low & REGION_PORT;
    region->is_prefetchable = !region->is_port && (low & REGION_PREFETCH);
    if (is_64) {
        high = pci_read32(device, offset + 4);
        pci_write32(device, offset + 4, 0xffffffff);
        mask |= (uint64_t)pci_read32(device, offset + 4) << 32;
        pci_write32(device, offset + 4, high);
    } else if ((uint32_t)mask != 0) {
        mask |= 0xffffffff00000000;
    }
    if (region->is_port)
        mask |= 0xffff0000; /* the upper half may not be implemented (6.2.5.1) */
    mask &= region->is_port ? ~(uint64_t)3 : ~(uint64_t)15;
    region->start = region->is_port ? low & ~3u : (low & ~15u) | (uint64_t)high << 32;
    region->size = (uint32_t)mask == 0 && high == 0 ? 0 : ~mask + 1;
    if (region->start == 0)
        region->size = 0; /* the firmware gave it no address */
    return is_64 ? 2 : 1;
}

LOCAL void pci_read_regions(struct device *device)
{
    unsigned type = device->pci.header & HEADER_TYPE_MASK;
    /* Bridges forward what others use; they are left alone. */
    if (type != 0 || device->pci.class_code >> 16 == CLASS_BRIDGE)
        return;
    uint16_t command = pci_read16(device, PCI_CONFIG_COMMAND);
    pci_write16(device, PCI_CONFIG_COMMAND, (uint16_t)(command & ~(PCI_COMMAND_MEMORY | PCI_COMMAND_PORTS)));
    for (unsigned i = 0; i < PCI_REGIONS;)
        i += pci_size_region(device, i, PCI_REGIONS);
    pci_write16(device, PCI_CONFIG_COMMAND, command);
}

LOCAL void pci_scan_bus(uint8_t bus, unsigned depth);

/* False: nothing there. */
LOCAL bool pci_scan_function(uint8_t bus, uint8_t slot, uint8_t function, unsigned depth, bool *many)
{
    const struct device place = { .pci = { .bus = bus, .slot = slot, .function = function } };
    uint32_t id = pci_read32(&place, PCI_CONFIG_ID);
    if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0 || pci_count == ARRAY_COUNT(pci_table))
        return false;
    struct device *device = kzalloc(sizeof *device);
    if (device == NULL)
        panic("pci: no memory for the devices");
    char name[DEVICE_NAME_SIZE];
    ksnprintf(name, sizeof name, "%02x:%02x.%x", bus, slot, function);
    device_init(device, DEVICE_BUS_PCI, name);
    struct pci_function *pci = &device->pci;
    *pci = place.pci;
    pci->vendor = (uint16_t)id;
    pci->product = (uint16_t)(id >> 16);
    uint32_t class_register = pci_read32(device, PCI_CONFIG_CLASS);
    pci->class_code = class_register >> 8;
    pci->revision = (uint8_t)class_register;
    pci->header = pci_read8(device, PCI_CONFIG_HEADER);
    pci->irq_pin = pci_read8(device, PCI_CONFIG_IRQ_PIN);
    pci->irq_line = pci_read8(device, PCI_CONFIG_IRQ_LINE);
    if ((pci->header & HEADER_TYPE_MASK) == 0) {
        pci->subsystem_vendor = pci_read16(device, PCI_CONFIG_SUBSYSTEM);
        pci->subsystem = pci_read16(device, PCI_CONFIG_SUBSYSTEM + 2);
    }
    *many = pci->header & HEADER_MANY_FUNCTIONS;
    pci_read_regions(device);
    list_append(&pci_functions, &device->link);
    pci_table[pci_count++] = device;
    if ((pci->header & HEADER_TYPE_MASK) == HEADER_BRIDGE) {
        uint8_t secondary = pci_read8(device, PCI_CONFIG_SECONDARY);
        if (secondary > bus)
            pci_scan_bus(secondary, depth + 1);
    }
    return true;
}

LOCAL void pci_scan_bus(uint8_t bus, unsigned depth)
{
    if (depth > 8)
        return;
    for (uint8_t slot = 0; slot < 32; slot++) {
        bool many = false, unused;
        if (!pci_scan_function(bus, slot, 0, depth, &many))
            continue;
        for (uint8_t function = 1; function < 8 && many; function++)
            (void)pci_scan_function(bus, slot, function, depth, &unused);
    }
}

void pci_init(void)
{
    io_out32(CONFIG_ADDRESS, CONFIG_ENABLE);
    if (io_in32(CONFIG_ADDRESS) != CONFIG_ENABLE) {
        klog(LOG_WARNING, "pci", "no configuration mechanism 1: PCI devices are not seen");
        return;
    }
    pci_scan_bus(0, 0);
    klog(LOG_INFO, "pci", "%u functions", pci_count);
}

void pci_add_devices(void)
{
    struct list *node;
    while ((node = list_pop_first(&pci_functions)) != NULL)
        device_add(container_of(node, struct device, link));
}

const struct device *pci_find_function(uint8_t bus, uint8_t slot, uint8_t function)
{
    for (unsigned i = 0; i < pci_count; i++)
        if (pci_table[i]->pci.bus == bus && pci_table[i]->pci.slot == slot && pci_table[i]->pci.function == function)
            return pci_table[i];
    return NULL;
}

const struct device *pci_bridge_of(uint8_t bus)
{
    for (unsigned i = 0; i < pci_count; i++)
        if ((pci_table[i]->pci.header & HEADER_TYPE_MASK) == HEADER_BRIDGE
            && pci_read8(pci_table[i], PCI_CONFIG_SECONDARY) == bus)
            return pci_table[i];
    return NULL;
}
