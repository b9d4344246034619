/* ACPI table reader. Tables come from firmware, so lengths and checksums are checked. */
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/io.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <dev/host/host.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/time/time.h>
#include <lib/string.h>

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} PACKED;

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} PACKED;

struct acpi_address { /* generic address structure */
    uint8_t space, width, offset, access;
    uint64_t address;
} PACKED;

struct acpi_madt { struct acpi_header header; uint32_t lapic, flags; } PACKED;
struct acpi_hpet { struct acpi_header header; uint32_t id; struct acpi_address address; } PACKED;

struct acpi_fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t model, profile;
    uint16_t sci;
    uint32_t smi_command;
    uint8_t enable, disable, s4, pstate;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t lengths[8];
    uint16_t latencies[2], flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved;
    uint32_t flags;
    struct acpi_address reset;
    uint8_t reset_value;
} PACKED;

STATIC_ASSERT(offsetof(struct acpi_fadt, century) == 108, "ACPI 6.5, 5.2.9");
STATIC_ASSERT(offsetof(struct acpi_fadt, reset) == 116, "ACPI 6.5, 5.2.9");

#define FADT_RESET_SUPPORTED (1u << 10)
#define ADDRESS_SPACE_IO 1
#define POWER_OFF_PATIENCE (5 * NANOS_PER_SECOND)

struct acpi_info acpi_info;

static struct acpi_isa_route isa_routes[16];

struct acpi_isa_route acpi_isa_route(unsigned line) { return isa_routes[line & 15]; }

/* A table, mapped for good; NULL when it is damaged. */
LOCAL const struct acpi_header *acpi_map_table(paddr_t phys)
{
    const struct acpi_header *header = device_map(phys, sizeof *header, CACHE_WRITE_BACK);
    if (header == NULL)
        return NULL;
    uint32_t length = header->length;
    device_unmap((void *)(uintptr_t)header);
    if (length < sizeof *header || length > 4 << 20)
        return NULL;
    const uint8_t *bytes = device_map(phys, length, CACHE_WRITE_BACK);
    if (bytes == NULL)
        return NULL;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum += bytes[i];
    header = (const void *)bytes;
    if (sum != 0)
        klog(LOG_WARNING, "acpi", "table %.4s at %#llx: wrong checksum, used all the same", header->signature,
             (unsigned long long)phys);
    return header;
}

LOCAL void acpi_read_madt(const struct acpi_header *header)
{
    const struct acpi_madt *madt = (const void *)header;
    const uint8_t *entry = (const uint8_t *)(madt + 1), *end = (const uint8_t *)header + header->length;
    acpi_info.lapic_address = madt->lapic;
    for (; entry + 2 <= end && entry[1] >= 2 && entry + entry[1] <= end; entry += entry[1]) {
        uint32_t word;
        switch (entry[0]) {
        case 0: /* local APIC */
            if (entry[1] >= 8 && (entry[4] & 1) && acpi_info.cpu_count < ACPI_MAX_CPUS)
                acpi_info.cpu_apic_ids[acpi_info.cpu_count++] = entry[3];
            break;
        case 1: /* I/O APIC */
            if (entry[1] >= 12 && acpi_info.ioapic_count < ARRAY_COUNT(acpi_info.ioapics)) {
                memcpy(&word, entry + 4, 4);
                acpi_info.ioapics[acpi_info.ioapic_count].address = word;
                memcpy(&word, entry + 8, 4);
                acpi_info.ioapics[acpi_info.ioapic_count++].first_gsi = word;
            }
            break;
        case 2: /* interrupt source override: bus, source, gsi, flags */
            if (entry[1] >= 10 && entry[3] < 16) {
                memcpy(&word, entry + 4, 4);
                isa_routes[entry[3]] = (struct acpi_isa_route){ word, (entry[8] & 3) == 3, (entry[8] >> 2 & 3) == 3 };
            }
            break;
        case 5: /* 64-bit local APIC address */
            if (entry[1] >= 12)
                memcpy(&acpi_info.lapic_address, entry + 4, 8);
            break;
        default: break;
        }
    }
}

/* AML integer of a package element: ZeroOp, OneOp or BytePrefix. */
LOCAL const uint8_t *acpi_read_small_integer(const uint8_t *at, const uint8_t *end, uint8_t *value)
{
    if (at < end && *at <= 1) {
        *value = *at;
        return at + 1;
    }
    if (at + 1 < end && *at == 0x0a) {
        *value = at[1];
        return at + 2;
    }
    return NULL;
}

/* Name(_S5_, Package { type a, type b, ... }): 08 [5c] "_S5_" 12 length count elements. */
LOCAL void acpi_read_dsdt(const struct acpi_header *dsdt)
{
    const uint8_t *at = (const uint8_t *)(dsdt + 1), *end = (const uint8_t *)dsdt + dsdt->length;
    for (; at + 8 < end; at++) {
        if (memcmp(at, "_S5_", 4) != 0 || at[4] != 0x12)
            continue;
        const uint8_t *element = at + 5;
        element += (*element >> 6) + 1; /* PkgLength */
        element++;                      /* element count */
        if (element >= end)
            return;
        element = acpi_read_small_integer(element, end, &acpi_info.sleep_type_a);
        if (element == NULL || acpi_read_small_integer(element, end, &acpi_info.sleep_type_b) == NULL)
            return;
        acpi_info.can_power_off = acpi_info.pm1a_control != 0;
        return;
    }
}

LOCAL void acpi_read_fadt(const struct acpi_header *header)
{
    const struct acpi_fadt *fadt = (const void *)header;
    if (header->length < offsetof(struct acpi_fadt, boot_flags))
        return;
    acpi_info.pm1a_control = (uint16_t)fadt->pm1a_control;
    acpi_info.pm1b_control = (uint16_t)fadt->pm1b_control;
    acpi_info.century_register = fadt->century;
    if (header->length >= sizeof *fadt && (fadt->flags & FADT_RESET_SUPPORTED) && fadt->reset.space == ADDRESS_SPACE_IO) {
        acpi_info.reset_port = (uint16_t)fadt->reset.address;
        acpi_info.reset_value = fadt->reset_value;
        acpi_info.can_reset = true;
    }
    const struct acpi_header *dsdt = acpi_map_table(fadt->dsdt);
    if (dsdt != NULL)
        acpi_read_dsdt(dsdt);
}

LOCAL void acpi_read_table(paddr_t phys)
{
    const struct acpi_header *header = acpi_map_table(phys);
    if (header == NULL)
        return;
    if (memcmp(header->signature, "APIC", 4) == 0 && header->length >= sizeof(struct acpi_madt))
        acpi_read_madt(header);
    else if (memcmp(header->signature, "FACP", 4) == 0)
        acpi_read_fadt(header);
    else if (memcmp(header->signature, "HPET", 4) == 0 && header->length >= sizeof(struct acpi_hpet))
        acpi_info.hpet_address = ((const struct acpi_hpet *)(const void *)header)->address.address;
}

void acpi_init(void)
{
    for (unsigned line = 0; line < 16; line++)
        isa_routes[line] = (struct acpi_isa_route){ line, false, false };
    if (boot_info.rsdp == 0)
        panic("acpi: the firmware gave no ACPI tables (RSDP); this machine is not supported");
    const struct acpi_rsdp *rsdp = device_map(boot_info.rsdp, sizeof *rsdp, CACHE_WRITE_BACK);
    if (rsdp == NULL)
        panic("acpi: no memory to map the RSDP");
    bool wide = rsdp->revision >= 2 && rsdp->xsdt != 0;
    const struct acpi_header *root = acpi_map_table(wide ? rsdp->xsdt : rsdp->rsdt);
    if (root == NULL)
        panic("acpi: damaged root table");
    size_t width = wide ? 8 : 4;
    size_t count = (root->length - sizeof *root) / width;
    for (size_t i = 0; i < count; i++) {
        uint64_t phys = 0;
        memcpy(&phys, (const uint8_t *)(root + 1) + i * width, width);
        acpi_read_table(phys);
    }
    if (acpi_info.lapic_address == 0 || acpi_info.ioapic_count == 0)
        panic("acpi: no MADT with a local and an I/O APIC; this machine is not supported");
    klog(LOG_INFO, "acpi", "%u CPUs, %u I/O APICs, HPET %s, power-off %s", acpi_info.cpu_count, acpi_info.ioapic_count,
         acpi_info.hpet_address != 0 ? "yes" : "no", acpi_info.can_power_off ? "yes" : "no");
}

void acpi_power_off(void)
{
    const uint16_t sleep_enable = 1u << 13;
    if (!acpi_info.can_power_off)
        return;
    if (acpi_info.pm1b_control != 0)
        io_out16(acpi_info.pm1b_control, (uint16_t)(acpi_info.sleep_type_b << 10 | sleep_enable));
    io_out16(acpi_info.pm1a_control, (uint16_t)(acpi_info.sleep_type_a << 10 | sleep_enable));
    nanos_t deadline = clock_monotonic() + POWER_OFF_PATIENCE;
    while (clock_monotonic() < deadline)
        __asm__ volatile("pause");
}

void machine_power_off(int status)
{
    (void)irqs_disable();
    smp_stop_others();
    host_report_status(status);
    acpi_power_off();
    klog(LOG_EMERGENCY, "power", "This machine has no ACPI power-off: switch it off by hand.");
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void machine_reset(void)
{
    (void)irqs_disable();
    smp_stop_others();
    if (acpi_info.can_reset)
        io_out8(acpi_info.reset_port, acpi_info.reset_value);
    io_out8(0x64, 0xfe); /* the keyboard controller's reset line */
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
