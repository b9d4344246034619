/* What a handler sees and changes of the interrupted program: registers, floating point, RIP. */
#include "program.h"

#include <ucontext.h>

static int cases_done;

static void clobber(int number)
{
    (void)number;
    __asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm5, %%xmm5; pcmpeqd %%xmm15, %%xmm15; fninit; fld1; fldpi" ::: "xmm0", "xmm5", "xmm15");
    cases_done++;
}

static void skip(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    (void)info;
    printf("signal %d: rbx %llx, trap %lld, error %lld, cr2 %llx\n", number, (long long)user->uc_mcontext.gregs[REG_RBX],
           (long long)user->uc_mcontext.gregs[REG_TRAPNO], (long long)user->uc_mcontext.gregs[REG_ERR] & 7,
           (long long)user->uc_mcontext.gregs[REG_CR2]);
    user->uc_mcontext.gregs[REG_RIP] += 3;
    user->uc_mcontext.gregs[REG_RAX] = 0x1122334455667788;
    user->uc_mcontext.gregs[REG_R15] = 0x99;
    user->uc_mcontext.gregs[REG_EFL] |= 1; /* carry */
}

static void set_xmm(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    (void)number, (void)info;
    user->uc_mcontext.fpregs->_xmm[3].element[0] = 0x12345678;
}

int main(void)
{
    double values[3] = { 1.5, -2.25, 1e300 }, after[3];
    uint32_t words[4] = { 1, 2, 3, 4 };
    on_signal(SIGUSR1, clobber, 0);
    pid_t pid = getpid();
    register long rax __asm__("rax") = SYS_kill;
    register long rdi __asm__("rdi") = pid;
    register long rsi __asm__("rsi") = SIGUSR1;
    __asm__ volatile("movsd (%3), %%xmm0; movsd 8(%3), %%xmm5; movsd 16(%3), %%xmm15; fldl 16(%3); fldl (%3); syscall;"
                     "movsd %%xmm0, (%4); movsd %%xmm5, 8(%4); movsd %%xmm15, 16(%4); faddp; fstp %%st(0)"
                     : "+r"(rax) : "r"(rdi), "r"(rsi), "r"(values), "r"(after)
                     : "rcx", "r11", "xmm0", "xmm5", "xmm15", "memory");
    printf("result %ld, xmm %g %g %g, handlers %d\n", rax, after[0], after[1], after[2], cases_done);
    on_siginfo(SIGSEGV, skip, 0);
    long result, r15, carry;
    __asm__ volatile("movq $0xabcdef, %%rbx; movq $0x123000, %%rcx; xorl %%eax, %%eax; movq (%%rcx), %%rax; setc %%cl; movzbq %%cl, %2; movq %%r15, %1"
                     : "=&a"(result), "=&r"(r15), "=&d"(carry) : : "rbx", "rcx", "r15", "cc", "memory");
    printf("skipped: rax %lx r15 %lx carry %ld\n", result, r15, carry);
    on_siginfo(SIGUSR2, set_xmm, 0);
    __asm__ volatile("movdqu (%0), %%xmm3" : : "r"(words) : "xmm3");
    __asm__ volatile("syscall" : : "a"(SYS_kill), "D"((long)pid), "S"((long)SIGUSR2) : "rcx", "r11", "memory");
    __asm__ volatile("movdqu %%xmm3, (%0)" : : "r"(words) : "memory");
    printf("xmm3: %x %x %x %x\n", words[0], words[1], words[2], words[3]);
    return 0;
}
