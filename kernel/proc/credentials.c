/* Identities of the current process; the syscalls that change them are in kernel/syscall/credentials.c. */
#include <kernel/proc/credentials.h>
#include <kernel/proc/process.h>

const struct credentials *credentials_current(void)
{
    const struct process *process = process_current();
    return process == NULL || process->is_world ? NULL : &process->credentials;
}

bool credentials_is_superuser(void)
{
    const struct credentials *credentials = credentials_current();
    return credentials == NULL || credentials->euid == 0;
}

void credentials_follow(struct credentials *credentials)
{
    credentials->fsuid = credentials->euid;
    credentials->fsgid = credentials->egid;
}

bool credentials_has_group(const struct credentials *credentials, uint32_t group)
{
    if (credentials->fsgid == group)
        return true;
    for (uint32_t i = 0; i < credentials->group_count; i++)
        if (credentials->groups[i] == group)
            return true;
    return false;
}
