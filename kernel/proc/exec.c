/*
 * execve(2): from a file name to a program's first instruction.
 *
 * Everything that can fail is done first, into a new address space; then the
 * other threads of the process are ended, and from that point of no return on a
 * failure ends the process.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/program.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/permission.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>

#define STRING_FIRST     2048          /* bytes that a string is expected to fit in */
#define STRINGS_MAX      (2U << 20)    /* bytes of arguments and environment each */
#define STRING_MAX       (128U << 10)  /* bytes of one (MAX_ARG_STRLEN) */
#define SCRIPT_LINE_SIZE 256           /* bytes of "#!" line that are looked at */
#define SCRIPT_DEPTH_MAX 5
#define PROGRAM_BASE     0x0000555555554000ULL /* of position-independent programs */
#define STACK_SIZE_MIN   (128ULL << 10)
#define STACK_SIZE_MAX   (64ULL << 20)

/* A growing string_block, in a block of pages. */
struct strings {
    char *bytes;            /* NULL: none yet */
    size_t size, capacity, count;
};

struct execution {
    struct strings arguments, environment;
    struct file *file;
    struct program_image image;
    struct address_space *space;
    const char *name;       /* as the caller wrote it */
    char *script_name;      /* kmalloc'd; the interpreter's path, once a script was found */
    char *path;             /* absolute, of the program's file */
    vaddr_t stack_pointer;
    uint32_t user, group;   /* effective ids from then on */
    bool is_secure;
};

/* --- strings ------------------------------------------------------------------- */

LOCAL void strings_free(struct strings *strings)
{
    if (strings->bytes == NULL)
        return;
    unsigned order = 0;
    while (PAGE_SIZE << order < strings->capacity)
        order++;
    page_free(page_from_virt(strings->bytes), order);
}

/* Room for `size` more bytes. 0, -E2BIG or -ENOMEM. */
LOCAL int strings_reserve(struct strings *strings, size_t size)
{
    size_t wanted = strings->size + size;
    if (wanted > STRINGS_MAX)
        return -E2BIG;
    if (wanted <= strings->capacity)
        return 0;
    unsigned order = 0;
    while (PAGE_SIZE << order < wanted)
        order++;
    struct page *pages = page_alloc(order, PAGE_USE_KERNEL, PAGE_NORMAL);
    if (pages == NULL)
        return -ENOMEM;
    char *bytes = page_to_virt(pages);
    memcpy(bytes, strings->bytes, strings->size);
    strings_free(strings);
    strings->bytes = bytes;
    strings->capacity = PAGE_SIZE << order;
    return 0;
}

LOCAL int strings_add(struct strings *strings, const char *text)
{
    size_t size = strlen(text) + 1;
    int error = strings_reserve(strings, size);
    if (error != 0)
        return error;
    memcpy(strings->bytes + strings->size, text, size);
    strings->size += size;
    strings->count++;
    return 0;
}

LOCAL int strings_add_user(struct strings *strings, struct user_ptr text)
{
    for (size_t room = STRING_FIRST; room <= STRING_MAX; room *= 2) {
        int error = strings_reserve(strings, room);
        if (error != 0)
            return error;
        isize_t length = copy_string_from_user(strings->bytes + strings->size, text, room);
        if (length >= 0) {
            strings->size += (size_t)length + 1;
            strings->count++;
            return 0;
        }
        if (length != -ENAMETOOLONG)
            return (int)length;
    }
    return -E2BIG;
}

/* A NULL-terminated vector of strings; a NULL vector is empty, as Linux has it. */
LOCAL int strings_take(struct strings *strings, struct user_ptr vector)
{
    int error = 0;
    for (size_t i = 0; error == 0 && !user_ptr_is_null(vector); i++) {
        uint64_t pointer;
        error = get_user_u64(&pointer, user_ptr_offset(vector, i * sizeof pointer));
        if (error == 0 && pointer == 0)
            break;
        if (error == 0)
            error = strings_add_user(strings, user_ptr_from(pointer));
    }
    return error;
}

LOCAL struct string_block strings_block(const struct strings *strings)
{
    return (struct string_block){ strings->bytes, strings->size, strings->count };
}

/* --- scripts ------------------------------------------------------------------- */

LOCAL char *execute_copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = kmalloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

LOCAL bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Splits "#! interpreter one-argument"; both point into `line`. False: no interpreter is named. */
LOCAL bool script_parse(char *line, char **interpreter, char **argument)
{
    char *end = strchr(line, '\n');
    if (end == NULL)
        end = line + strlen(line);
    while (end > line && is_blank(end[-1]))
        end--;
    *end = 0;
    char *at = line + 2;
    while (is_blank(*at))
        at++;
    *interpreter = at;
    while (*at != 0 && !is_blank(*at))
        at++;
    *argument = NULL;
    if (*at != 0) {
        *at++ = 0;
        while (is_blank(*at))
            at++;
        *argument = at;
    }
    return **interpreter != 0;
}

/* The script's interpreter is run with: itself, its one argument, the script, the other arguments. */
LOCAL int script_replace_arguments(struct execution *e, const char *interpreter, const char *argument, const char *script)
{
    struct strings old = e->arguments, new = { 0 };
    int error = strings_add(&new, interpreter);
    if (error == 0 && argument != NULL)
        error = strings_add(&new, argument);
    if (error == 0)
        error = strings_add(&new, script);
    size_t skip = old.count > 0 ? strlen(old.bytes) + 1 : 0;
    if (error == 0)
        error = strings_reserve(&new, old.size - skip);
    if (error != 0) {
        strings_free(&new);
        return error;
    }
    memcpy(new.bytes + new.size, old.bytes + skip, old.size - skip);
    new.size += old.size - skip;
    new.count += old.count > 0 ? old.count - 1 : 0;
    strings_free(&old);
    e->arguments = new;
    return 0;
}

/* --- files --------------------------------------------------------------------- */

LOCAL int execute_open(const struct path *start, const char *name, struct file **file)
{
    struct path path;
    int error = path_walk(process_current()->fs, start, name, WALK_FOLLOW, &path);
    if (error != 0)
        return error;
    const struct inode *inode = path_inode(&path);
    error = inode_is_regular(inode) ? permission_check(inode, PERMISSION_EXECUTE) : -EACCES;
    if (error == 0)
        error = vfs_open_created(&path, O_RDONLY | O_CLOEXEC, file); /* execution needs no permission to read */
    path_put(&path);
    return error;
}

/* Opens the program, through as many scripts as it takes. */
LOCAL int execute_find_program(struct execution *e, const struct path *start)
{
    int error = execute_open(start, e->name, &e->file);
    for (unsigned depth = 0; error == 0; depth++) {
        char line[SCRIPT_LINE_SIZE + 1];
        struct io io = io_from_kernel(line, SCRIPT_LINE_SIZE);
        isize_t size = file_read_at(e->file, &io, 0);
        if (size < 0)
            return (int)size;
        line[size] = 0;
        if (size < 2 || line[0] != '#' || line[1] != '!')
            return 0;
        char *interpreter, *argument;
        if (depth == SCRIPT_DEPTH_MAX)
            return -ELOOP;
        if (!script_parse(line, &interpreter, &argument))
            return -ENOEXEC;
        error = script_replace_arguments(e, interpreter, argument, depth == 0 ? e->name : e->script_name);
        if (error != 0)
            return error;
        kfree(e->script_name);
        e->script_name = execute_copy_text(interpreter);
        if (e->script_name == NULL)
            return -ENOMEM;
        file_put(e->file);
        e->file = NULL;
        error = execute_open(NULL, e->script_name, &e->file);
    }
    return error;
}

/* The effective ids by the file's mode (execve(2)). */
LOCAL void execute_choose_ids(struct execution *e)
{
    const struct credentials *c = &process_current()->credentials;
    const struct inode *inode = e->file->inode;
    bool gives = !process_current()->no_new_privileges;
    e->user = gives && (inode->mode & S_ISUID) ? inode->uid : c->euid;
    e->group = gives && (inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010) ? inode->gid : c->egid;
    e->is_secure = e->user != c->uid || e->group != c->gid;
}

LOCAL int execute_name_file(struct execution *e)
{
    struct path path = { e->file->mount, e->file->dentry }, root;
    char *text;
    char *storage = kmalloc(PATH_SIZE_MAX);
    if (storage == NULL)
        return -ENOMEM;
    fs_context_get_root(process_current()->fs, &root);
    isize_t length = path.dentry == NULL ? -ENOENT : path_to_text(&path, &root, storage, PATH_SIZE_MAX, &text, NULL);
    path_put(&root);
    e->path = execute_copy_text(length < 0 ? e->name : text);
    kfree(storage);
    return e->path == NULL ? -ENOMEM : 0;
}

/* --- the new space --------------------------------------------------------------- */

LOCAL int execute_load(struct execution *e)
{
    char interpreter[PROGRAM_INTERPRETER_MAX], none[PROGRAM_INTERPRETER_MAX];
    int error = program_load(e->space, e->file, PROGRAM_BASE, &e->image, interpreter);
    e->image.start = e->image.entry;
    if (error != 0 || interpreter[0] == 0)
        return error;
    struct file *file;
    struct program_image image;
    error = execute_open(NULL, interpreter, &file);
    if (error != 0)
        return error;
    error = program_load(e->space, file, 0, &image, none);
    file_put(file);
    e->image.interpreter_base = image.base;
    e->image.start = image.entry;
    return error == 0 && none[0] != 0 ? -ELIBBAD : error;
}

LOCAL int execute_build_stack(struct execution *e)
{
    uint64_t size = ALIGN_UP(MIN(MAX(process_limit(RLIMIT_STACK), STACK_SIZE_MIN), STACK_SIZE_MAX), PAGE_SIZE);
    /* Most of it is never touched: it is not promised. */
    int64_t base = space_map(e->space, USER_SPACE_END - size, size, AREA_READ | AREA_WRITE,
                             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, NULL, 0, "[stack]");
    if (result_is_error(base))
        return (int)base;
    struct start_stack_request request = {
        .space = e->space, .top = USER_SPACE_END - 16, .image = &e->image, .arguments = strings_block(&e->arguments),
        .environment = strings_block(&e->environment), .path = e->name, .is_secure = e->is_secure,
    };
    /* A quarter of the stack may be arguments, as Linux has it. */
    if (e->arguments.size + e->environment.size + 8 * (e->arguments.count + e->environment.count) > size / 4)
        return -E2BIG;
    return start_stack_build(process_current(), &request, &e->stack_pointer);
}

LOCAL int execute_prepare(struct execution *e, const struct path *start, struct user_ptr arguments,
                          struct user_ptr environment)
{
    int error = strings_take(&e->arguments, arguments);
    if (error == 0 && e->arguments.count == 0)
        error = strings_add(&e->arguments, ""); /* programs rely on argv[0] */
    if (error == 0)
        error = strings_take(&e->environment, environment);
    if (error == 0)
        error = execute_find_program(e, start);
    if (error == 0)
        error = execute_name_file(e);
    if (error == 0)
        error = space_create_user(&e->space);
    if (error == 0)
        error = execute_load(e);
    if (error != 0)
        return error;
    execute_choose_ids(e);
    space_set_heap_start(e->space, e->image.end);
    return execute_build_stack(e);
}

LOCAL void execution_release(struct execution *e)
{
    strings_free(&e->arguments);
    strings_free(&e->environment);
    kfree(e->script_name);
    kfree(e->path);
    if (e->file != NULL)
        file_put(e->file);
    if (e->space != NULL)
        space_put(e->space);
}

/* --- the change ------------------------------------------------------------------ */

LOCAL bool execute_is_alone(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    bool alone = process->threads.next == process->threads.previous;
    spin_unlock_irq(&process->signals->lock, flags);
    return alone;
}

/* Ends the process's other threads. 0, or -EINTR when the process itself is ending. */
LOCAL int execute_end_other_threads(struct process *process)
{
    struct thread *me = thread_current();
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    bool possible = !process->exiting && process->executing == NULL;
    if (possible)
        process->executing = me;
    list_for_each(node, &process->threads) {
        struct thread *thread = container_of(node, struct thread, process_link);
        if (!possible || thread == me)
            continue;
        thread->signal_check = true;
        thread_wake(thread);
    }
    spin_unlock_irq(&process->signals->lock, flags);
    if (!possible)
        return -EINTR;
    WAIT_EVENT_UNINTERRUPTIBLE(&process->events, execute_is_alone(process));
    process->executing = NULL;
    return process->exiting ? -EINTR : 0;
}

/* Registers as a program starts with them: all zero, the FPU clean. */
LOCAL void execute_reset_registers(const struct execution *e)
{
    struct thread *me = thread_current();
    struct trap_frame *frame = me->user_frame;
    memset(frame, 0, sizeof *frame);
    frame->role = THREAD_IN_USER;
    frame->vector = VECTOR_SYSCALL_SLOW;
    frame->rip = e->image.start;
    frame->rsp = e->stack_pointer;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->rflags = RFLAGS_IF | 2;
    uint64_t flags = irqs_disable();
    fpu_set_own(fpu_clean_state());
    me->fs_base = me->gs_base = 0;
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    this_cpu()->fs_base_loaded = this_cpu()->gs_base_loaded = 0;
    irqs_restore(flags);
}

/* The new space becomes the process's. Returns the old one. */
LOCAL struct address_space *execute_switch_space(struct process *process, struct address_space *space)
{
    irq_flags_t flags = process_table_lock();
    struct address_space *old = process->space;
    process->space = space;
    process->is_world = false;
    process->has_executed = true;
    thread_current()->root = space->root;
    paging_use_root(space->root);
    process_table_unlock(flags);
    return old;
}

LOCAL void execute_describe(struct process *process, struct execution *e)
{
    struct thread *me = thread_current();
    const char *slash = strrchr(e->name, '/');
    char *old_arguments = process->arguments, *old_executable = process->executable;
    mutex_lock(&process->lock);
    process->arguments = kmalloc(e->arguments.size);
    process->arguments_size = process->arguments == NULL ? 0 : e->arguments.size;
    if (process->arguments != NULL)
        memcpy(process->arguments, e->arguments.bytes, e->arguments.size);
    process->executable = e->path;
    e->path = NULL;
    strlcpy(process->name, slash != NULL ? slash + 1 : e->name, sizeof process->name);
    strlcpy(me->name, process->name, sizeof me->name);
    mutex_unlock(&process->lock);
    process_wait_for_visitors(process); /* /proc reads them without the lock */
    kfree(old_arguments);
    kfree(old_executable);
    process->credentials.euid = process->credentials.suid = e->user;
    process->credentials.egid = process->credentials.sgid = e->group;
    credentials_follow(&process->credentials);
}

int process_execute(const struct path *start, const char *name, struct user_ptr arguments, struct user_ptr environment)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    struct execution e = { .name = name };
    int error = execute_prepare(&e, start, arguments, environment);
    if (error == 0)
        error = execute_end_other_threads(process);
    if (error != 0) {
        execution_release(&e);
        return error;
    }
    me->id = process->id; /* the caller may have been another thread than the first */
    process_release_thread_memory(me);
    struct address_space *old = execute_switch_space(process, e.space);
    e.space = NULL;
    process_release_vfork(process);
    process_wait_for_visitors(process);
    space_put(old);
    file_table_close_on_exec(process->files);
    signal_state_reset(process->signals);
    me->signal_stack_base = me->signal_stack_size = 0;
    me->restart_number = -1;
    execute_describe(process, &e);
    execute_reset_registers(&e);
    execution_release(&e);
    return 0;
}
