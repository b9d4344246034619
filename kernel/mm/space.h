/*
 * Address spaces: sorted areas over page tables, filled on demand.
 *
 * The world's space covers its parts of the upper half (layout.h) in the
 * kernel's own page tables; a ring-3 process has tables of its own for the lower
 * half. Every change takes the space's mutex; a page fault takes it too, so
 * nothing of higher rank may be held over usercopy.
 */
#ifndef KERNEL_MM_SPACE_H
#define KERNEL_MM_SPACE_H

#include <kernel/mm/page.h>
#include <kernel/sched/lock.h>
#include <lib/tree.h>

struct inode;

#define AREA_READ    1 /* = PROT_READ */
#define AREA_WRITE   2
#define AREA_EXECUTE 4

/* With the MAP_... flags: a shared mapping of a file that may not be written through it, whatever mprotect(2) says. */
#define SPACE_MAP_READ_ONLY (1u << 31)

struct area {
    struct tree_node node;
    vaddr_t start, end;        /* page aligned, half open */
    uint32_t protection;       /* AREA_... */
    uint32_t flags;            /* MAP_... of mmap(2) */
    uint64_t committed;        /* pages promised */
    struct inode *inode;       /* mapped file, referenced; NULL: anonymous */
    file_off_t offset;         /* of `start` in the file */
    const char *name;          /* "[heap]", "[stack]", a path; NULL: none. Static or the space's */
    bool borrowed;             /* frames belong to a boot file: never writable, never freed */
};

struct address_space {
    uint32_t references;       /* atomic: processes, and whoever looks at one of them */
    paddr_t root;
    vaddr_t start, end;        /* where mmap may place */
    bool is_world;
    struct mutex lock;
    /* lock */
    struct tree areas;
    vaddr_t heap_start, heap_end; /* brk */
    vaddr_t mmap_hint;
    uint64_t resident;         /* pages mapped */
    uint64_t resident_peak;
    uint64_t faults;
    vaddr_t environment_start, environment_end; /* the program's strings, on its start stack; for /proc/PID/environ */
};

/* The world's space, empty, with one reference. */
MUST_CHECK int space_create_world(struct address_space **out);
/* A ring-3 space, empty, with one reference. 0 or -ENOMEM. */
MUST_CHECK int space_create_user(struct address_space **out);
/* fork(2): the same areas and pages; private pages are copied when one of the two writes. 0 or -ENOMEM. */
MUST_CHECK int space_fork(struct address_space *parent, struct address_space **out);
void space_get(struct address_space *space);
/* The last reference unmaps everything and frees it: no CPU may use its tables then. */
void space_put(struct address_space *space);
/* Where brk(2) starts: after the program's image. */
void space_set_heap_start(struct address_space *space, vaddr_t start);

/* mmap(2): returns the address or -E... `flags` are MAP_...; takes its own reference of `inode`. */
MUST_CHECK int64_t space_map(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection,
                             uint32_t flags, struct inode *inode, file_off_t offset, const char *name);
MUST_CHECK int space_unmap(struct address_space *space, vaddr_t address, uint64_t size);
MUST_CHECK int space_protect(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection);
MUST_CHECK int64_t space_remap(struct address_space *space, vaddr_t address, uint64_t old_size, uint64_t new_size,
                               uint32_t flags, vaddr_t new_address);
/* brk(2): the new end, or the old one when it cannot be had. */
vaddr_t space_set_heap_end(struct address_space *space, vaddr_t end);
/* MADV_DONTNEED of anonymous memory: pages are dropped and read as zero again. */
MUST_CHECK int space_discard(struct address_space *space, vaddr_t address, uint64_t size);

/* Maps existing frames (a boot file's) read-only: they are not counted nor freed. */
MUST_CHECK int space_map_borrowed(struct address_space *space, vaddr_t address, paddr_t phys, uint64_t size,
                                  uint32_t protection, const char *name);

/* A page fault at `address`. 0: resolved; -EFAULT no area there; -EACCES it does not allow that; -ENXIO beyond the file; -ENOMEM. */
MUST_CHECK int space_fault(struct address_space *space, vaddr_t address, bool write, bool execute);

/* Writes to memory of a space that need not be the current one: a program that does not run yet. 0 or as space_fault(). */
MUST_CHECK int space_write(struct address_space *space, vaddr_t address, const void *data, size_t size);
/* Reads what the owner could read. 0 or as space_fault(). */
MUST_CHECK int space_read(struct address_space *space, vaddr_t address, void *data, size_t size);
/* What several processes' mappings of one word have in common: the file and offset of shared memory, else the space
 * and the address. For futexes. False: nothing is mapped there. */
struct space_key { const void *object; uint64_t offset; };
MUST_CHECK bool space_key_of(struct address_space *space, vaddr_t address, struct space_key *key);

/* May the space's owner pass this range as a buffer? No page is touched. */
bool space_contains_range(const struct address_space *space, vaddr_t address, uint64_t size);

/* Bytes of all areas. */
uint64_t space_mapped_bytes(struct address_space *space);

/* Calls `visit` for each area by address, under the space's lock. */
void address_space_for_each_area(struct address_space *space, void (*visit)(const struct area *area, void *context),
                                 void *context);

#endif
