/*
 * PCI: what is on the buses, and its configuration space (PCI Local Bus Specification 3.0, chapter 6), by configuration
 * mechanism 1: the first 256 bytes. Bridges are followed as the firmware set them up.
 *
 *     pci_init();            boot CPU, interrupts off: sizing a window switches it off for a moment
 *     pci_add_devices();     they become devices of dev/driver
 *
 * Left out: hot-plug, assigning addresses that the firmware did not, ECAM and the extended space, I/O and memory windows
 * of bridges. Lines (INTx): pci_irq.c tells which.
 */
#ifndef DEV_PCI_PCI_H
#define DEV_PCI_PCI_H

#include <dev/driver/device.h>

#define PCI_COMMAND_PORTS   0x001
#define PCI_COMMAND_MEMORY  0x002
#define PCI_COMMAND_MASTER  0x004
#define PCI_COMMAND_NO_LINE 0x400 /* INTx off */

#define PCI_CONFIG_ID        0x00
#define PCI_CONFIG_COMMAND   0x04
#define PCI_CONFIG_STATUS    0x06
#define PCI_CONFIG_CLASS     0x08
#define PCI_CONFIG_HEADER    0x0e
#define PCI_CONFIG_REGIONS   0x10
#define PCI_CONFIG_SECONDARY 0x19 /* of a bridge */
#define PCI_CONFIG_SUBSYSTEM 0x2c
#define PCI_CONFIG_CAPABILITIES 0x34
#define PCI_CONFIG_IRQ_LINE  0x3c
#define PCI_CONFIG_IRQ_PIN   0x3d

#define PCI_CAPABILITY_MSI   0x05
#define PCI_CAPABILITY_MSIX  0x11

void pci_init(void);
void pci_add_devices(void);

/* Configuration space of a device; `offset` is aligned to the size. Context: any. */
uint32_t pci_read32(const struct device *device, unsigned offset);
uint16_t pci_read16(const struct device *device, unsigned offset);
uint8_t pci_read8(const struct device *device, unsigned offset);
void pci_write32(const struct device *device, unsigned offset, uint32_t value);
void pci_write16(const struct device *device, unsigned offset, uint16_t value);
void pci_write8(const struct device *device, unsigned offset, uint8_t value);

/* Sets or clears bits of the command register. */
void pci_set_command(const struct device *device, uint16_t bits, bool set);
/* Offset of a capability; 0: the device has none of this kind. */
unsigned pci_find_capability(const struct device *device, uint8_t kind);
/* The device at this place; NULL: none. */
const struct device *pci_find_function(uint8_t bus, uint8_t slot, uint8_t function);
/* The bridge that leads to `bus`; NULL: a root bus. */
const struct device *pci_bridge_of(uint8_t bus);

/* device_request_irq() of a PCI device, in probe(). */
MUST_CHECK int pci_request_irq(struct device *device, unsigned kind, irq_handler_t handler, void *argument);
MUST_CHECK int pci_request_irq_entry(struct device *device, unsigned index, irq_handler_t handler, void *argument);

#endif
