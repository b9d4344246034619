/* See permission.h. The mode is read without the inode's lock: one word, and a check is only true for a moment anyway. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/proc/credentials.h>
#include <kernel/vfs/inode.h>
#include <kernel/vfs/permission.h>

LOCAL int permission_by_ids(const struct inode *inode, unsigned wanted, const struct credentials *c, uint32_t user,
                            uint32_t group)
{
    unsigned mode = inode->mode;
    if (c == NULL || user == 0) {
        bool executable = inode_is_directory(inode) || (mode & 0111) != 0;
        return (wanted & PERMISSION_EXECUTE) && !executable ? -EACCES : 0;
    }
    if (user == inode->uid)
        mode >>= 6;
    else if (group == inode->gid || credentials_has_group(c, inode->gid))
        mode >>= 3;
    return (mode & wanted) == wanted ? 0 : -EACCES;
}

int permission_check(const struct inode *inode, unsigned wanted)
{
    const struct credentials *c = credentials_current();
    return permission_by_ids(inode, wanted, c, c == NULL ? 0 : c->fsuid, c == NULL ? 0 : c->fsgid);
}

int permission_check_real(const struct inode *inode, unsigned wanted)
{
    const struct credentials *c = credentials_current();
    return permission_by_ids(inode, wanted, c, c == NULL ? 0 : c->uid, c == NULL ? 0 : c->gid);
}

int permission_check_removal(const struct inode *directory, const struct inode *child)
{
    const struct credentials *c = credentials_current();
    int error = permission_check(directory, PERMISSION_WRITE | PERMISSION_EXECUTE);
    if (error == 0 && (directory->mode & S_ISVTX) && c != NULL && c->fsuid != 0 && c->fsuid != child->uid
        && c->fsuid != directory->uid)
        error = -EPERM;
    return error;
}

bool permission_is_owner(const struct inode *inode)
{
    const struct credentials *c = credentials_current();
    return c == NULL || c->fsuid == 0 || c->fsuid == inode->uid;
}
