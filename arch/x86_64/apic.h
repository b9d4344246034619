/* Local and I/O APIC (SDM vol. 3, 11; Intel 82093AA data sheet). */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include <lib/types.h>

/* Masks the 8259 PICs and turns on this CPU's local APIC. After acpi_init(). */
void apic_init(void);
/* End of interrupt. */
void apic_acknowledge(void);
uint32_t apic_id(void);
/* The local APIC's registers (xAPIC window). */
void *apic_registers(void);

/* Input `gsi` raises `vector` on the boot CPU, unmasked. 0 or -EINVAL when no I/O APIC has it. */
MUST_CHECK int ioapic_route(uint32_t gsi, unsigned vector, bool active_low, bool level);

#endif
