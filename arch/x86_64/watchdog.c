/*
 * The watchdog's NMI: channel 0 of the PIT (8254 data sheet, mode 2; the clocks use channel 2), whose I/O APIC input delivers an NMI to
 * every CPU. Started with the first live code, and never stopped: it costs a microsecond per tick.
 */
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/io.h>
#include <arch/x86_64/watchdog.h>
#include <kernel/log.h>

#define PIT_CHANNEL_0 0x40
#define PIT_COMMAND   0x43
#define PIT_CHANNEL_0_BOTH_BYTES_MODE_2 0x34

static bool started;

bool watchdog_start(void)
{
    if (__atomic_exchange_n(&started, true, __ATOMIC_ACQ_REL))
        return true;
    io_out8(PIT_COMMAND, PIT_CHANNEL_0_BOTH_BYTES_MODE_2);
    io_out8(PIT_CHANNEL_0, 0); /* 65536, low byte first */
    io_out8(PIT_CHANNEL_0, 0);
    if (ioapic_route_nmi(acpi_isa_route(0).gsi) == 0)
        return true;
    klog(LOG_WARNING, "live", "no I/O APIC input of the PIT: live code that loops with interrupts off stops its CPU");
    return false;
}
