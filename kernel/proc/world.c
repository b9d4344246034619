/*
 * Process 1, the world: loads its static-PIE ELF file from where the boot loader
 * put it, builds the start stack of the Linux ABI, and lets it run at CPL 0.
 *
 * Read-only segments are mapped in place. Writable ones are copied: neighbours
 * share file pages, and zeroing .bss in place would destroy them.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/structs.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/trap.h>
#include <dev/host/host.h>
#include <dev/tty/rescue.h>
#include <dev/tty/tty.h>
#include <fs/tmpfs.h>
#include <kernel/boot_file.h>
#include <kernel/elf.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/natives.h>
#include <kernel/proc/process.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/start_stack.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>
#include <live/live.h>

#define WORLD_STACK_SIZE (8ULL << 20)
#define WORLD_PATH       "/sbin/world"
#define WORLD_HOME       "/root"

/* Each string with its NUL. */
static const char world_environment[] =
    "HOME=" WORLD_HOME "\0PATH=/bin:/sbin:/usr/bin:/usr/sbin\0TERM=xterm-256color\0LANG=C.UTF-8\0USER=root\0"
    "SHELL=/bin/bash";
#define WORLD_ENVIRONMENT_COUNT 6

LOCAL int world_load_segment(struct address_space *space, const uint8_t *file, vaddr_t base,
                             const struct elf64_program *segment)
{
    vaddr_t start = base + segment->address;
    vaddr_t page = ALIGN_DOWN(start, PAGE_SIZE);
    uint64_t skew = start - page;
    uint32_t protection = (segment->flags & ELF_FLAG_READ ? AREA_READ : 0)
        | (segment->flags & ELF_FLAG_WRITE ? AREA_WRITE : 0) | (segment->flags & ELF_FLAG_EXECUTE ? AREA_EXECUTE : 0);
    if (!(protection & AREA_WRITE))
        return space_map_borrowed(space, page, virt_to_phys(file) + segment->offset - skew,
                                  ALIGN_UP(skew + segment->file_size, PAGE_SIZE), protection, WORLD_PATH);
    int64_t mapped = space_map(space, page, skew + segment->memory_size, protection, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
                               NULL, 0, WORLD_PATH);
    if (result_is_error(mapped))
        return (int)mapped;
    return space_write(space, start, file + segment->offset, segment->file_size);
}

LOCAL const char *world_check_segment(const struct elf64_program *segment, size_t file_size)
{
    const uint64_t room = WORLD_IMAGE_END - WORLD_IMAGE_BASE;
    if (!elf_range_is_inside(segment->offset, segment->file_size, file_size) || segment->file_size > segment->memory_size
        || segment->address > room || segment->memory_size > room - segment->address)
        return "a segment lies outside the file or the address range";
    if (segment->address % PAGE_SIZE != segment->offset % PAGE_SIZE)
        return "a segment's address does not match its offset";
    if ((segment->flags & ELF_FLAG_WRITE) && (segment->flags & ELF_FLAG_EXECUTE))
        return "a segment is writable and executable";
    if (!(segment->flags & ELF_FLAG_WRITE) && segment->file_size != segment->memory_size)
        return "a read-only segment has memory beyond its file part";
    return NULL;
}

/* NULL, or what is wrong with the file. */
LOCAL const char *world_load(struct address_space *space, const uint8_t *file, size_t size, struct program_image *image)
{
    const struct elf64_header *header = (const void *)file;
    if (!elf_is_valid(file, size) || header->type != ELF_TYPE_DYNAMIC)
        return "no static position-independent x86-64 ELF file";
    const struct elf64_program *programs = (const void *)(file + header->program_offset);
    *image = (struct program_image){ .base = WORLD_IMAGE_BASE, .entry = WORLD_IMAGE_BASE + header->entry,
                                   .headers = WORLD_IMAGE_BASE + header->program_offset,
                                   .header_count = header->program_count };
    for (unsigned i = 0; i < header->program_count; i++) {
        if (programs[i].type == ELF_PROGRAM_INTERPRETER)
            return "it is linked dynamically (build with crt-static)";
        if (programs[i].type != ELF_PROGRAM_LOAD)
            continue;
        const char *problem = world_check_segment(&programs[i], size);
        if (problem != NULL)
            return problem;
        if (programs[i].memory_size != 0 && world_load_segment(space, file, image->base, &programs[i]) != 0)
            return "no memory for a segment";
    }
    return NULL;
}

LOCAL int world_build_stack(struct process *process, const struct program_image *image, vaddr_t *rsp)
{
    int64_t base = space_map(process->space, 0, WORLD_STACK_SIZE, AREA_READ | AREA_WRITE, MAP_PRIVATE, NULL, 0, "[stack]");
    if (result_is_error(base))
        return (int)base;
    struct start_stack_request request = {
        .space = process->space, .top = (vaddr_t)base + WORLD_STACK_SIZE - 16, .image = image,
        .arguments = { WORLD_PATH, sizeof WORLD_PATH, 1 },
        .environment = { world_environment, sizeof world_environment, WORLD_ENVIRONMENT_COUNT },
        .path = WORLD_PATH, .with_natives = true,
    };
    return start_stack_build(process, &request, rsp);
}

/* Descriptors 0, 1 and 2 on the console. */
LOCAL void world_open_console(struct process *process)
{
    struct path start = { 0 };
    struct file *file;
    fs_context_get_root(process->fs, &start);
    int error = vfs_open(process->fs, &start, "/dev/console", O_RDWR, 0, &file);
    if (error != 0)
        panic("world: cannot open /dev/console (%d)", error);
    for (int fd = 0; fd < 3; fd++)
        if (file_table_add(process->files, file, fd, 0) != fd)
            panic("world: cannot set up descriptor %d", fd);
    file_put(file);
    path_put(&start);
}

LOCAL void world_enter_home(struct process *process)
{
    struct path start = { 0 }, home = { 0 };
    fs_context_get_root(process->fs, &start);
    (void)vfs_create(process->fs, &start, WORLD_HOME, S_IFDIR | 0700, 0); /* may exist */
    if (path_walk(process->fs, &start, WORLD_HOME, WALK_FOLLOW | WALK_DIRECTORY, &home) == 0) {
        (void)fs_context_set_cwd(process->fs, &home);
        path_put(&home);
    }
    path_put(&start);
}

/*
 * The program's own file, as a Linux program finds it: /proc/self/exe leads here,
 * and libffi maps its trampolines from it. The bytes are the loader's, in place.
 */
LOCAL void world_publish_file(struct process *process, const uint8_t *data, size_t size)
{
    struct path start = { 0 };
    struct file *file;
    fs_context_get_root(process->fs, &start);
    int error = vfs_make_parents(process->fs, WORLD_PATH, 0755);
    if (error == 0)
        error = vfs_open(process->fs, &start, WORLD_PATH, O_CREAT | O_RDWR | O_TRUNC, 0755, &file);
    if (error == 0) {
        error = tmpfs_set_content(file->inode, data, size);
        file_put(file);
    }
    if (error != 0)
        klog(LOG_WARNING, "world", "no " WORLD_PATH " (error %d): ctypes callbacks will not work", error);
    path_put(&start);
}

LOCAL char *world_copy_string(const char *text)
{
    char *copy = kmalloc(strlen(text) + 1);
    if (copy == NULL)
        panic("world: no memory");
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

void world_start(void)
{
    size_t size;
    const uint8_t *file = boot_file_find("world", &size);
    if (file == NULL)
        panic("world: the loader brought no file named world");
    struct process *process = process_create("world");
    if (process == NULL || space_create_world(&process->space) != 0)
        panic("world: no memory");
    process->id = WORLD_PID;
    process->is_world = true;
    process->files = file_table_create();
    process->fs = fs_context_create();
    if (process->files == NULL || process->fs == NULL)
        panic("world: no memory");
    process->limits[RLIMIT_NOFILE] = (struct abi_rlimit){ FILE_TABLE_LIMIT, FILE_TABLE_LIMIT };
    process->limits[RLIMIT_STACK].rlim_cur = WORLD_STACK_SIZE;
    process->limits[RLIMIT_CORE] = (struct abi_rlimit){ 0, 0 };
    process_publish(process, NULL);
    process->executable = world_copy_string(WORLD_PATH);
    process->arguments = world_copy_string(WORLD_PATH);
    process->arguments_size = sizeof WORLD_PATH;

    struct program_image image;
    const char *problem = world_load(process->space, file, size, &image);
    if (problem != NULL)
        panic("world: %s", problem);
    struct trap_frame frame = {
        .role = THREAD_IN_WORLD, .vector = VECTOR_SYSCALL_SLOW, .rip = image.entry, .cs = SELECTOR_KERNEL_CODE,
        .ss = SELECTOR_KERNEL_DATA, .rflags = RFLAGS_IF | 2,
    };
    if (world_build_stack(process, &image, &frame.rsp) != 0)
        panic("world: no memory for its stack");
    world_publish_file(process, file, size);
    tty_set_controlling(process);
    world_open_console(process);
    world_enter_home(process);

    struct thread *thread = thread_create_with_frame("world", process, &frame);
    if (thread == NULL)
        panic("world: no memory for its thread");
    thread->id = WORLD_PID;
    thread->fault_info = kzalloc(sizeof *thread->fault_info);
    process_add_thread(process, thread);
    klog(LOG_INFO, "world", "%llu KiB at %#llx, entry %#llx", (unsigned long long)(size >> 10),
         (unsigned long long)image.base, (unsigned long long)image.entry);
    thread_start(thread);
    thread_put(thread);
}

LOCAL void world_restart(void *unused)
{
    (void)unused;
    tty_reset();
    live_world_forget(); /* the next one exports its names anew */
    world_start();
}

/* Starts in a row that may end before the world asked for input. */
#define WORLD_MAX_FAILED_STARTS 3

/* May the world be started again? Not for ever, when it never comes to its prompt. */
LOCAL bool world_may_restart(void)
{
    static unsigned reads_before, failed_starts; /* of the one world there is */
    unsigned reads = rescue_reads_begun();
    failed_starts = reads == reads_before ? failed_starts + 1 : 0;
    reads_before = reads;
    return failed_starts < WORLD_MAX_FAILED_STARTS;
}

void world_ended(int status)
{
    const int signal = status & 0x7f;
    if (signal == 0)
        machine_power_off(status >> 8 & 0xff);
    if (host_is_present()) { /* tools/vm exec: the program's end is the machine's */
        klog(LOG_CRITICAL, "world", "process 1 was ended by signal %d", signal);
        machine_power_off(128 + signal);
    }
    if (!world_may_restart())
        panic("the world was ended by signal %d before its prompt, %d times in a row", signal, WORLD_MAX_FAILED_STARTS);
    klog(LOG_CRITICAL, "world", "process 1 was ended by signal %d; starting it again (dmesg keeps the report)", signal);
    struct thread *thread = thread_create("restart", world_restart, NULL);
    if (thread == NULL)
        panic("world: no memory to start it again");
    thread_start(thread);
    thread_put(thread);
}
