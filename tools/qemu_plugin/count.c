/*
 * A QEMU plugin that counts instructions of the machine, for make bench and tests/system/test_speed.py. counting.py builds it and
 * reads what it writes.
 *
 *     -plugin count.so,out=FILE,mark=ADDRESS,range=NAME:START:END,span=NAME:START,leave=ADDRESS,end=ADDRESS
 *
 *     range  instructions between two addresses, and how often the first ran
 *     span   from the instruction at START, to the one at a `leave` address that matches (a span may be interrupted by others, which
 *            belong to it) or an `end` address, whatever lies between: an interrupt handler, and all that it calls
 *     mark   each run of this instruction closes a period; FILE gets one line for each period, one for each section in it:
 *                period TOTAL-OF-CPU-0 TOTAL-OF-CPU-1 ...
 *                section NAME CPU HITS INSTRUCTIONS LONGEST     (CPUs that did not run it are left out)
 *
 * A span counts where it ends. Instructions of a block that a fault ends early count as run. Numbers are hexadecimal in arguments, decimal in FILE.
 */
#include "plugin_api.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS     64
#define MAX_SECTIONS 32
#define MAX_PLACES   64
#define NONE         (-1)

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API_VERSION;

enum place_kind { PLACE_MARK, PLACE_SPAN, PLACE_LEAVE, PLACE_END };

struct place {
    uint64_t address;
    enum place_kind kind;
    int section;
};

struct count {
    uint64_t hits, instructions, longest;
};

struct cpu {
    uint64_t total;
    int span, depth;   /* the section whose span is open, NONE; spans that are open */
    uint64_t span_from; /* `total` when it began */
    struct count counts[MAX_SECTIONS];
};

static struct cpu cpus[MAX_CPUS];
static int cpu_count;
static struct place places[MAX_PLACES];
static int place_count;
static struct section {
    char name[32];
    uint64_t start, end; /* of a range; 0, 0: a span */
} sections[MAX_SECTIONS];
static int section_count;
static FILE *output;

static void close_period(void)
{
    fprintf(output, "period");
    for (int cpu = 0; cpu < cpu_count; cpu++)
        fprintf(output, " %" PRIu64, cpus[cpu].total);
    fprintf(output, "\n");
    for (int section = 0; section < section_count; section++)
        for (int cpu = 0; cpu < cpu_count; cpu++) {
            struct count *count = &cpus[cpu].counts[section];
            if (count->hits != 0 || count->instructions != 0)
                fprintf(output, "section %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sections[section].name, cpu, count->hits,
                        count->instructions, count->longest);
            *count = (struct count){ 0 };
        }
    for (int cpu = 0; cpu < cpu_count; cpu++) {
        cpus[cpu].span_from -= cpus[cpu].total; /* modulo 2^64: an open span keeps its length */
        cpus[cpu].total = 0;
    }
}

static void begin_span(struct cpu *cpu, int section)
{
    if (cpu->span == NONE) {
        cpu->span = section;
        cpu->depth = 0;
        cpu->span_from = cpu->total - 1;
    }
    cpu->depth++;
}

static void end_span(struct cpu *cpu, int depth)
{
    if (cpu->span == NONE)
        return;
    cpu->depth = depth;
    if (depth > 0)
        return;
    struct count *count = &cpu->counts[cpu->span];
    uint64_t length = cpu->total - cpu->span_from;
    count->hits++;
    count->instructions += length;
    if (length > count->longest)
        count->longest = length;
    cpu->span = NONE;
}

static void on_block(unsigned int vcpu, void *data) { cpus[vcpu].total += (uintptr_t)data; }

/* Every instruction of a block in which something begins or ends. */
static void on_instruction(unsigned int vcpu, void *data)
{
    (void)data;
    cpus[vcpu].total++;
}

static void on_range(unsigned int vcpu, void *data)
{
    cpus[vcpu].counts[(uintptr_t)data].instructions++;
}

static void on_range_start(unsigned int vcpu, void *data) { cpus[vcpu].counts[(uintptr_t)data].hits++; }

static void on_place(unsigned int vcpu, void *data)
{
    struct cpu *cpu = &cpus[vcpu];
    const struct place *place = data;
    switch (place->kind) {
    case PLACE_MARK: close_period(); break;
    case PLACE_SPAN: begin_span(cpu, place->section); break;
    case PLACE_LEAVE: end_span(cpu, cpu->depth - 1); break;
    case PLACE_END: end_span(cpu, 0); break;
    }
}

static struct place *find_place(uint64_t address)
{
    for (int i = 0; i < place_count; i++)
        if (places[i].address == address)
            return &places[i];
    return NULL;
}

static int find_range(uint64_t address)
{
    for (int i = 0; i < section_count; i++)
        if (address >= sections[i].start && address < sections[i].end)
            return i;
    return NONE;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(block);
    bool is_special = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, i));
        is_special |= find_place(address) != NULL || find_range(address) != NONE;
    }
    if (!is_special) {
        qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        struct place *place = find_place(address);
        int range = find_range(address);
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_instruction, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (range != NONE)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_range, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)range);
        if (range != NONE && address == sections[range].start)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_range_start, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)range);
        if (place != NULL)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_place, QEMU_PLUGIN_CB_NO_REGS, place);
    }
}

static void finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    close_period();
    fclose(output);
}

/* A section by its name, made if there is none. NONE: too many. */
static int section_named(const char *name)
{
    for (int i = 0; i < section_count; i++)
        if (strcmp(sections[i].name, name) == 0)
            return i;
    if (section_count == MAX_SECTIONS)
        return NONE;
    snprintf(sections[section_count].name, sizeof sections[0].name, "%s", name);
    return section_count++;
}

static bool add_place(enum place_kind kind, int section, uint64_t address)
{
    if (place_count == MAX_PLACES || section < NONE)
        return false;
    places[place_count++] = (struct place){ .address = address, .kind = kind, .section = section };
    return true;
}

/* One argument, NAME=VALUE. */
static bool take_argument(const char *argument)
{
    char name[32];
    uint64_t start, end;
    if (strncmp(argument, "out=", 4) == 0)
        return (output = fopen(argument + 4, "w")) != NULL;
    if (sscanf(argument, "mark=%" SCNx64, &start) == 1)
        return add_place(PLACE_MARK, NONE, start);
    if (sscanf(argument, "leave=%" SCNx64, &start) == 1)
        return add_place(PLACE_LEAVE, NONE, start);
    if (sscanf(argument, "end=%" SCNx64, &start) == 1)
        return add_place(PLACE_END, NONE, start);
    if (sscanf(argument, "span=%31[^:]:%" SCNx64, name, &start) == 2)
        return section_named(name) != NONE && add_place(PLACE_SPAN, section_named(name), start);
    if (sscanf(argument, "range=%31[^:]:%" SCNx64 ":%" SCNx64, name, &start, &end) != 3 || section_named(name) == NONE)
        return false;
    sections[section_named(name)].start = start;
    sections[section_named(name)].end = end;
    return true;
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!take_argument(argv[i])) {
            fprintf(stderr, "count.so: what is %s?\n", argv[i]);
            return -1;
        }
    cpu_count = info->system_emulation ? info->system.smp_vcpus : 0;
    if (output == NULL || cpu_count == 0 || cpu_count > MAX_CPUS) {
        fprintf(stderr, "count.so: out=FILE is missing, or the number of CPUs is not 1 to %d\n", MAX_CPUS);
        return -1;
    }
    for (int cpu = 0; cpu < cpu_count; cpu++)
        cpus[cpu].span = NONE;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
