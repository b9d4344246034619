/* Users and groups of a process: changing them, what an unprivileged one may not do. Build: musl */
#include "program.h"

#include <grp.h>

int main(void)
{
    uid_t r, e, s;
    close((int)MUST(open("secret", O_CREAT | O_WRONLY, 0600)));
    close((int)MUST(open("public", O_CREAT | O_WRONLY, 0644)));
    MUST(mkdir("closed", 0700));
    MUST(chmod(".", 0755));
    pid_t parent = getpid();
    fflush(stdout);
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
        fflush(stdout);
        _exit(0);
    }
    show_status("child", wait_for(pid));
    return 0;
}
