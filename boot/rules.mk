# The loaders and the checksum tool of the image builder:
#   $(BUILD)/boot/{stage1.bin,stage2.bin,BOOTX64.EFI,xxh64sum}
# Debug data is left out: the loaders report by message, not by backtrace.

BOOT_OUT    := $(BUILD)/boot
BOOT_COMMON := $(wildcard boot/common/*.zig)
# Stage 2 runs before anything enables SSE.
BOOT_STAGE2_CPU := x86_64+soft_float-x87-mmx-sse-sse2

.PHONY: boot
boot: $(addprefix $(BOOT_OUT)/,stage1.bin stage2.bin BOOTX64.EFI xxh64sum)

$(BOOT_OUT):
	@mkdir -p $@

$(BOOT_OUT)/stage1.elf: boot/bios/stage1.S boot/bios/stage1.ld boot/rules.mk | $(BOOT_OUT)
	@$(STEP) "AS $@" $(ZIG) build-exe -target x86_64-freestanding-none -fno-compiler-rt -fstrip \
	    --name stage1 -femit-bin=$@ -T boot/bios/stage1.ld $<

$(BOOT_OUT)/stage2.elf: $(wildcard boot/bios/stage2/*) $(BOOT_COMMON) boot/rules.mk | $(BOOT_OUT)
	@$(STEP) "ZIG $@" $(ZIG) build-exe -target x86_64-freestanding-none -mcpu $(BOOT_STAGE2_CPU) -O ReleaseSafe -fstrip \
	    -mno-red-zone -fno-stack-check -fno-PIE --name stage2 -femit-bin=$@ \
	    -T boot/bios/stage2/stage2.ld boot/bios/stage2/entry.S \
	    --dep common -Mroot=boot/bios/stage2/main.zig -Mcommon=boot/common/common.zig

$(BOOT_OUT)/%.bin: $(BOOT_OUT)/%.elf
	@$(STEP) "BIN $@" $(ZIG) objcopy -O binary $< $@

$(BOOT_OUT)/BOOTX64.EFI: $(wildcard boot/uefi/*.zig) $(BOOT_COMMON) boot/rules.mk | $(BOOT_OUT)
	@$(STEP) "ZIG $@" $(ZIG) build-exe -target x86_64-uefi -O ReleaseSafe -fstrip --name BOOTX64 -femit-bin=$@ \
	    --dep common -Mroot=boot/uefi/main.zig -Mcommon=boot/common/common.zig

$(BOOT_OUT)/xxh64sum: tools/xxh64sum.zig boot/rules.mk | $(BOOT_OUT)
	@$(STEP) "ZIG $@" $(ZIG) build-exe -O ReleaseFast -fstrip --name xxh64sum -femit-bin=$@ $<
