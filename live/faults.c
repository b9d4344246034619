/* The ring of faults; the contract is in faults.h. Writers come from any context, so no lock: a record's sequence is odd while it is written. */
#include <kernel/report/report.h>
#include <kernel/symbols.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/faults.h>
#include <live/linker.h>
#include <live/private.h>

#define RECORDS 64
#define NAMED_FRAMES 8
#define NAME_SIZE 64
#define WHAT_SIZE 64

struct fault_record {
    volatile uint64_t sequence; /* 2 * number when it is whole, one less while it is written; 0: never used */
    nanos_t when;
    char what[WHAT_SIZE];
    struct live_fault fault;
    char names[NAMED_FRAMES][NAME_SIZE]; /* "function+0x12" */
};

static struct fault_record records[RECORDS];
static volatile uint64_t record_count;

uint64_t live_fault_count(void) { return __atomic_load_n(&record_count, __ATOMIC_ACQUIRE); }

/* Tabs and line ends part the report's fields. */
LOCAL void fault_copy_text(char *to, const char *from, size_t size)
{
    strlcpy(to, from, size);
    for (char *at = to; *at != '\0'; at++)
        if ((uint8_t)*at < ' ')
            *at = ' ';
}

void live_fault_record(const struct live_fault *fault, const char *what)
{
    uint64_t number = __atomic_add_fetch(&record_count, 1, __ATOMIC_ACQ_REL);
    struct fault_record *record = &records[number % RECORDS];
    __atomic_store_n(&record->sequence, 2 * number - 1, __ATOMIC_SEQ_CST);
    record->when = clock_monotonic();
    fault_copy_text(record->what, what, sizeof record->what);
    record->fault = *fault;
    fault_copy_text(record->fault.text, fault->text, sizeof record->fault.text);
    for (uint32_t i = 0; i < NAMED_FRAMES; i++) {
        record->names[i][0] = '\0';
        if (i < fault->frame_count)
            symbol_format(fault->frames[i] - (i != 0), record->names[i], NAME_SIZE);
    }
    __atomic_store_n(&record->sequence, 2 * number, __ATOMIC_RELEASE);
}

LOCAL bool fault_copy(uint64_t number, struct fault_record *copy)
{
    const struct fault_record *record = &records[number % RECORDS];
    if (__atomic_load_n(&record->sequence, __ATOMIC_ACQUIRE) != 2 * number)
        return false;
    memcpy(copy, record, sizeof *copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return record->sequence == 2 * number; /* else it was overwritten meanwhile */
}

LOCAL void fault_print(const struct report_output *output, uint64_t number, const struct fault_record *record)
{
    const struct live_fault *fault = &record->fault;
    report_print(output, "%llu\t%lld\t%s\t%s\t%u\t%#llx\t%d\t%u\t%llu\t%llu\t%s\t", (unsigned long long)number,
                 (long long)(record->when / NANOS_PER_MILLISECOND), record->what, live_fault_name(fault->kind), fault->kind,
                 (unsigned long long)fault->address, fault->thread, fault->cpu, (unsigned long long)fault->module,
                 (unsigned long long)fault->locks_released, fault->text);
    for (uint32_t i = 0; i < fault->frame_count; i++)
        report_print(output, "%s%#llx %s", i == 0 ? "" : " < ", (unsigned long long)fault->frames[i],
                     i < NAMED_FRAMES ? record->names[i] : "");
    report_print(output, "\n");
}

void live_report_faults(const struct report_output *output)
{
    struct fault_record *copy = live_allocate(sizeof *copy);
    if (copy == NULL) {
        report_print(output, "no memory for this report\n");
        return;
    }
    report_print(output, "number\tms\twhat\tfault\tkind\taddress\tthread\tcpu\tmodule\tlocks released\ttext\twhere\n");
    const uint64_t last = live_fault_count();
    for (uint64_t number = last > RECORDS ? last - RECORDS + 1 : 1; number <= last; number++)
        if (fault_copy(number, copy))
            fault_print(output, number, copy);
    live_release(copy, sizeof *copy);
}
