/* Syscalls on identities: credentials(7), setresuid(2), setgroups(2). */
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/usercopy.h>
#include <lib/string.h>

#define UNCHANGED UINT32_MAX /* an id of -1 stays as it is */

LOCAL struct credentials *credentials_mine(void) { return &process_current()->credentials; }

int64_t sys_getuid(void) { return credentials_mine()->uid; }
int64_t sys_geteuid(void) { return credentials_mine()->euid; }
int64_t sys_getgid(void) { return credentials_mine()->gid; }
int64_t sys_getegid(void) { return credentials_mine()->egid; }

LOCAL int credentials_put(struct user_ptr real, struct user_ptr effective, struct user_ptr saved, uint32_t r, uint32_t e,
                          uint32_t s)
{
    int error = put_user_u32(real, r);
    if (error == 0)
        error = put_user_u32(effective, e);
    return error != 0 ? error : put_user_u32(saved, s);
}

int64_t sys_getresuid(struct user_ptr real, struct user_ptr effective, struct user_ptr saved)
{
    const struct credentials *c = credentials_mine();
    return credentials_put(real, effective, saved, c->uid, c->euid, c->suid);
}

int64_t sys_getresgid(struct user_ptr real, struct user_ptr effective, struct user_ptr saved)
{
    const struct credentials *c = credentials_mine();
    return credentials_put(real, effective, saved, c->gid, c->egid, c->sgid);
}

/* The ids of one kind. */
struct id_set { uint32_t *real, *effective, *saved, *file; };

LOCAL struct id_set id_set_of_user(struct credentials *c)
{
    return (struct id_set){ &c->uid, &c->euid, &c->suid, &c->fsuid };
}

LOCAL struct id_set id_set_of_group(struct credentials *c)
{
    return (struct id_set){ &c->gid, &c->egid, &c->sgid, &c->fsgid };
}

LOCAL bool id_is_own(const struct id_set *set, uint32_t id)
{
    return id == UNCHANGED || id == *set->real || id == *set->effective || id == *set->saved;
}

LOCAL int64_t ids_set(struct id_set set, uint32_t real, uint32_t effective, uint32_t saved)
{
    if (!credentials_is_superuser() && !(id_is_own(&set, real) && id_is_own(&set, effective) && id_is_own(&set, saved)))
        return -EPERM;
    if (real != UNCHANGED)
        *set.real = real;
    if (effective != UNCHANGED)
        *set.effective = effective;
    if (saved != UNCHANGED)
        *set.saved = saved;
    *set.file = *set.effective;
    return 0;
}

/* setuid(2): the superuser sets all three, others the effective one. */
LOCAL int64_t ids_set_simple(struct id_set set, uint32_t id)
{
    if (id == UNCHANGED)
        return -EINVAL;
    if (credentials_is_superuser())
        return ids_set(set, id, id, id);
    return id == *set.real || id == *set.saved ? ids_set(set, UNCHANGED, id, UNCHANGED) : -EPERM;
}

/* setreuid(2): the saved id follows the effective one when the real id was set, or the effective one is not the old real one. */
LOCAL int64_t ids_set_two(struct id_set set, uint32_t real, uint32_t effective)
{
    uint32_t old_real = *set.real;
    if (!credentials_is_superuser() && real != UNCHANGED && real != *set.real && real != *set.effective)
        return -EPERM;
    int64_t error = ids_set(set, real, effective, UNCHANGED);
    if (error == 0 && (real != UNCHANGED || (effective != UNCHANGED && effective != old_real)))
        *set.saved = *set.effective;
    return error;
}

int64_t sys_setuid(uint32_t user) { return ids_set_simple(id_set_of_user(credentials_mine()), user); }
int64_t sys_setgid(uint32_t group) { return ids_set_simple(id_set_of_group(credentials_mine()), group); }
int64_t sys_setreuid(uint32_t real, uint32_t effective)
{
    return ids_set_two(id_set_of_user(credentials_mine()), real, effective);
}
int64_t sys_setregid(uint32_t real, uint32_t effective)
{
    return ids_set_two(id_set_of_group(credentials_mine()), real, effective);
}
int64_t sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved)
{
    return ids_set(id_set_of_user(credentials_mine()), real, effective, saved);
}
int64_t sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved)
{
    return ids_set(id_set_of_group(credentials_mine()), real, effective, saved);
}

/* setfsuid(2): always answers the old id; one that may not be had changes nothing. */
LOCAL int64_t id_set_file(struct id_set set, uint32_t id)
{
    uint32_t old = *set.file;
    if (id != UNCHANGED && (credentials_is_superuser() || id_is_own(&set, id) || id == old))
        *set.file = id;
    return old;
}

int64_t sys_setfsuid(uint32_t user) { return id_set_file(id_set_of_user(credentials_mine()), user); }
int64_t sys_setfsgid(uint32_t group) { return id_set_file(id_set_of_group(credentials_mine()), group); }

int64_t sys_getgroups(int32_t count, struct user_ptr groups)
{
    const struct credentials *c = credentials_mine();
    if (count < 0 || (count != 0 && (uint32_t)count < c->group_count))
        return -EINVAL;
    if (count != 0 && copy_to_user(groups, c->groups, c->group_count * sizeof c->groups[0]) != 0)
        return -EFAULT;
    return c->group_count;
}

int64_t sys_setgroups(int32_t count, struct user_ptr groups)
{
    struct credentials *c = credentials_mine();
    uint32_t copy[CREDENTIALS_MAX_GROUPS];
    if (!credentials_is_superuser())
        return -EPERM;
    if (count < 0 || count > CREDENTIALS_MAX_GROUPS)
        return -EINVAL;
    if (copy_from_user(copy, groups, (size_t)count * sizeof copy[0]) != 0)
        return -EFAULT;
    memcpy(c->groups, copy, (size_t)count * sizeof copy[0]);
    c->group_count = (uint32_t)count;
    return 0;
}
