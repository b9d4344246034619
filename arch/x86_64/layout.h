/* The 48-bit address space; see docs/architecture.md. Half-open ranges. */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define USER_SPACE_START    0x0000000000010000ULL
#define USER_SPACE_END      0x00007fffffffe000ULL
#define DIRECT_MAP_BASE     0xffff800000000000ULL
#define DIRECT_MAP_SIZE     0x0000100000000000ULL /* 16 TiB */
#define WORLD_SPACE_START   0xffffa00000000000ULL
#define WORLD_SPACE_END     0xffffc00000000000ULL
#define VMALLOC_START       0xffffc00000000000ULL
#define VMALLOC_END         0xffffc08000000000ULL /* one PML4 entry: 512 GiB */
#define PAGE_ARRAY_BASE     0xffffd00000000000ULL
#define KERNEL_IMAGE_BASE   0xffffffff80000000ULL
#define KERNEL_IMAGE_END    0xffffffff90000000ULL
#define WORLD_IMAGE_BASE    0xffffffff90000000ULL
#define WORLD_IMAGE_END     0xffffffffa0000000ULL
#define LIVE_AREA_BASE      0xffffffffa0000000ULL
#define LIVE_AREA_END       0xffffffffffe00000ULL

#endif
