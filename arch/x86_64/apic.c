/* APIC drivers. xAPIC mode: the register window works on every CPU that the kernel starts on. */
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/io.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>

#define LAPIC_ID        0x20
#define LAPIC_TPR       0x80
#define LAPIC_EOI       0xb0
#define LAPIC_SPURIOUS  0xf0
#define LAPIC_ICR_LOW   0x300
#define LAPIC_ICR_HIGH  0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_LVT_ERROR 0x370
#define LAPIC_SOFTWARE_ENABLE 0x100
#define LVT_MASKED      0x10000
#define LVT_NMI         0x400
#define APIC_BASE_ENABLE (1u << 11)
#define ICR_ASSERT      0x4000
#define ICR_NMI         0x400
#define ICR_INIT        0x500
#define ICR_STARTUP     0x600
#define ICR_PENDING     0x1000

#define IOAPIC_SELECT   0x00
#define IOAPIC_WINDOW   0x10
#define IOAPIC_VERSION  0x01
#define IOAPIC_REDIRECTION 0x10
#define REDIRECTION_ACTIVE_LOW (1u << 13)
#define REDIRECTION_NMI        (4u << 8) /* edge-triggered always */
#define DESTINATION_ALL        0xffu
#define REDIRECTION_LEVEL      (1u << 15)
#define REDIRECTION_MASKED     (1u << 16)

#define MAX_IOAPICS 8

struct ioapic {
    volatile uint32_t *registers;
    uint32_t first_gsi;
    uint32_t inputs;
};

static volatile uint32_t *lapic;
static struct ioapic ioapics[MAX_IOAPICS];
static unsigned ioapic_count;
static struct spinlock ioapic_lock = SPINLOCK_INIT("ioapic", LOCK_RANK_LEAF);

LOCAL uint32_t lapic_read(unsigned reg) { return lapic[reg / 4]; }
LOCAL void lapic_write(unsigned reg, uint32_t value) { lapic[reg / 4] = value; }

void apic_acknowledge(void) { lapic_write(LAPIC_EOI, 0); }
uint32_t apic_id(void) { return lapic_read(LAPIC_ID) >> 24; }
void *apic_registers(void) { return (void *)(uintptr_t)lapic; }

LOCAL uint32_t ioapic_read(const struct ioapic *io, uint32_t reg)
{
    io->registers[IOAPIC_SELECT / 4] = reg;
    return io->registers[IOAPIC_WINDOW / 4];
}

LOCAL void ioapic_write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
    io->registers[IOAPIC_SELECT / 4] = reg;
    io->registers[IOAPIC_WINDOW / 4] = value;
}

/* Both PICs: remapped away from the exceptions, then masked (82C59A data sheet). */
LOCAL void pic_disable(void)
{
    io_out8(0x20, 0x11);
    io_out8(0xa0, 0x11);
    io_out8(0x21, VECTOR_SPURIOUS & 0xf8);
    io_out8(0xa1, VECTOR_SPURIOUS & 0xf8);
    io_out8(0x21, 4);
    io_out8(0xa1, 2);
    io_out8(0x21, 1);
    io_out8(0xa1, 1);
    io_out8(0x21, 0xff);
    io_out8(0xa1, 0xff);
}

LOCAL void ioapic_init(paddr_t phys, uint32_t first_gsi)
{
    if (ioapic_count == MAX_IOAPICS)
        return;
    struct ioapic *io = &ioapics[ioapic_count];
    io->registers = device_map(phys, PAGE_SIZE, CACHE_UNCACHED);
    if (io->registers == NULL)
        panic("apic: cannot map the I/O APIC at %#llx", (unsigned long long)phys);
    io->first_gsi = first_gsi;
    io->inputs = (ioapic_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
    for (uint32_t i = 0; i < io->inputs; i++)
        ioapic_write(io, IOAPIC_REDIRECTION + 2 * i, REDIRECTION_MASKED);
    ioapic_count++;
}

/* The two halves of the command register are written with interrupts off: a handler may send, too. */
LOCAL void apic_command(uint32_t apic_id, uint32_t command)
{
    uint64_t flags = irqs_disable();
    while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
        __asm__ volatile("pause");
    lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
    lapic_write(LAPIC_ICR_LOW, command);
    irqs_restore(flags);
}

void apic_send(uint32_t apic_id, uint8_t vector) { apic_command(apic_id, ICR_ASSERT | vector); }
void apic_send_nmi(uint32_t apic_id) { apic_command(apic_id, ICR_ASSERT | ICR_NMI); }
void apic_send_init(uint32_t apic_id) { apic_command(apic_id, ICR_ASSERT | ICR_INIT); }
void apic_send_startup(uint32_t apic_id, uint8_t page) { apic_command(apic_id, ICR_ASSERT | ICR_STARTUP | page); }

void apic_init_cpu(void)
{
    paddr_t base = acpi_info.lapic_address;
    msr_write(MSR_APIC_BASE, (msr_read(MSR_APIC_BASE) & 0xfff) | base | APIC_BASE_ENABLE);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, this_cpu()->id == 0 ? LVT_NMI : LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    lapic_write(LAPIC_SPURIOUS, LAPIC_SOFTWARE_ENABLE | VECTOR_SPURIOUS);
    this_cpu()->apic_id = apic_id();
}

void apic_init(void)
{
    pic_disable();
    paddr_t base = acpi_info.lapic_address;
    lapic = device_map(base, PAGE_SIZE, CACHE_UNCACHED);
    if (lapic == NULL)
        panic("apic: cannot map the local APIC at %#llx", (unsigned long long)base);
    apic_init_cpu();
    for (unsigned i = 0; i < acpi_info.ioapic_count; i++)
        ioapic_init(acpi_info.ioapics[i].address, acpi_info.ioapics[i].first_gsi);
}

uint32_t ioapic_input_count(void)
{
    uint32_t end = 0;
    for (unsigned i = 0; i < ioapic_count; i++)
        end = MAX(end, ioapics[i].first_gsi + ioapics[i].inputs);
    return end;
}

/* The I/O APIC with input `gsi`, and the register of its entry; NULL: none has it. */
LOCAL const struct ioapic *ioapic_find(uint32_t gsi, uint32_t *reg)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        const struct ioapic *io = &ioapics[i];
        if (gsi < io->first_gsi || gsi - io->first_gsi >= io->inputs)
            continue;
        *reg = IOAPIC_REDIRECTION + 2 * (gsi - io->first_gsi);
        return io;
    }
    return NULL;
}

/* Both halves of the entry of input `gsi`. 0 or -EINVAL. */
LOCAL int ioapic_set(uint32_t gsi, uint32_t destination, uint32_t entry)
{
    uint32_t reg;
    const struct ioapic *io = ioapic_find(gsi, &reg);
    if (io == NULL)
        return -EINVAL;
    irq_flags_t flags = spin_lock_irq(&ioapic_lock);
    ioapic_write(io, reg + 1, destination << 24);
    ioapic_write(io, reg, entry);
    spin_unlock_irq(&ioapic_lock, flags);
    return 0;
}

int ioapic_route(uint32_t gsi, unsigned vector, bool active_low, bool level)
{
    return ioapic_set(gsi, cpus[0].apic_id,
                      vector | (active_low ? REDIRECTION_ACTIVE_LOW : 0) | (level ? REDIRECTION_LEVEL : 0));
}

int ioapic_route_nmi(uint32_t gsi) { return ioapic_set(gsi, DESTINATION_ALL, REDIRECTION_NMI); }

void ioapic_mask(uint32_t gsi) { (void)!ioapic_set(gsi, cpus[0].apic_id, REDIRECTION_MASKED); }
