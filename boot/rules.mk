# The loaders. Included by the top Makefile, which defines ZIG and BUILD.
# Targets: $(BUILD)/boot/{stage1.bin,stage2.bin,BOOTX64.EFI,xxh64sum}

BOOT_OUT := $(BUILD)/boot
BOOT_CACHE := --cache-dir $(BUILD)/zig-cache --global-cache-dir $(BUILD)/zig-cache
BOOT_COMMON := $(wildcard boot/common/*.zig)
BOOT_STAGE2 := $(wildcard boot/bios/stage2/*)
BOOT_UEFI := $(wildcard boot/uefi/*.zig)

# No SSE: stage 2 runs without having enabled it.
BOOT_STAGE2_CPU := x86_64+soft_float-x87-mmx-sse-sse2

.PHONY: boot
boot: $(addprefix $(BOOT_OUT)/,stage1.bin stage2.bin BOOTX64.EFI xxh64sum)

$(BOOT_OUT):
	mkdir -p $@

$(BOOT_OUT)/stage1.elf: boot/bios/stage1.S | $(BOOT_OUT)
	$(ZIG) build-exe -target x86_64-freestanding-none -O ReleaseSmall -fno-entry -fno-compiler-rt \
	    --name stage1 -femit-bin=$@ $(BOOT_CACHE) -T boot/bios/stage1.ld $<

$(BOOT_OUT)/stage2.elf: $(BOOT_STAGE2) $(BOOT_COMMON) | $(BOOT_OUT)
	$(ZIG) build-exe -target x86_64-freestanding-none -mcpu $(BOOT_STAGE2_CPU) -O ReleaseSafe -fstrip \
	    -mno-red-zone -fno-stack-check -fno-PIE --name stage2 -femit-bin=$@ $(BOOT_CACHE) \
	    -T boot/bios/stage2/stage2.ld boot/bios/stage2/entry.S \
	    --dep common -Mroot=boot/bios/stage2/main.zig -Mcommon=boot/common/common.zig

$(BOOT_OUT)/%.bin: $(BOOT_OUT)/%.elf
	$(ZIG) objcopy -O binary $< $@

$(BOOT_OUT)/xxh64sum: tools/xxh64sum.zig | $(BOOT_OUT)
	$(ZIG) build-exe -O ReleaseFast -fstrip --name xxh64sum -femit-bin=$@ $(BOOT_CACHE) $<
