/*
 * Physical pages: a buddy allocator over `struct page`, one per page frame.
 * Pages are reference counted; page_get()/page_put() share one.
 *
 * Context: any but NMI. Allocation never sleeps and never reclaims: it returns
 * NULL, and callers pass -ENOMEM on. Contents are undefined unless PAGE_ZERO.
 */
#ifndef KERNEL_MM_PAGE_H
#define KERNEL_MM_PAGE_H

#include <lib/list.h>

#define PAGE_MAX_ORDER 11 /* largest block: 2^10 pages = 4 MiB */

enum page_flags {
    PAGE_NORMAL = 0,
    PAGE_ZERO = 1,        /* filled with zeroes */
    PAGE_ACCOUNTED = 2    /* charged by commit accounting already: may use the last reserve */
};

/* What a page is used for; counted for polyglot.memory(). */
enum page_use {
    PAGE_USE_FREE, PAGE_USE_RESERVED, PAGE_USE_KERNEL, PAGE_USE_SLAB, PAGE_USE_STACK,
    PAGE_USE_PAGE_TABLE, PAGE_USE_ANONYMOUS, PAGE_USE_FILE, PAGE_USE_COUNT
};

struct page {
    struct list link;       /* free list of its order, or the owner's */
    uint32_t references;    /* atomic; 0: free */
    uint8_t order;          /* of the block that starts here */
    uint8_t use;            /* enum page_use */
    uint16_t flags;         /* PAGE_FLAG_... of page.c */
    void *owner;            /* slab of a slab page, else the owner's */
};

MUST_CHECK struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags);
void page_free(struct page *page, unsigned order);   /* drops the only reference */
void page_get(struct page *page);
void page_put(struct page *page);                    /* order-0 pages; frees at zero */
/* As page_put(), by the owner of a PAGE_ACCOUNTED page who also gives up the page's commit: that ends when the page
 * is freed, which may be later (a file was cut while a mapping still has its page). */
void page_put_committed(struct page *page);
void page_set_use(struct page *page, enum page_use use);

paddr_t page_to_phys(const struct page *page);
struct page *page_from_phys(paddr_t phys);
void *page_to_virt(const struct page *page);          /* in the direct map */
struct page *page_from_virt(const void *address);     /* of a direct-map address */
void *phys_to_virt(paddr_t phys);
paddr_t virt_to_phys(const void *address);            /* direct-map and kernel-image addresses */

struct page_statistics {
    uint64_t total;   /* pages managed */
    uint64_t free;
    uint64_t used[PAGE_USE_COUNT];
    uint64_t committed;     /* promised to address spaces */
    uint64_t commit_limit;
};
/* Exact while no other CPU takes or frees pages; else off by what they do meanwhile. */
void page_get_statistics(struct page_statistics *out);

/* Commit accounting: a demand fault always finds a page. 0 or -ENOMEM. */
MUST_CHECK int page_commit(uint64_t pages);
void page_uncommit(uint64_t pages);

#endif
