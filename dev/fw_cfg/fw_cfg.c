/* QEMU's firmware configuration device, see fw_cfg.h. Everything on the wire is big endian but the port-read items. */
#include <dev/fw_cfg/fw_cfg.h>

#include <abi/errno.h>
#include <arch/x86_64/io.h>
#include <kernel/mm/page.h>
#include <lib/string.h>

#define FW_CFG_SELECTOR 0x510
#define FW_CFG_DATA 0x511
#define FW_CFG_DMA_HIGH 0x514
#define FW_CFG_DMA_LOW 0x518 /* writing it starts the transfer */

#define FW_CFG_SIGNATURE 0x0000
#define FW_CFG_FEATURES 0x0001 /* 32 bits, little endian; bit 1: DMA */
#define FW_CFG_DIRECTORY 0x0019
#define FW_CFG_FEATURE_DMA 2

#define FW_CFG_DMA_ERROR 1
#define FW_CFG_DMA_READ 2
#define FW_CFG_DMA_SELECT 8

#define FW_CFG_NAME_SIZE 56
#define FW_CFG_MAX_FILES 128
#define FW_CFG_MAX_TRANSFER 0x40000000 /* the length field has 32 bits */

struct fw_cfg_dma {
    uint32_t control;
    uint32_t length;
    uint64_t address;
};

struct fw_cfg_entry {
    uint32_t size;
    uint16_t selector;
    uint16_t reserved;
    char name[FW_CFG_NAME_SIZE];
};

struct fw_cfg_directory {
    uint32_t count;
    struct fw_cfg_entry entries[FW_CFG_MAX_FILES];
} PACKED;
STATIC_ASSERT(sizeof(struct fw_cfg_dma) == 16, "FWCfgDmaAccess");
STATIC_ASSERT(sizeof(struct fw_cfg_entry) == 64, "FWCfgFile");

static enum { FW_CFG_UNKNOWN, FW_CFG_ABSENT, FW_CFG_PRESENT } fw_cfg_state;
static struct fw_cfg_directory fw_cfg_directory;

LOCAL void fw_cfg_read_port(uint16_t selector, uint8_t *bytes, size_t size)
{
    io_out16(FW_CFG_SELECTOR, selector);
    for (size_t i = 0; i < size; i++)
        bytes[i] = io_in8(FW_CFG_DATA);
}

/* One transfer. `control` tells whether it selects an item or goes on in the one before. */
LOCAL int fw_cfg_transfer(uint32_t control, paddr_t destination, uint32_t length)
{
    static volatile struct fw_cfg_dma dma ALIGNED(16);
    paddr_t phys = virt_to_phys((const void *)&dma);

    dma.control = __builtin_bswap32(control);
    dma.length = __builtin_bswap32(length);
    dma.address = __builtin_bswap64(destination);
    __asm__ volatile("" : : : "memory"); /* the structure is written before the device reads it */
    io_out32(FW_CFG_DMA_HIGH, __builtin_bswap32((uint32_t)(phys >> 32)));
    io_out32(FW_CFG_DMA_LOW, __builtin_bswap32((uint32_t)phys));
    while (__builtin_bswap32(dma.control) & ~(uint32_t)FW_CFG_DMA_ERROR)
        ; /* QEMU transfers before the port write returns; a device may be slower */
    __asm__ volatile("" : : : "memory");
    return __builtin_bswap32(dma.control) & FW_CFG_DMA_ERROR ? -EIO : 0;
}

LOCAL int fw_cfg_read_item(uint16_t selector, paddr_t destination, size_t size)
{
    uint32_t control = (uint32_t)selector << 16 | FW_CFG_DMA_SELECT | FW_CFG_DMA_READ;
    int error = 0;

    while (error == 0 && size > 0) {
        uint32_t length = (uint32_t)MIN(size, (size_t)FW_CFG_MAX_TRANSFER);
        error = fw_cfg_transfer(control, destination, length);
        control = FW_CFG_DMA_READ;
        destination += length;
        size -= length;
    }
    return error;
}

/* Reads the directory once. */
LOCAL bool fw_cfg_probe(void)
{
    uint8_t signature[4], features[4];

    if (fw_cfg_state != FW_CFG_UNKNOWN)
        return fw_cfg_state == FW_CFG_PRESENT;
    fw_cfg_state = FW_CFG_ABSENT;
    fw_cfg_read_port(FW_CFG_SIGNATURE, signature, sizeof(signature));
    if (memcmp(signature, "QEMU", 4) != 0)
        return false;
    fw_cfg_read_port(FW_CFG_FEATURES, features, sizeof(features));
    if (!(features[0] & FW_CFG_FEATURE_DMA))
        return false;
    if (fw_cfg_read_item(FW_CFG_DIRECTORY, virt_to_phys(&fw_cfg_directory), sizeof(fw_cfg_directory)) != 0)
        return false;
    uint32_t count = __builtin_bswap32(fw_cfg_directory.count);
    fw_cfg_directory.count = MIN(count, (uint32_t)FW_CFG_MAX_FILES);
    fw_cfg_state = FW_CFG_PRESENT;
    return true;
}

LOCAL const struct fw_cfg_entry *fw_cfg_find_entry(const char *name)
{
    if (!fw_cfg_probe())
        return NULL;
    for (uint32_t i = 0; i < fw_cfg_directory.count; i++)
        if (strncmp(fw_cfg_directory.entries[i].name, name, FW_CFG_NAME_SIZE) == 0)
            return &fw_cfg_directory.entries[i];
    return NULL;
}

bool fw_cfg_find(const char *name, size_t *size)
{
    const struct fw_cfg_entry *entry = fw_cfg_find_entry(name);

    if (entry == NULL)
        return false;
    *size = __builtin_bswap32(entry->size);
    return true;
}

int fw_cfg_read_phys(const char *name, paddr_t destination, size_t size)
{
    const struct fw_cfg_entry *entry = fw_cfg_find_entry(name);

    if (entry == NULL)
        return -ENOENT;
    if (size > __builtin_bswap32(entry->size))
        return -EINVAL;
    return fw_cfg_read_item(__builtin_bswap16(entry->selector), destination, size);
}

int fw_cfg_read(const char *name, void *destination, size_t size)
{
    return fw_cfg_read_phys(name, virt_to_phys(destination), size);
}
