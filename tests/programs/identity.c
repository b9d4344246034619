/* Users and groups of a process: changing them, what an unprivileged one may not do. Build: musl */
#include "program.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/prctl.h>

int main(void)
{
    uid_t r, e, s;
    close((int)MUST(open("secret", O_CREAT | O_WRONLY, 0600)));
    close((int)MUST(open("public", O_CREAT | O_WRONLY, 0644)));
    MUST(mkdir("closed", 0700));
    MUST(chmod(".", 0755));
    MUST(mkdir("open", 0777));
    MUST(chmod("open", 0777));
    pid_t parent = getpid();
    fflush(stdout);
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        show("user for files", setfsuid(1000));
        show("it was", setfsuid(-1));
        show("read secret", open("secret", O_RDONLY));
        show("back", setfsuid(0));
        show_ok("read secret", open("secret", O_RDONLY));
        show("effective", seteuid(1000));
        show("follows", setfsuid(-1));
        show("not allowed", setfsuid(7));
        show("still", setfsuid(-1));
        show("root directory", chroot("."));
        show("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        show("are there", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        show("not to be undone", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
        fflush(stdout);
        _exit(0);
    }
    show_status("child", wait_for(child));
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) {
        show("setgroups", setgroups(1, (gid_t[]){ 100 }));
        show("setgid", setgid(1000));
        show("seteuid", seteuid(1000));
        getresuid(&r, &e, &s);
        printf("%u %u %u\n", r, e, s);
        show("back", seteuid(0));
        show("setuid", setuid(1000));
        getresuid(&r, &e, &s);
        printf("%u %u %u, groups %d\n", r, e, s, getgroups(0, NULL));
        show("root again", setuid(0));
        show("setgroups", setgroups(0, NULL));
        show("read secret", open("secret", O_RDONLY));
        show_ok("read public", open("public", O_RDONLY));
        show("write public", open("public", O_WRONLY));
        show("enter", chdir("closed"));
        show("create", open("new", O_CREAT | O_WRONLY, 0600));
        show("chown", chown("public", 1000, 1000));
        show("chmod", chmod("public", 0777));
        show("unlink", unlink("public"));
        show("access", access("secret", R_OK));
        show("kill root's", kill(parent, SIGTERM));
        show("mount", mount("none", ".", "tmpfs", 0, NULL));
        show("unmount", umount("."));
        show("device", mknod("open/zero", S_IFCHR | 0666, makedev(1, 5)));
        show("clock", clock_settime(CLOCK_REALTIME, &(struct timespec){ 1000, 0 }));
        show("name", sethostname("mine", 4));
        show("root directory", chroot("."));
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(0, &set);
        show("own CPUs", sched_setaffinity(0, sizeof set, &set));
        show("root's CPUs", sched_setaffinity(parent, sizeof set, &set));
        show("root's limits", prlimit(parent, RLIMIT_CORE, &(struct rlimit){ 0, 0 }, NULL));
        fflush(stdout);
        _exit(0);
    }
    show_status("child", wait_for(pid));
    return 0;
}
