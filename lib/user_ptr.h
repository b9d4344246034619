/*
 * A pointer that came from a syscall's caller (a ring-3 program or the world).
 * It is a type of its own so that the compiler refuses to dereference it; only
 * the functions of kernel/syscall/usercopy.h do.
 */
#ifndef LIB_USER_PTR_H
#define LIB_USER_PTR_H

#include <lib/types.h>

struct user_ptr { uint64_t address; };

static inline struct user_ptr user_ptr_from(uint64_t address) { struct user_ptr p; p.address = address; return p; }
static inline struct user_ptr user_ptr_offset(struct user_ptr p, uint64_t bytes) { p.address += bytes; return p; }
static inline bool user_ptr_is_null(struct user_ptr p) { return p.address == 0; }

#endif
