/* The generated table of syscalls, as a part of the kernel. */
#include <abi/syscall_table.inc.c>
