/*
 * boot_info: what a loader (BIOS stage 2 or UEFI) hands to the kernel.
 *
 * Both loaders build exactly this structure; the kernel knows no firmware. The
 * Zig loaders mirror it in boot/common/boot_info.zig, and tests/host compares
 * the two layouts field by field.
 *
 * State at the kernel's entry point (the ELF e_entry of the kernel file):
 *   - 64-bit mode, CPL 0, interrupts masked (IF=0, PIC and NMI untouched);
 *     CR0.PE|PG|WP, CR4.PAE, EFER.LME|NXE set; flat CS/SS.
 *   - RDI = address of struct boot_info in the direct map
 *     (BOOT_DIRECT_MAP_BASE + physical address).
 *   - RSP = top of a stack of at least 16 KiB in BOOT_MEMORY_LOADER memory.
 *   - Page tables (in BOOT_MEMORY_LOADER memory) map, writable and executable:
 *       0 .. 4 GiB                       identity
 *       BOOT_DIRECT_MAP_BASE .. + 4 GiB  the same memory
 *       BOOT_KERNEL_BASE ..              the kernel's PT_LOAD segments, which lie
 *                                        physically contiguous from kernel_phys
 *   - Everything that boot_info points to lies below 4 GiB; all pointers in it
 *     are physical addresses.
 *   - Files are page aligned and padded with zeroes to a whole page, and have
 *     been checked against their checksum (XXH64, seed 0, as in the manifest).
 *
 * Left out: the loaders describe memory and the screen only; devices are found
 * by the kernel from the ACPI tables.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include <stdint.h>

#define BOOT_INFO_MAGIC      0x544f4f424c4f5050ULL /* "PPOLBOOT" little endian */
#define BOOT_INFO_VERSION    1
#define BOOT_DIRECT_MAP_BASE 0xffff800000000000ULL
#define BOOT_KERNEL_BASE     0xffffffff80000000ULL
#define BOOT_MAX_MEMORY      256  /* ranges */
#define BOOT_MAX_FILES       8
#define BOOT_CMDLINE_SIZE    2048 /* bytes with the NUL */

enum boot_memory_type {
    BOOT_MEMORY_USABLE = 1,       /* free RAM */
    BOOT_MEMORY_RESERVED = 2,     /* firmware, holes, devices */
    BOOT_MEMORY_ACPI_RECLAIM = 3, /* ACPI tables: RAM, free once they are read */
    BOOT_MEMORY_ACPI_NVS = 4,
    BOOT_MEMORY_BAD = 5,
    BOOT_MEMORY_LOADER = 6,       /* boot_info, page tables, stack: free once replaced */
    BOOT_MEMORY_KERNEL = 7,       /* the kernel's segments */
    BOOT_MEMORY_FILE = 8          /* a struct boot_file's bytes */
};

enum boot_firmware { BOOT_FIRMWARE_BIOS = 1, BOOT_FIRMWARE_UEFI = 2 };

/* Half-open physical range [base, base + length), in bytes; page aligned for the
 * types USABLE, LOADER, KERNEL and FILE. Sorted by base, without overlap. */
struct boot_memory {
    uint64_t base;
    uint64_t length;
    uint32_t type; /* enum boot_memory_type */
    uint32_t reserved;
};

/* One loaded file: "kernel" (the whole ELF file, for its symbols), "world",
 * "symbols" (names of the world's functions) or "initramfs" (cpio newc). */
struct boot_file {
    char name[16];     /* NUL terminated */
    uint64_t phys;     /* page aligned */
    uint64_t size;     /* bytes of the file, without padding */
    uint64_t checksum; /* XXH64 of the bytes */
};

/* Linear 32-bit-per-pixel framebuffer; width == 0: there is none. */
struct boot_framebuffer {
    uint64_t phys;
    uint32_t width;  /* pixels */
    uint32_t height; /* pixels */
    uint32_t pitch;  /* bytes per line */
    uint8_t red_shift, green_shift, blue_shift; /* bit position of the 8-bit channel */
    uint8_t bits_per_pixel; /* 32 */
};

struct boot_info {
    uint64_t magic;
    uint32_t version;
    uint32_t size;              /* sizeof(struct boot_info) as the loader knows it */
    uint32_t firmware;          /* enum boot_firmware */
    uint32_t memory_count;
    uint32_t file_count;
    uint32_t boot_drive;        /* BIOS drive number; 0 under UEFI */
    uint64_t kernel_phys;       /* where BOOT_KERNEL_BASE is mapped; 2 MiB aligned */
    uint64_t kernel_size;       /* bytes, page aligned, .bss included */
    uint64_t rsdp;              /* ACPI root pointer; 0: not found */
    uint64_t tsc_start;         /* TSC at the loader's first instruction that can read it */
    uint64_t tsc_loaded;        /* TSC when the files were read and checked */
    uint64_t tsc_handover;      /* TSC just before the kernel's entry */
    struct boot_framebuffer framebuffer;
    struct boot_file files[BOOT_MAX_FILES];
    struct boot_memory memory[BOOT_MAX_MEMORY];
    char cmdline[BOOT_CMDLINE_SIZE]; /* cmdline.txt of the ESP, then fw_cfg's, with a blank between */
};

#endif
