/* Syscalls about the system as a whole: names, limits, memory, log, power. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/structs.h>
#include <abi/syscalls.h>
#include <arch/x86_64/acpi.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/proc/process_table.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/version.h>
#include <lib/string.h>

static struct spinlock hostname_lock = SPINLOCK_INIT("hostname", LOCK_RANK_LEAF);
static char hostname[HOSTNAME_SIZE] = "polyglot"; /* hostname_lock */

void system_get_hostname(char *out)
{
    irq_flags_t flags = spin_lock_irq(&hostname_lock);
    memcpy(out, hostname, sizeof hostname);
    spin_unlock_irq(&hostname_lock, flags);
}

int64_t sys_uname(struct user_ptr result)
{
    struct abi_utsname name = { 0 };
    strlcpy(name.sysname, KERNEL_SYSNAME, sizeof name.sysname);
    system_get_hostname(name.nodename);
    strlcpy(name.release, KERNEL_RELEASE, sizeof name.release);
    strlcpy(name.version, KERNEL_VERSION, sizeof name.version);
    strlcpy(name.machine, "x86_64", sizeof name.machine);
    strlcpy(name.domainname, "(none)", sizeof name.domainname);
    return copy_to_user(result, &name, sizeof name);
}

int64_t sys_sethostname(struct user_ptr name, int32_t size)
{
    char copy[HOSTNAME_SIZE] = { 0 };
    if (!credentials_is_superuser())
        return -EPERM;
    if (size < 0 || size >= HOSTNAME_SIZE)
        return -EINVAL;
    int error = copy_from_user(copy, name, (size_t)size);
    if (error != 0)
        return error;
    irq_flags_t flags = spin_lock_irq(&hostname_lock);
    memcpy(hostname, copy, sizeof hostname);
    spin_unlock_irq(&hostname_lock, flags);
    return 0;
}

LOCAL void system_count_thread(struct thread *thread, void *context)
{
    if (thread->process != NULL)
        ++*(uint16_t *)context;
}

int64_t sys_sysinfo(struct user_ptr result)
{
    struct page_statistics pages;
    page_get_statistics(&pages);
    struct abi_sysinfo info = { 0 };
    info.uptime = clock_monotonic() / NANOS_PER_SECOND;
    info.totalram = pages.total;
    info.freeram = pages.free;
    info.mem_unit = PAGE_SIZE;
    thread_for_each(system_count_thread, &info.procs);
    return copy_to_user(result, &info, sizeof info);
}

/* --- limits ------------------------------------------------------------------ */

/* prlimit(2): another process's limits are its user's and the superuser's; the world's own nobody changes from ring 3. */
LOCAL bool system_may_limit(const struct process *process, bool changes)
{
    const struct process *me = process_current();
    if (process == me || me->is_world)
        return true;
    return !(changes && process->is_world) && (credentials_is_superuser() || me->credentials.uid == process->credentials.uid);
}

int64_t sys_prlimit64(int32_t pid, uint32_t resource, struct user_ptr new, struct user_ptr old)
{
    struct abi_rlimit wanted = { 0, 0 };
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (!user_ptr_is_null(new)) {
        if (copy_from_user(&wanted, new, sizeof wanted) != 0)
            return -EFAULT;
        if (wanted.rlim_cur > wanted.rlim_max)
            return -EINVAL;
        if (resource == RLIMIT_NOFILE && wanted.rlim_max > FILE_TABLE_LIMIT)
            return -EPERM; /* the table has no more room */
    }
    struct process *process = process_find(pid == 0 ? process_current()->id : pid);
    if (process == NULL)
        return -ESRCH;
    int error = 0;
    mutex_lock(&process->lock);
    struct abi_rlimit *limit = &process->limits[resource], before = *limit;
    if (!system_may_limit(process, !user_ptr_is_null(new))
        || (!user_ptr_is_null(new) && wanted.rlim_max > before.rlim_max && !credentials_is_superuser()))
        error = -EPERM;
    else if (!user_ptr_is_null(new))
        *limit = wanted;
    if (error == 0 && !user_ptr_is_null(new) && resource == RLIMIT_CPU)
        process_watch_cpu_time(process);
    mutex_unlock(&process->lock);
    process_put(process);
    if (error != 0)
        return error;
    return user_ptr_is_null(old) ? 0 : copy_to_user(old, &before, sizeof before);
}

int64_t sys_getrlimit(uint32_t resource, struct user_ptr result)
{
    int64_t error = sys_prlimit64(0, resource, user_ptr_from(0), result);
    return error == 0 && user_ptr_is_null(result) ? -EFAULT : error;
}

int64_t sys_setrlimit(uint32_t resource, struct user_ptr new)
{
    return user_ptr_is_null(new) ? -EFAULT : sys_prlimit64(0, resource, new, user_ptr_from(0));
}

/* --- log and power --------------------------------------------------------------- */

/* syslog(2) actions, klogctl(3). */
enum { SYSLOG_CLOSE = 0, SYSLOG_OPEN = 1, SYSLOG_READ_ALL = 3, SYSLOG_CONSOLE_OFF = 6, SYSLOG_CONSOLE_ON = 7, SYSLOG_CONSOLE_LEVEL = 8, SYSLOG_SIZE_BUFFER = 10 };

LOCAL int64_t system_read_log(struct user_ptr buffer, size_t size)
{
    size = MIN(size, klog_size());
    if (size == 0)
        return 0;
    char *copy = vmalloc(size, PAGE_USE_KERNEL);
    if (copy == NULL)
        return -ENOMEM;
    int64_t length = (int64_t)klog_read(copy, size);
    int error = copy_to_user(buffer, copy, (size_t)length);
    vfree(copy);
    return error != 0 ? error : length;
}

int64_t sys_syslog(int32_t action, struct user_ptr buffer, int32_t size)
{
    if (action >= SYSLOG_CONSOLE_OFF && action <= SYSLOG_CONSOLE_LEVEL && !credentials_is_superuser())
        return -EPERM;
    switch (action) {
    case SYSLOG_CLOSE: case SYSLOG_OPEN: return 0;
    case SYSLOG_READ_ALL: return size < 0 || user_ptr_is_null(buffer) ? -EINVAL : system_read_log(buffer, (size_t)size);
    case SYSLOG_CONSOLE_OFF: klog_set_console_level(LOG_ALERT); return 0;
    case SYSLOG_CONSOLE_ON: klog_set_console_level(LOG_WARNING); return 0;
    case SYSLOG_CONSOLE_LEVEL:
        if (size < 1 || size > 8)
            return -EINVAL;
        klog_set_console_level(size - 1);
        return 0;
    case SYSLOG_SIZE_BUFFER: return (int64_t)klog_size();
    default: return -EINVAL;
    }
}

int64_t sys_reboot(uint32_t magic, uint32_t magic2, uint32_t command, struct user_ptr argument)
{
    (void)argument;
    if (!credentials_is_superuser())
        return -EPERM;
    if (magic != LINUX_REBOOT_MAGIC1
        || (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A && magic2 != LINUX_REBOOT_MAGIC2B
            && magic2 != LINUX_REBOOT_MAGIC2C))
        return -EINVAL;
    switch (command) {
    case LINUX_REBOOT_CMD_RESTART: machine_reset();
    case LINUX_REBOOT_CMD_POWER_OFF:
    case LINUX_REBOOT_CMD_HALT: machine_power_off(0);
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF: return 0;
    default: return -EINVAL;
    }
}
