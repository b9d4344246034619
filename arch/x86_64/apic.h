/* Local and I/O APIC (SDM vol. 3, 11; Intel 82093AA data sheet). */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include <lib/types.h>

/* Masks the 8259 PICs, turns on this CPU's local APIC and the I/O APICs. After acpi_init(). */
void apic_init(void);
/* On each further CPU: its local APIC. */
void apic_init_cpu(void);

/* Interrupts to the CPU with that APIC ID (SDM vol. 3, 11.6.1). Context: any. */
void apic_send(uint32_t apic_id, uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page); /* begins at physical address page * 4096 */
/* End of interrupt. */
void apic_acknowledge(void);
uint32_t apic_id(void);
/* The local APIC's registers (xAPIC window). */
void *apic_registers(void);

/* Input `gsi` raises `vector` on the boot CPU, unmasked. 0 or -EINVAL when no I/O APIC has it. */
MUST_CHECK int ioapic_route(uint32_t gsi, unsigned vector, bool active_low, bool level);
/* Each edge of input `gsi` is an NMI to every CPU. */
MUST_CHECK int ioapic_route_nmi(uint32_t gsi);
void ioapic_mask(uint32_t gsi);
/* One more than the highest input of any I/O APIC. */
uint32_t ioapic_input_count(void);

#endif
