/* Where tests/host/mm puts "physical" memory and its struct pages: host addresses outside the sanitizer's own. */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define DIRECT_MAP_BASE   0x200000000000ULL
#define PAGE_ARRAY_BASE   0x300000000000ULL
#define KERNEL_IMAGE_BASE 0xffffffff80000000ULL

#endif
