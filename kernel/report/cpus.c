/* Reports on CPUs: what each did and does, and where each is at this moment, asked by NMI. */
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/smp.h>
#include <kernel/report/private.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <lib/string.h>

void report_cpus(const struct report_output *output)
{
    report_print(output, "cpu\tapic id\tbusy us\tidle us\tswitches\tstolen\tinterrupts\tshoot-downs\trunning\n");
    for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
        int32_t id = __builtin_ctzll(left);
        const struct cpu *cpu = &cpus[id];
        nanos_t busy, idle;
        char name[THREAD_NAME_SIZE];
        thread_get_cpu_times(id, &busy, &idle);
        thread_get_running_name(id, name);
        report_print(output, "%d\t%u\t%lld\t%lld\t%llu\t%llu\t%llu\t%llu\t%s\n", id, cpu->apic_id,
                     (long long)(busy / NANOS_PER_MICROSECOND), (long long)(idle / NANOS_PER_MICROSECOND),
                     (unsigned long long)cpu->switches, (unsigned long long)cpu->steals,
                     (unsigned long long)cpu->interrupts, (unsigned long long)cpu->shoot_downs, name);
    }
}

LOCAL void report_snapshot(const struct report_output *output, int32_t id)
{
    static const char *const roles[] = { "kernel", "world", "ring 3" };
    static struct mutex one_at_a_time = MUTEX_INIT(one_at_a_time, "cpu snapshots", LOCK_RANK_DEVICE);
    struct smp_snapshot snapshot;
    mutex_lock(&one_at_a_time);
    bool answered = smp_take_snapshot(id, &snapshot);
    mutex_unlock(&one_at_a_time);
    if (!answered) {
        report_print(output, "CPU %d\tdoes not answer\n", id);
        return;
    }
    report_print(output, "CPU %d\tthread %d %s, in the %s, interrupts %s\n", id, snapshot.thread_id, snapshot.thread_name,
                 snapshot.role < ARRAY_COUNT(roles) ? roles[snapshot.role] : "?", snapshot.interrupts_on ? "on" : "off");
    for (uint32_t i = 0; i < snapshot.frame_count; i++) {
        char name[96];
        report_print(output, "  #%u\t%#llx %s\n", i, (unsigned long long)snapshot.frames[i],
                     symbol_format(snapshot.frames[i], name, sizeof name));
    }
}

void report_backtraces(const struct report_output *output)
{
    report_print(output, "CPU\twhere\n");
    for (uint64_t left = smp_online(); left != 0; left &= left - 1)
        report_snapshot(output, __builtin_ctzll(left));
}
