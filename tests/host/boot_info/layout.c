/* Prints the layout of boot/boot_info.h, one "name value" a line; layout.zig prints the mirror's. */
#include <stddef.h>
#include <stdio.h>
#include <boot/boot_info.h>

#define FIELD(type, field) printf(#type "." #field " %zu %zu\n", offsetof(struct type, field), sizeof ((struct type *)0)->field)
#define SIZE(type) printf(#type " %zu\n", sizeof(struct type))
#define VALUE(name) printf(#name " %llu\n", (unsigned long long)(name))

int main(void)
{
    VALUE(BOOT_INFO_MAGIC);
    VALUE(BOOT_INFO_VERSION);
    VALUE(BOOT_DIRECT_MAP_BASE);
    VALUE(BOOT_KERNEL_BASE);
    VALUE(BOOT_MAX_MEMORY);
    VALUE(BOOT_MAX_FILES);
    VALUE(BOOT_CMDLINE_SIZE);
    VALUE(BOOT_MEMORY_USABLE);
    VALUE(BOOT_MEMORY_RESERVED);
    VALUE(BOOT_MEMORY_ACPI_RECLAIM);
    VALUE(BOOT_MEMORY_ACPI_NVS);
    VALUE(BOOT_MEMORY_BAD);
    VALUE(BOOT_MEMORY_LOADER);
    VALUE(BOOT_MEMORY_KERNEL);
    VALUE(BOOT_MEMORY_FILE);
    VALUE(BOOT_FIRMWARE_BIOS);
    VALUE(BOOT_FIRMWARE_UEFI);

    SIZE(boot_memory);
    FIELD(boot_memory, base);
    FIELD(boot_memory, length);
    FIELD(boot_memory, type);
    FIELD(boot_memory, reserved);

    SIZE(boot_file);
    FIELD(boot_file, name);
    FIELD(boot_file, phys);
    FIELD(boot_file, size);
    FIELD(boot_file, checksum);

    SIZE(boot_framebuffer);
    FIELD(boot_framebuffer, phys);
    FIELD(boot_framebuffer, width);
    FIELD(boot_framebuffer, height);
    FIELD(boot_framebuffer, pitch);
    FIELD(boot_framebuffer, red_shift);
    FIELD(boot_framebuffer, green_shift);
    FIELD(boot_framebuffer, blue_shift);
    FIELD(boot_framebuffer, bits_per_pixel);

    SIZE(boot_info);
    FIELD(boot_info, magic);
    FIELD(boot_info, version);
    FIELD(boot_info, size);
    FIELD(boot_info, firmware);
    FIELD(boot_info, memory_count);
    FIELD(boot_info, file_count);
    FIELD(boot_info, boot_drive);
    FIELD(boot_info, kernel_phys);
    FIELD(boot_info, kernel_size);
    FIELD(boot_info, rsdp);
    FIELD(boot_info, tsc_start);
    FIELD(boot_info, tsc_loaded);
    FIELD(boot_info, tsc_handover);
    FIELD(boot_info, framebuffer);
    FIELD(boot_info, files);
    FIELD(boot_info, memory);
    FIELD(boot_info, cmdline);
    return 0;
}
