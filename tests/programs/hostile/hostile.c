/*
 * Attacks on the kernel that are safe to run on Linux, too: one per call, `hostile NAME`; without a name it lists them. The
 * results must be Linux's. What could hurt a Linux machine is in dangerous.c.
 */
#include "../program.h"

#include <linux/futex.h>
#include <sys/uio.h>
#include <ucontext.h>

static const uint64_t kernel_addresses[] = {
    0xffffffff80000000, 0xffffffff80100000, 0xffff800000000000, 0xffff800000100000, 0xffffa00000000000, 0xffffa00000400000,
    0xffffc00000000000, 0xffffd00000000000, 0xffffffff90000000, 0xfffffffffffff000, 0xffffffffffffffff, 0x800000000000,
    0x7ffffffff000, 0x7fffffffffff, 0xdead000000000000, 0x8000000000000000,
};
#define ADDRESSES (sizeof kernel_addresses / sizeof kernel_addresses[0])

/* QEMU raises #GP where processors raise #SS, for a stack at an address that is not canonical: SIGSEGV and SIGBUS are one here. */
static void show_fault(const char *label, int status)
{
    show_status(label, WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS ? SIGSEGV : status);
}

static void each(const char *label, int (*function)(void *))
{
    for (size_t i = 0; i < ADDRESSES; i++) {
        printf("%s %#llx: ", label, (unsigned long long)kernel_addresses[i]);
        show_fault("", wait_for(start(function, (void *)(uintptr_t)kernel_addresses[i])));
    }
}

static int do_read(void *address) { return *(volatile char *)address; }
static int do_write(void *address) { *(volatile char *)address = 1; return 0; }
static int do_jump(void *address) { ((void (*)(void))address)(); return 0; }
static int do_stack(void *address)
{
    __asm__ volatile("mov %0, %%rsp; push %%rax; hlt" : : "r"(address) : "memory");
    return 0;
}

/* A system call on a wild stack works; then a signal has no room for its frame. */
static void ignore(int number) { (void)number; }
static int do_stack_signal(void *address)
{
    on_signal(SIGUSR1, ignore, 0);
    __asm__ volatile("mov %0, %%rsp; mov $39, %%eax; syscall; mov %%eax, %%edi; mov $10, %%esi; mov $62, %%eax; syscall; hlt"
                     : : "r"(address) : "memory", "rax", "rdi", "rsi", "rcx", "r11");
    return 0;
}

static int do_handler(void *address)
{
    on_signal(SIGUSR1, (void (*)(int))address, 0);
    raise(SIGUSR1);
    return 0;
}

static int do_altstack(void *address)
{
    stack_t stack = { .ss_sp = address, .ss_size = 65536, .ss_flags = 0 };
    on_signal(SIGUSR1, ignore, SA_ONSTACK);
    if (sigaltstack(&stack, NULL) == 0)
        raise(SIGUSR1);
    return 0;
}

static uint64_t new_rip, new_rsp, new_fpu;
static void change_context(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    (void)number, (void)info;
    if (new_rip)
        user->uc_mcontext.gregs[REG_RIP] = (greg_t)new_rip;
    if (new_rsp)
        user->uc_mcontext.gregs[REG_RSP] = (greg_t)new_rsp;
    if (new_fpu)
        user->uc_mcontext.fpregs = (void *)(uintptr_t)new_fpu;
}

static int do_context(void)
{
    on_siginfo(SIGUSR1, change_context, 0);
    raise(SIGUSR1);
    return 0;
}
static int do_return_rip(void *address) { new_rip = (uintptr_t)address; return do_context(); }
static int do_return_rsp(void *address) { new_rsp = (uintptr_t)address; return do_context(); }
static int do_return_fpu(void *address) { new_fpu = (uintptr_t)address; return do_context(); }

static int do_sigreturn(void *address)
{
    __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall; hlt" : : "r"(address) : "memory");
    return 0;
}

static int do_robust(void *address)
{
    syscall(SYS_set_robust_list, address, 24);
    return 7;
}

static int do_clear_tid(void *address)
{
    syscall(SYS_set_tid_address, address);
    return 8;
}

static void read_kernel(void) { each("read", do_read); }
static void write_kernel(void) { each("write", do_write); }
static void jump_to_kernel(void) { each("jump", do_jump); }
static void wild_stack(void) { each("push at", do_stack); }
static void wild_stack_signal(void) { each("signal at", do_stack_signal); }
static void handler_address(void) { each("handler at", do_handler); }
static void alternate_stack(void) { each("alternate stack at", do_altstack); }
static void return_rip(void) { each("return to", do_return_rip); }
static void return_rsp(void) { each("return with stack", do_return_rsp); }
static void return_fpu(void) { each("return with floating point at", do_return_fpu); }
static void sigreturn_garbage(void) { each("rt_sigreturn with stack", do_sigreturn); }
static void exit_addresses(void) { each("robust list at", do_robust); each("clear tid at", do_clear_tid); }

static void sigreturn_random(void)
{
    static uint64_t stack[1024];
    uint64_t seed = 88172645463325252ULL;
    int killed = 0;
    for (int round = 0; round < 60; round++) {
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            for (int i = 0; i < 1024; i++) {
                seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                stack[i] = seed + (uint64_t)round * 977;
            }
            alarm(5);
            do_sigreturn(&stack[256]);
            _exit(0);
        }
        killed += WIFSIGNALED(wait_for(pid));
        seed += 12345;
    }
    printf("killed: %d\n", killed);
}

/* System calls that write to or read from the kernel's addresses. */
static void pointers(void)
{
    int ends[2], file = (int)MUST(open("file", O_RDWR | O_CREAT, 0600));
    MUST(pipe(ends));
    MUST(write(ends[1], "some bytes", 10));
    MUST(write(file, "more bytes", 10));
    for (size_t i = 0; i < ADDRESSES; i++) {
        void *a = (void *)(uintptr_t)kernel_addresses[i];
        printf("%p\n", a);
        show("read of a file", (lseek(file, 0, SEEK_SET), read(file, a, 10)));
        show("read of a pipe", read(ends[0], a, 10));
        show("write to a file", write(file, a, 10));
        show("write to a pipe", write(ends[1], a, 10));
        show("open", open(a, O_RDONLY));
        show("stat", syscall(SYS_stat, "file", a));
        show("stat of", syscall(SYS_stat, a, a));
        show("getcwd", syscall(SYS_getcwd, a, 100));
        show("uname", syscall(SYS_uname, a));
        show("clock_gettime", syscall(SYS_clock_gettime, 1, a));
        show("nanosleep", syscall(SYS_nanosleep, a, NULL));
        show("sigaction", syscall(SYS_rt_sigaction, SIGUSR1, NULL, a, 8));
        show("sigaction from", syscall(SYS_rt_sigaction, SIGUSR1, a, NULL, 8));
        show("sigprocmask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, a, 8));
        show("pipe", syscall(SYS_pipe, a));
        show("poll", syscall(SYS_poll, a, 1, 0));
        show("select", syscall(SYS_select, 1, a, NULL, NULL, a));
        show("readv", syscall(SYS_readv, file, a, 1));
        struct iovec part = { a, 10 };
        show("readv into", (lseek(file, 0, SEEK_SET), readv(file, &part, 1)));
        show("getrandom", syscall(SYS_getrandom, a, 8, 0));
        show("futex", syscall(SYS_futex, a, FUTEX_WAKE, 1, NULL, NULL, 0));
        show("futex wait", syscall(SYS_futex, a, FUTEX_WAIT, 0, NULL, NULL, 0));
        show("execve", syscall(SYS_execve, a, NULL, NULL));
        show("readlink", syscall(SYS_readlink, "/proc/self/exe", a, 100));
        show("getdents64", syscall(SYS_getdents64, open("/", O_RDONLY | O_DIRECTORY), a, 1000));
        show("munmap", (((uintptr_t)a & 4095) || (uintptr_t)a == 0x7ffffffff000) ? 0 : syscall(SYS_munmap, a, 4096));
        show("mprotect", ((uintptr_t)a & 4095) ? 0 : syscall(SYS_mprotect, a, 4096, PROT_READ) != 0 ? 1 : 0);
        show("ioctl", syscall(SYS_ioctl, ends[0], 0x541b, a));
        show("getrlimit", syscall(SYS_getrlimit, 7, a));
        show("sysinfo", syscall(SYS_sysinfo, a));
        show("times", syscall(SYS_times, a) == -1 ? -1 : 0);
        show("arch_prctl", syscall(SYS_arch_prctl, 0x1003, a));
    }
}

/* Bases of FS and GS in the kernel's half are refused, and cannot be reached otherwise. */
static void segment_bases(void)
{
    for (size_t i = 0; i < ADDRESSES; i++) {
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            long set = syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, kernel_addresses[i]);
            int error = errno;
            printf("GS base %#llx: %s\n", (unsigned long long)kernel_addresses[i], set == 0 ? "ok" : error_name(error));
            fflush(stdout);
            if (set == 0)
                __asm__ volatile("movb %%gs:0, %%al" ::: "rax");
            _exit(0);
        }
        show_status("  read through it", wait_for(pid));
    }
    for (int selector = 0; selector < 0x80; selector += 8) {
        pid_t pid = (pid_t)MUST(fork());
        if (pid == 0) {
            __asm__ volatile("mov %0, %%ss" : : "r"(selector));
            _exit(0);
        }
        int status = wait_for(pid);
        if (selector < 0x20) /* the null selector and the kernel's */
            show_status("kernel's or null selector in SS", status);
    }
}

#define PRIVILEGED(X) \
    X(hlt, "hlt") X(cli, "cli") X(sti, "sti") X(in, "in $0x60, %al") X(out, "out %al, $0x64") X(rdmsr, "mov $0xc0000082, %ecx; rdmsr") \
    X(wrmsr, "mov $0xc0000082, %ecx; wrmsr") X(read_cr0, "mov %cr0, %rax") X(write_cr3, "mov %rax, %cr3") X(read_dr7, "mov %dr7, %rax") \
    X(lgdt, "lgdt (%rsp)") X(lidt, "lidt (%rsp)") X(ltr, "ltr %ax") X(invlpg, "invlpg (%rsp)") X(wbinvd, "wbinvd") X(swapgs, "swapgs") \
    X(sysret, "mov $0x1000, %ecx; sysretq") \
    X(clts, "clts") X(lmsw, "lmsw %ax") X(int_0x20, "int $0x20") X(int_0x0e, "int $0x0e") X(int_0x08, "int $8") X(int_0xff, "int $0xff") \
    X(ins, "mov $0x60, %dx; insb") X(ud2, "ud2") X(int3, "int3") \
    X(lock_nop, ".byte 0xf0, 0x90") X(long_prefix, ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90") \
    X(xsetbv, "xor %ecx, %ecx; xor %eax, %eax; xor %edx, %edx; xsetbv") X(divide, "xor %ecx, %ecx; div %ecx")
#define DEFINE(name, code) static int run_##name(void *a) { (void)a; __asm__ volatile(code); return 0; }
PRIVILEGED(DEFINE)
/* Without IRET and far RET: QEMU's read the program's stack as the kernel would, and SMAP lets them fault for ever (the process can be killed). */
static void instructions(void)
{
#define CALL(name, code) show_status(#name, wait_for(start(run_##name, NULL)));
    PRIVILEGED(CALL)
}

static int with_flags(void *bits)
{
    uint64_t after;
    long id;
    __asm__ volatile("pushfq; orq %2, (%%rsp); popfq; mov $39, %%eax; syscall; pushfq; popq %0; cld; pushq $0x202; popfq"
                     : "=&r"(after), "=&a"(id) : "r"((uint64_t)(uintptr_t)bits) : "rcx", "r11", "memory");
    printf("kept %#llx, call %s\n", (unsigned long long)(after & (uint64_t)(uintptr_t)bits & ~0x100ULL), id == getpid() ? "works" : "fails");
    return 0;
}

static void flags(void)
{
    uint64_t bits[] = { 0x100 /* TF */, 0x400 /* DF */, 0x3000 /* IOPL */, 0x4000 /* NT */, 0x10000 /* RF */, 0x20000 /* VM */,
                        0x40000 /* AC */, 0x180000 /* VIF, VIP */, 0x200000 /* ID */, 0x400000, 0x7c400 };
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        printf("flags %#llx: ", (unsigned long long)bits[i]);
        show_status("status", wait_for(start(with_flags, (void *)(uintptr_t)bits[i])));
    }
}

static void call_numbers(void)
{
    long numbers[] = { -1, -4096, 1000, 5000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x4000000000000000 };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        long result = syscall(numbers[i], 1, 2, 3, 4, 5, 6);
        printf("%#lx: %s\n", numbers[i], numbers[i] >= 0x100000000 ? "either" : result == -1 ? error_name(errno) : "ok");
    }
}

/* SYSCALL as the last two bytes of the highest page that can be mapped. */
static int call_at_the_end(void *argument)
{
    (void)argument;
    for (uint64_t page = 0x7ffffffff000; page > 0x7ffffff00000; page -= 4096) {
        char *p = mmap((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != (char *)page)
            continue;
        p[4094] = 0x0f, p[4095] = 0x05;
        __asm__ volatile("mov $39, %%eax; jmp *%0" : : "r"(p + 4094) : "memory");
    }
    return 0;
}

static void last_page(void)
{
    printf("page above: %s\n", mmap((void *)0x7ffffffff000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? error_name(errno) : "ok");
    int status = wait_for(start(call_at_the_end, NULL));
    printf("no harm: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV : WIFEXITED(status));
}

static int child_of_clone(void *argument) { (void)argument; return 5; }

static void clone_stacks(void)
{
    static char stack[8192];
    uint64_t stacks[] = { (uintptr_t)stack + 8191, 0, 8, 0xffffffff80000000, 0xffffa00000400000, 0x800000000000, 0xdead000000000000, 1 };
    (void)child_of_clone;
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        fflush(stdout);
        long pid;
        /* The child's first instruction uses its stack. */
        __asm__ volatile("mov $56, %%eax; mov $17, %%edi; mov %1, %%rsi; xor %%edx, %%edx; xor %%r10d, %%r10d; xor %%r8d, %%r8d; syscall;"
                         "test %%eax, %%eax; jnz 1f; push $5; pop %%rdi; mov $60, %%eax; syscall; 1:"
                         : "=&a"(pid) : "r"(stacks[i]) : "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "memory");
        if (pid < 0)
            printf("stack %zu: %s\n", i, error_name((int)-pid));
        else
            show_fault("stack", wait_for((pid_t)pid));
    }
}

static void huge_maps(void)
{
    size_t sizes[] = { 1UL << 40, 1UL << 46, 1UL << 47, 1UL << 60, (size_t)-4096, (size_t)-1 };
    for (size_t i = 1; i < sizeof sizes / sizeof sizes[0]; i++)
        printf("%zx: %s\n", sizes[i], mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? error_name(errno) : "ok");
    printf("brk: %s\n", sbrk((intptr_t)1 << 46) == (void *)-1 ? error_name(errno) : "ok");
    printf("mremap: %d\n", mremap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, 1UL << 47, MREMAP_MAYMOVE) == MAP_FAILED);
    show("read", read(open("/dev/zero", O_RDONLY), (void *)8, (size_t)-1 >> 1));
}

static void close_everything(void)
{
    int copy = dup(1);
    for (int i = 0; i < 1024; i++)
        if (i != copy)
            close(i);
    if (write(1, "lost", 4) != -1 || errno != EBADF)
        _exit(1);
    dup2(copy, 1);
    printf("still alive\n");
}

static const struct { const char *name; void (*run)(void); } attacks[] = {
#define ATTACK(name) { #name, name }
    ATTACK(read_kernel), ATTACK(write_kernel), ATTACK(jump_to_kernel), ATTACK(wild_stack), ATTACK(wild_stack_signal),
    ATTACK(handler_address), ATTACK(alternate_stack), ATTACK(return_rip), ATTACK(return_rsp), ATTACK(return_fpu),
    ATTACK(sigreturn_garbage), ATTACK(sigreturn_random), ATTACK(exit_addresses), ATTACK(pointers), ATTACK(segment_bases),
    ATTACK(instructions), ATTACK(flags), ATTACK(call_numbers), ATTACK(last_page), ATTACK(clone_stacks), ATTACK(huge_maps),
    ATTACK(close_everything),
};

int main(int argc, char **argv)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        if (argc < 2)
            puts(attacks[i].name);
        else if (strcmp(argv[1], attacks[i].name) == 0)
            attacks[i].run();
    return 0;
}
