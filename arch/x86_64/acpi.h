/*
 * What the kernel takes from the ACPI tables (ACPI 6.5, chapter 5): interrupt
 * controllers, CPUs, HPET, power-off. No AML is interpreted; the one thing
 * needed from it, the \_S5 package, is found by its byte pattern.
 */
#ifndef ARCH_ACPI_H
#define ARCH_ACPI_H

#include <lib/types.h>

#define ACPI_MAX_CPUS 64

struct acpi_info {
    paddr_t lapic_address;
    unsigned ioapic_count;
    struct { paddr_t address; uint32_t first_gsi; } ioapics[8];
    unsigned cpu_count;               /* usable ones */
    uint32_t cpu_apic_ids[ACPI_MAX_CPUS];
    paddr_t hpet_address;             /* 0: none */
    uint32_t century_register;        /* CMOS index; 0: none */
    uint16_t pm1a_control, pm1b_control; /* ports; 0: none */
    uint8_t sleep_type_a, sleep_type_b;  /* of S5 */
    bool can_power_off;
    uint16_t reset_port;
    uint8_t reset_value;
    bool can_reset;
};
extern struct acpi_info acpi_info;

struct acpi_isa_route { uint32_t gsi; bool active_low; bool level; };
struct acpi_isa_route acpi_isa_route(unsigned line);

/* Reads the tables; panics when there is no usable MADT. Call once, after vmalloc works. */
void acpi_init(void);

/* Soft-off by ACPI. Returns only when the machine has none. Context: any. */
void acpi_power_off(void);
NORETURN void machine_power_off(int status);
NORETURN void machine_reset(void);

#endif
