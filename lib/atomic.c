/* The operations of lib/atomic.h as functions, for compilers without atomic builtins. */
#define ATOMIC_OUT_OF_LINE
#include <lib/atomic.h>
