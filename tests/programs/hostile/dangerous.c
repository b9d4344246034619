/*
 * Programs that eat a machine or aim at process 1: `dangerous NAME`. They refuse to run anywhere but on Polyglot OS. What
 * they print is judged by tests/system/test_hostile.py: they must end, and the world must not notice.
 */
#include "../program.h"

#include <elf.h>
#include <pthread.h>
#include <sys/utsname.h>

static long count;

/* Every process forks until it cannot; all of them end when the time is over. */
static void fork_bomb(void)
{
    long long end = now_ms() + 2000;
    int failed = 0;
    while (now_ms() < end) {
        pid_t pid = fork();
        if (pid == -1) {
            failed = errno;
            usleep(1000);
        }
    }
    if (failed != 0 && failed != EAGAIN && failed != ENOMEM)
        printf("unexpected %s\n", error_name(failed));
    while (wait(NULL) > 0 || errno == EINTR)
        ;
}

static void touch_until_it_ends(size_t step)
{
    for (;; count++) {
        char *p = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            break;
        for (size_t i = 0; i < step; i += 4096)
            p[i] = (char)count + 1;
    }
    printf("refused: %s\n", error_name(errno));
}

static void memory_hog(void) { touch_until_it_ends(1 << 20); }

static void memory_hogs(void)
{
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            touch_until_it_ends(64 << 10);
            fflush(stdout);
            _exit(0);
        }
    int ended = 0, status;
    while (wait(&status) > 0)
        ended++;
    printf("ended: %d\n", ended);
}

/* Memory that was promised by nobody: stacks, and copies after fork. */
static void copy_hog(void)
{
    size_t size = 100 << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("refused: %s\n", error_name(errno));
        return;
    }
    memset(p, 1, size);
    int started = 0, status;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        started += pid > 0;
        if (pid == 0) {
            for (size_t at = 0; at < size; at += 4096)
                p[at] = (char)i;
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        count++;
    printf("ended: %d\n", count == started);
}

static void runaway(void)
{
    for (;;)
        __asm__ volatile("");
}

static void runaways(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0)
            runaway();
    runaway();
}

static void kill_process_1(void)
{
    int numbers[] = { SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGABRT, SIGILL, SIGTSTP, SIGHUP, SIGQUIT };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        kill(1, numbers[i]);
        syscall(SYS_tkill, 1, numbers[i]);
        syscall(SYS_tgkill, 1, 1, numbers[i]);
        sigqueue(1, numbers[i], (union sigval){ 0 });
    }
    sleep_ms(50);
    printf("process 1 is there: %d\n", kill(1, 0) == 0);
}

static void kill_all(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    show("kill all", kill(-1, SIGKILL));
    show_status("child", wait_for(pid));
    printf("process 1 is there: %d\n", kill(1, 0) == 0);
}

static void take_over(void)
{
    int fd = open("/proc/1/mem", O_RDWR);
    char byte = 0;
    if (fd >= 0)
        printf("read %d, write %d\n", pread(fd, &byte, 1, (off_t)0xffffa00000400000) == 1, pwrite(fd, &byte, 1, (off_t)0xffffa00000400000) == 1);
    else
        printf("read 0, write 0\n");
    printf("%d %d %d\n", setpgid(1, 0), (int)syscall(SYS_ptrace, 16, 1, 0, 0), (int)syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0));
    syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &(struct rlimit){ 3, 3 }, NULL);
    syscall(SYS_prlimit64, 1, RLIMIT_AS, &(struct rlimit){ 4096, 4096 }, NULL);
}

static void many_files(void)
{
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            while (open("/dev/null", O_RDONLY) >= 0)
                count++;
            sleep_ms(300);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("done\n");
}

/* 60 processes with 400 full pipes each: 1.5 GB, if nobody says no. */
static void full_pipes(void)
{
    static char block[65536];
    for (int i = 0; i < 60; i++)
        if (fork() == 0) {
            for (int j = 0; j < 400; j++) {
                int ends[2];
                if (pipe2(ends, O_NONBLOCK) == -1 || write(ends[1], block, sizeof block) == -1)
                    break;
            }
            sleep_ms(300);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("done\n");
}

static void many_areas(void)
{
    while (count < 300000 && mmap(NULL, 4096, count % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        count++;
    printf("done\n");
}

static void *nap(void *argument) { (void)argument; pause(); return NULL; }

static void thread_bomb(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    while (count < 20000 && pthread_create(&thread, &attributes, nap, NULL) == 0)
        count++;
    printf("some: %d\n", count > 50);
}

static volatile sig_atomic_t signals;
static void on_storm(int number) { (void)number; signals++; }

static void signal_storm(void)
{
    on_signal(SIGUSR1, on_storm, 0);
    long long end = now_ms() + 1000;
    pid_t me = getpid(), pid = fork();
    while (now_ms() < end)
        kill(pid == 0 ? me : pid, SIGUSR1);
    if (pid == 0)
        _exit(0);
    kill(pid, SIGKILL);
    wait_for(pid);
    printf("some: %d\n", signals > 5);
}

static void queue_flood(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (count < 1000000 && sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) == 0)
        count++;
    printf("%s\n", error_name(errno));
}

static void zombies(void)
{
    pid_t pid;
    while (count < 4000 && (pid = fork()) != -1) {
        if (pid == 0)
            _exit(0);
        count++;
    }
    printf("done\n");
}

static void fill_files(void)
{
    static char block[1 << 20];
    int fd = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);
    memset(block, 1, sizeof block);
    while (write(fd, block, sizeof block) > 0)
        count++;
    int error = errno;
    close(fd);
    unlink("/tmp/fill"); /* what this prints goes to a file, too */
    printf("%s\n", error_name(error));
}

static void deep_directories(void)
{
    if (mkdir("/tmp/deep", 0700) == -1 || chdir("/tmp/deep") == -1)
        return;
    while (count < 3000 && mkdir("d", 0700) == 0 && chdir("d") == 0)
        count++;
    char path[PATH_MAX];
    printf("getcwd: %s\n", getcwd(path, sizeof path) ? "ok" : error_name(errno));
    while (chdir("..") == 0 && rmdir("d") == 0)
        ;
    rmdir("/tmp/deep");
}

/* Calls 0 to 460 with arguments that are hostile or random; those that end or block the caller are left out. */
static void call_fuzz(void)
{
    static const int left_out[] = { SYS_exit, SYS_exit_group, SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_pause, SYS_kill, SYS_tkill,
        SYS_tgkill, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_reboot, SYS_rt_sigtimedwait, SYS_sync, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
        SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_setdomainname, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
        SYS_unlink, SYS_unlinkat, SYS_rename, SYS_renameat, SYS_renameat2, SYS_rmdir, SYS_prlimit64, SYS_syslog,
        SYS_alarm, SYS_setitimer, SYS_rt_sigprocmask, SYS_rt_sigaction };
    static char room[65536];
    uint64_t values[] = { 0, 1, 2, 3, 7, 8, 4095, 4096, 0xffffffff, 0x80000000, (uint64_t)-1, (uint64_t)-4096, (uint64_t)room, (uint64_t)room + 1,
                          (uint64_t)room + 65535, 0xffffffff80000000, 0xffffa00000000000, 0xffff800000000000, 0x7fffffffffff, 0x800000000000,
                          1UL << 63, 1UL << 62, 100, 255, 0x7fffffff };
    uint64_t seed = 4711;
    for (int round = 0; round < 12; round++) {
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            seed += (uint64_t)round * 7919;
            setsid();
            alarm(3);
            MUST(chdir("/tmp"));
            for (int i = 0; i < 400; i++) {
                long arguments[7];
                for (int j = 0; j < 7; j++) {
                    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                    arguments[j] = (long)values[seed % (sizeof values / sizeof values[0])];
                }
                int number = (int)(seed >> 32) % 461, out = 0;
                number = number < 0 ? -number : number;
                for (size_t j = 0; j < sizeof left_out / sizeof left_out[0]; j++)
                    out |= number == left_out[j];
                if (!out)
                    syscall(number, arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]);
            }
            _exit(0);
        }
        wait_for(pid);
        count++;
    }
    printf("rounds: %ld\n", count);
}

/* A small program, and random bytes in its headers. */
static void elf_fuzz(void)
{
    static unsigned char image[4096 + 64];
    Elf64_Ehdr *header = (Elf64_Ehdr *)image;
    Elf64_Phdr *segments = (Elf64_Phdr *)(image + 64);
    static const unsigned char code[] = { 0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05 };
    static const uint64_t nasty[] = { 0, 1, 4095, 0x7fffffffffffffff, 0xffffffffffffffff, 0xffffffff80000000, 0xffffa00000000000, 0x7ffffffff000,
                                      0x800000000000, 0x1000, 0xfff000, 1UL << 46, 3, 1UL << 32 };
    uint64_t seed = 99;
    int good = 0;
    for (int round = 0; round < 400; round++) {
        memset(image, 0, sizeof image);
        memcpy(header->e_ident, "\177ELF\2\1\1", 7);
        header->e_type = round % 2 ? ET_EXEC : ET_DYN, header->e_machine = EM_X86_64, header->e_version = 1;
        header->e_phoff = 64, header->e_ehsize = 64, header->e_phentsize = 56, header->e_phnum = 2;
        uint64_t base = round % 2 ? 0x400000 : 0;
        header->e_entry = base + 512;
        segments[0] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, base, base, 4096, 4096, 4096 };
        segments[1] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 4096, base + 8192, base + 8192, 64, 20000, 4096 };
        memcpy(image + 512, code, sizeof code);
        if (round % 50 != 0)
            for (int change = 0; change < 1 + round % 3; change++) {
                seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                size_t at = seed % 176;
                if (seed & (1UL << 40))
                    image[at] = (unsigned char)(seed >> 16);
                else
                    memcpy(image + at / 8 * 8, &nasty[(seed >> 20) % 14], 8);
            }
        char path[32];
        snprintf(path, sizeof path, "elf%d", round % 4);
        unlink(path);
        int fd = (int)MUST(open(path, O_CREAT | O_WRONLY, 0755));
        MUST(write(fd, image, (size_t)(seed % 40 == 0 ? seed % 4160 : sizeof image)));
        close(fd);
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            alarm(2);
            execl(path, path, NULL);
            _exit(1);
        }
        int status = wait_for(pid);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 42;
        count++;
    }
    printf("rounds: %ld, some ran: %d\n", count, good >= 8);
}

static const struct { const char *name; void (*run)(void); } attacks[] = {
#define ATTACK(name) { #name, name }
    ATTACK(fork_bomb), ATTACK(memory_hog), ATTACK(memory_hogs), ATTACK(copy_hog), ATTACK(runaway), ATTACK(runaways),
    ATTACK(kill_process_1), ATTACK(kill_all), ATTACK(take_over), ATTACK(many_files), ATTACK(full_pipes), ATTACK(many_areas),
    ATTACK(thread_bomb), ATTACK(signal_storm), ATTACK(queue_flood), ATTACK(zombies), ATTACK(fill_files), ATTACK(deep_directories),
    ATTACK(call_fuzz), ATTACK(elf_fuzz),
};

int main(int argc, char **argv)
{
    struct utsname name;
    uname(&name);
    if (strstr(name.version, "Polyglot") == NULL) {
        printf("not here\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        if (argc < 2)
            puts(attacks[i].name);
        else if (strcmp(argv[1], attacks[i].name) == 0)
            attacks[i].run();
    return 0;
}
