/*
 * /proc/PID, proc(5).
 *
 * Generators run with a lock of rank INODE held, so the process's own mutex
 * (rank PROCESS) cannot be taken: fields that change are read once, and threads
 * are found through the list of all threads.
 */
#include <fs/procfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <dev/tty/tty.h>
#include <arch/x86_64/paging.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TICKS_PER_SECOND 100 /* USER_HZ */

/* --- threads ----------------------------------------------------------------------------- */

struct procfs_thread_search {
    const struct process *process;
    int32_t from;       /* the smallest id that counts */
    int32_t found;      /* the smallest id found; -1: none */
    uint32_t count;
    nanos_t cpu_time;
    uint64_t switches;
    uint32_t state;     /* of `found` */
    nanos_t found_time;
    char name[THREAD_NAME_SIZE]; /* of `found` */
    uint64_t mask, pending;
};

LOCAL void procfs_visit_thread(struct thread *thread, void *context)
{
    struct procfs_thread_search *search = context;
    if (thread->process != search->process || thread->state == THREAD_DEAD)
        return;
    search->count++;
    search->cpu_time += thread->cpu_time;
    search->switches += thread->switches;
    if (thread->id < search->from || (search->found >= 0 && thread->id >= search->found))
        return;
    search->found = thread->id;
    search->state = thread->state;
    search->found_time = thread->cpu_time;
    search->mask = thread->signal_mask;
    search->pending = thread->signal_pending;
    memcpy(search->name, thread->name, THREAD_NAME_SIZE);
}

/* Sums over all threads, and the one with the smallest id >= `from`. */
LOCAL struct procfs_thread_search procfs_search_threads(const struct process *process, int32_t from)
{
    struct procfs_thread_search search = { .process = process, .from = from, .found = -1 };
    thread_for_each(procfs_visit_thread, &search);
    return search;
}

LOCAL char procfs_state_letter(const struct process *process, uint32_t state)
{
    if (process->is_zombie)
        return 'Z';
    if (process->stop_signal != 0)
        return 'T';
    switch (state) {
    case THREAD_READY:
    case THREAD_RUNNING: return 'R';
    case THREAD_DEAD: return 'Z';
    default: return 'S';
    }
}

/* --- memory ------------------------------------------------------------------------------ */

LOCAL void procfs_print_area(const struct area *area, void *context)
{
    struct text *text = context;
    struct file_status status = { 0 };
    if (area->inode != NULL) {
        status.device = area->inode->super->device;
        status.inode_number = area->inode->number;
    }
    size_t before = text->length;
    text_print(text, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu", (unsigned long long)area->start,
               (unsigned long long)area->end, (area->protection & AREA_READ) ? 'r' : '-',
               (area->protection & AREA_WRITE) ? 'w' : '-', (area->protection & AREA_EXECUTE) ? 'x' : '-',
               (area->flags & MAP_SHARED) ? 's' : 'p', (unsigned long long)area->offset,
               DEVICE_MAJOR((uint32_t)status.device), DEVICE_MINOR((uint32_t)status.device),
               (unsigned long long)status.inode_number);
    if (area->name != NULL) { /* names start in column 73, as on Linux */
        size_t width = text->length - before;
        text_print(text, "%*s%s", width < 73 ? (int)(73 - width) : 1, "", area->name);
    }
    text_append(text, "\n", 1);
}

LOCAL void procfs_generate_maps(const struct procfs_subject *subject, struct text *text)
{
    if (subject->process->space != NULL)
        address_space_for_each_area(subject->process->space, procfs_print_area, text);
}

struct procfs_smaps { struct text *text; paddr_t root; };

LOCAL void procfs_print_sizes_of_area(const struct area *area, void *context)
{
    const struct procfs_smaps *smaps = context;
    uint64_t resident = 0; /* pages */
    for (vaddr_t address = area->start; address < area->end; address += PAGE_SIZE) {
        const pte_t *entry = paging_entry(smaps->root, address, false);
        resident += entry != NULL && (*entry & PTE_PRESENT) != 0;
    }
    procfs_print_area(area, smaps->text);
    text_print(smaps->text, "Size:           %8llu kB\nRss:            %8llu kB\n",
               (unsigned long long)(area->end - area->start) / 1024, (unsigned long long)resident * (PAGE_SIZE / 1024));
}

/* Of Linux's fields only the sizes. */
LOCAL void procfs_generate_smaps(const struct procfs_subject *subject, struct text *text)
{
    struct address_space *space = subject->process->space;
    struct procfs_smaps smaps = { text, space != NULL ? space->root : 0 };
    if (space != NULL)
        address_space_for_each_area(space, procfs_print_sizes_of_area, &smaps);
}

struct procfs_sizes {
    uint64_t total, code, data; /* pages */
    uint64_t resident, peak;
};

LOCAL void procfs_add_area(const struct area *area, void *context)
{
    struct procfs_sizes *sizes = context;
    uint64_t pages = (area->end - area->start) / PAGE_SIZE;
    sizes->total += pages;
    if (area->protection & AREA_EXECUTE)
        sizes->code += pages;
    else if (area->protection & AREA_WRITE)
        sizes->data += pages;
}

LOCAL struct procfs_sizes procfs_get_sizes(const struct process *process)
{
    struct procfs_sizes sizes = { 0 };
    if (process->space != NULL) {
        address_space_for_each_area(process->space, procfs_add_area, &sizes);
        sizes.resident = process->space->resident;
        sizes.peak = process->space->resident_peak;
    }
    return sizes;
}

LOCAL void procfs_generate_statm(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_sizes sizes = procfs_get_sizes(subject->process);
    text_print(text, "%llu %llu 0 %llu 0 %llu 0\n", (unsigned long long)sizes.total,
               (unsigned long long)sizes.resident, (unsigned long long)sizes.code, (unsigned long long)sizes.data);
}

/* --- state ------------------------------------------------------------------------------- */

/* The fields of proc(5), /proc/pid/stat; those that do not exist here are 0. */
LOCAL void procfs_print_stat(const struct process *process, const char *name, int32_t id, char state, nanos_t time,
                             uint32_t threads, struct text *text)
{
    struct procfs_sizes sizes = procfs_get_sizes(process);
    text_print(text, "%d (%s) %c %d %d %d %d %d 0 %llu 0 0 0 ", id, name, state, process->parent_id,
               process->group_id, process->session_id, process->tty != NULL ? 1025 : 0,
               process->tty != NULL ? tty_foreground(process->tty) : -1,
               (unsigned long long)(process->space != NULL ? process->space->faults : 0));
    text_print(text, "%llu 0 0 0 20 0 %u 0 %llu %llu %llu 18446744073709551615 ",
               (unsigned long long)(time * TICKS_PER_SECOND / NANOS_PER_SECOND), threads,
               (unsigned long long)(process->start_time * TICKS_PER_SECOND / NANOS_PER_SECOND),
               (unsigned long long)(sizes.total * PAGE_SIZE), (unsigned long long)sizes.resident);
    /* startcode ... policy, delays, memory layout, exit code: 52 fields in all */
    text_print(text, "0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 %d\n", process->exit_status);
}

LOCAL void procfs_generate_stat(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_thread_search all = procfs_search_threads(subject->process, 0);
    procfs_print_stat(subject->process, subject->process->name, subject->process->id,
                      procfs_state_letter(subject->process, all.state),
                      all.cpu_time + subject->process->ended_time, all.count, text);
}

LOCAL void procfs_generate_thread_stat(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_thread_search one = procfs_search_threads(subject->process, subject->number);
    if (one.found == subject->number)
        procfs_print_stat(subject->process, one.name, one.found, procfs_state_letter(subject->process, one.state), one.found_time,
                          one.count, text);
}

LOCAL const char *procfs_state_name(char letter)
{
    return letter == 'R' ? "running" : letter == 'Z' ? "zombie" : letter == 'T' ? "stopped" : "sleeping";
}

LOCAL void procfs_generate_status(const struct procfs_subject *subject, struct text *text)
{
    const struct process *process = subject->process;
    const struct credentials *c = &process->credentials;
    struct procfs_sizes sizes = procfs_get_sizes(process);
    struct procfs_thread_search all = procfs_search_threads(process, subject->number);
    char state = procfs_state_letter(subject->process, all.state);
    const unsigned kilobytes = PAGE_SIZE / 1024;
    text_print(text, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n",
               subject->number > 0 ? all.name : process->name, process->fs != NULL ? process->fs->umask : 0, state, procfs_state_name(state),
               process->id, subject->number > 0 ? subject->number : process->id, process->parent_id);
    text_print(text, "TracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%d\n",
               c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid, FILE_TABLE_LIMIT);
    text_print(text, "VmSize:\t%8llu kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nVmData:\t%8llu kB\nVmExe:\t%8llu kB\n",
               (unsigned long long)sizes.total * kilobytes, (unsigned long long)sizes.peak * kilobytes,
               (unsigned long long)sizes.resident * kilobytes, (unsigned long long)sizes.data * kilobytes,
               (unsigned long long)sizes.code * kilobytes);
    text_print(text, "Threads:\t%u\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n", all.count,
               (unsigned long long)all.pending,
               (unsigned long long)(process->signals != NULL ? process->signals->pending : 0),
               (unsigned long long)all.mask);
    text_print(text, "Cpus_allowed_list:\t0\nvoluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t0\n",
               (unsigned long long)all.switches);
}

LOCAL void procfs_generate_cmdline(const struct procfs_subject *subject, struct text *text)
{
    if (subject->process->arguments != NULL && !subject->process->is_zombie)
        text_append(text, subject->process->arguments, subject->process->arguments_size);
}

/* As the program's memory has it now; a part that cannot be read ends the text. */
LOCAL void procfs_generate_environ(const struct procfs_subject *subject, struct text *text)
{
    struct address_space *space = subject->process->space;
    char part[256];
    if (space == NULL)
        return;
    for (vaddr_t address = space->environment_start; address < space->environment_end;) {
        size_t size = MIN(sizeof part, space->environment_end - address);
        if (space_read(space, address, part, size) != 0)
            return;
        text_append(text, part, size);
        address += size;
    }
}

LOCAL void procfs_generate_auxv(const struct procfs_subject *subject, struct text *text)
{
    text_append(text, subject->process->auxiliary, subject->process->auxiliary_size);
}

LOCAL void procfs_generate_comm(const struct procfs_subject *subject, struct text *text)
{
    text_print(text, "%s\n", subject->process->name);
}

LOCAL void procfs_generate_thread_comm(const struct procfs_subject *subject, struct text *text)
{
    struct procfs_thread_search one = procfs_search_threads(subject->process, subject->number);
    if (one.found == subject->number)
        text_print(text, "%s\n", one.name);
}

LOCAL void procfs_print_limit(struct text *text, uint64_t limit)
{
    if (limit == RLIM64_INFINITY)
        text_print(text, "%-20s ", "unlimited");
    else
        text_print(text, "%-20llu ", (unsigned long long)limit);
}

LOCAL void procfs_generate_limits(const struct procfs_subject *subject, struct text *text)
{
    static const struct { const char *name, *unit; } rows[PROCESS_LIMIT_COUNT] = {
        [RLIMIT_CPU] = { "Max cpu time", "seconds" }, [RLIMIT_FSIZE] = { "Max file size", "bytes" },
        [RLIMIT_DATA] = { "Max data size", "bytes" }, [RLIMIT_STACK] = { "Max stack size", "bytes" },
        [RLIMIT_CORE] = { "Max core file size", "bytes" }, [RLIMIT_RSS] = { "Max resident set", "bytes" },
        [RLIMIT_NPROC] = { "Max processes", "processes" }, [RLIMIT_NOFILE] = { "Max open files", "files" },
        [RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" }, [RLIMIT_AS] = { "Max address space", "bytes" },
        [RLIMIT_LOCKS] = { "Max file locks", "locks" }, [RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
        [RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" }, [RLIMIT_NICE] = { "Max nice priority", "" },
        [RLIMIT_RTPRIO] = { "Max realtime priority", "" }, [RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
    };
    text_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < PROCESS_LIMIT_COUNT; i++) {
        text_print(text, "%-25s ", rows[i].name);
        procfs_print_limit(text, subject->process->limits[i].rlim_cur);
        procfs_print_limit(text, subject->process->limits[i].rlim_max);
        text_print(text, "%-10s\n", rows[i].unit);
    }
}

/* --- links ------------------------------------------------------------------------------- */

/* A path as the reader's root sees it. */
LOCAL isize_t procfs_path_text(const struct path *path, char *buffer, size_t size)
{
    struct path root;
    char *text;
    char *storage = kmalloc(PATH_SIZE_MAX);
    if (storage == NULL)
        return -ENOMEM;
    fs_context_get_root(process_current()->fs, &root);
    isize_t length = path_to_text(path, &root, storage, PATH_SIZE_MAX, &text, NULL);
    path_put(&root);
    if (length >= 0) {
        length = MIN(length, (isize_t)size);
        memcpy(buffer, text, (size_t)length);
    }
    kfree(storage);
    return length;
}

LOCAL int procfs_follow_cwd(const struct procfs_subject *subject, struct path *target)
{
    if (subject->process->fs == NULL)
        return -ENOENT;
    fs_context_get_cwd(subject->process->fs, target);
    return 0;
}

LOCAL int procfs_follow_root(const struct procfs_subject *subject, struct path *target)
{
    if (subject->process->fs == NULL)
        return -ENOENT;
    fs_context_get_root(subject->process->fs, target);
    return 0;
}

LOCAL isize_t procfs_read_cwd(const struct procfs_subject *subject, char *buffer, size_t size)
{
    struct path path;
    int error = procfs_follow_cwd(subject, &path);
    if (error != 0)
        return error;
    isize_t length = procfs_path_text(&path, buffer, size);
    path_put(&path);
    return length;
}

LOCAL isize_t procfs_read_root(const struct procfs_subject *subject, char *buffer, size_t size)
{
    struct path path;
    int error = procfs_follow_root(subject, &path);
    if (error != 0)
        return error;
    isize_t length = procfs_path_text(&path, buffer, size);
    path_put(&path);
    return length;
}

LOCAL isize_t procfs_read_exe(const struct procfs_subject *subject, char *buffer, size_t size)
{
    const char *path = subject->process->executable;
    if (path == NULL)
        return -ENOENT;
    size_t length = MIN(strlen(path), size);
    memcpy(buffer, path, length);
    return (isize_t)length;
}

isize_t procfs_read_self(const struct procfs_subject *subject, char *buffer, size_t size)
{
    struct process *process = process_current();
    return process == NULL ? -ENOENT : procfs_link_text(buffer, size, "%d", process->id);
}

isize_t procfs_read_thread_self(const struct procfs_subject *subject, char *buffer, size_t size)
{
    struct process *process = process_current();
    return process == NULL ? -ENOENT
                           : procfs_link_text(buffer, size, "%d/task/%d", process->id, thread_current()->id);
}

/* --- fd/ --------------------------------------------------------------------------------- */

LOCAL isize_t procfs_fd_text(const struct file *file, char *buffer, size_t size)
{
    struct path path = { file->mount, file->dentry };
    if (path.dentry != NULL)
        return procfs_path_text(&path, buffer, size);
    const char *kind = file->ops->name;
    if (kind[0] == '[') /* as Linux shows what has no type of its own */
        return procfs_link_text(buffer, size, "anon_inode:%s", kind);
    return procfs_link_text(buffer, size, "%s:[%llu]", kind, (unsigned long long)file->inode->number);
}

LOCAL isize_t procfs_read_fd(const struct procfs_subject *subject, char *buffer, size_t size)
{
    struct file_table *files = subject->process->files;
    struct file *file = files == NULL ? NULL : file_table_get(files, subject->number);
    if (file == NULL)
        return -ENOENT;
    isize_t length = procfs_fd_text(file, buffer, size);
    file_put(file);
    return length;
}

LOCAL int procfs_follow_fd(const struct procfs_subject *subject, struct path *target)
{
    struct file_table *files = subject->process->files;
    struct file *file = files == NULL ? NULL : file_table_get(files, subject->number);
    int error = 0;
    if (file == NULL)
        return -ENOENT;
    if (file->dentry != NULL) {
        target->mount = file->mount;
        target->dentry = file->dentry;
        path_get(target);
    } else {
        error = vfs_anonymous_path(file->inode, target);
    }
    file_put(file);
    return error;
}

static const struct procfs_entry procfs_fd = {
    .mode = S_IFLNK | 0700, .read_link = procfs_read_fd, .follow = procfs_follow_fd
};

LOCAL const struct procfs_entry *procfs_find_fd(struct procfs_subject *subject, int32_t number)
{
    if (subject->process->files == NULL || file_table_get_flags(subject->process->files, number) < 0)
        return NULL;
    subject->number = number;
    return &procfs_fd;
}

LOCAL int32_t procfs_next_fd(const struct procfs_subject *subject, int32_t from)
{
    return subject->process->files == NULL ? -1 : file_table_next(subject->process->files, from);
}

/* --- task/ ------------------------------------------------------------------------------- */

static const struct procfs_entry procfs_thread_entries[] = {
    { .name = "comm", .mode = S_IFREG | 0444, .generate = procfs_generate_thread_comm },
    { .name = "stat", .mode = S_IFREG | 0444, .generate = procfs_generate_thread_stat },
    { .name = "status", .mode = S_IFREG | 0444, .generate = procfs_generate_status },
    { .name = "maps", .mode = S_IFREG | 0444, .generate = procfs_generate_maps },
    { .name = "smaps", .mode = S_IFREG | 0444, .generate = procfs_generate_smaps },
};

static const struct procfs_entry procfs_thread = {
    .mode = S_IFDIR | 0555, .children = procfs_thread_entries, .child_count = ARRAY_COUNT(procfs_thread_entries)
};

LOCAL int32_t procfs_next_thread(const struct procfs_subject *subject, int32_t from)
{
    return procfs_search_threads(subject->process, from).found;
}

LOCAL const struct procfs_entry *procfs_find_thread(struct procfs_subject *subject, int32_t number)
{
    if (procfs_next_thread(subject, number) != number)
        return NULL;
    subject->number = number;
    return &procfs_thread;
}

/* --- /proc/PID --------------------------------------------------------------------------- */

static const struct procfs_entry procfs_process_entries[] = {
    { .name = "auxv", .mode = S_IFREG | 0400, .generate = procfs_generate_auxv },
    { .name = "cmdline", .mode = S_IFREG | 0444, .generate = procfs_generate_cmdline },
    { .name = "comm", .mode = S_IFREG | 0444, .generate = procfs_generate_comm },
    { .name = "cwd", .mode = S_IFLNK | 0777, .read_link = procfs_read_cwd, .follow = procfs_follow_cwd },
    { .name = "environ", .mode = S_IFREG | 0400, .generate = procfs_generate_environ },
    { .name = "exe", .mode = S_IFLNK | 0777, .read_link = procfs_read_exe },
    { .name = "fd", .mode = S_IFDIR | 0500, .find = procfs_find_fd, .next = procfs_next_fd, .number_type = DT_LNK },
    { .name = "limits", .mode = S_IFREG | 0444, .generate = procfs_generate_limits },
    { .name = "maps", .mode = S_IFREG | 0444, .generate = procfs_generate_maps },
    { .name = "smaps", .mode = S_IFREG | 0444, .generate = procfs_generate_smaps },
    { .name = "mounts", .mode = S_IFREG | 0444, .generate = procfs_generate_mounts },
    { .name = "root", .mode = S_IFLNK | 0777, .read_link = procfs_read_root, .follow = procfs_follow_root },
    { .name = "stat", .mode = S_IFREG | 0444, .generate = procfs_generate_stat },
    { .name = "statm", .mode = S_IFREG | 0444, .generate = procfs_generate_statm },
    { .name = "status", .mode = S_IFREG | 0444, .generate = procfs_generate_status },
    { .name = "task", .mode = S_IFDIR | 0555, .find = procfs_find_thread, .next = procfs_next_thread,
      .number_type = DT_DIR },
};

const struct procfs_entry procfs_process = {
    .mode = S_IFDIR | 0555, .children = procfs_process_entries, .child_count = ARRAY_COUNT(procfs_process_entries)
};

struct procfs_process_search {
    int32_t from, found;
};

LOCAL void procfs_visit_process(struct process *process, void *context)
{
    struct procfs_process_search *search = context;
    if (process->id >= search->from && (search->found < 0 || process->id < search->found))
        search->found = process->id;
}

int32_t procfs_next_process(const struct procfs_subject *subject, int32_t from)
{
    struct procfs_process_search search = { from, -1 };
    process_for_each_in_group(-1, procfs_visit_process, &search);
    return search.found;
}

const struct procfs_entry *procfs_find_process(struct procfs_subject *subject, int32_t number)
{
    subject->process = process_find(number);
    subject->number = 0;
    return subject->process == NULL ? NULL : &procfs_process;
}
