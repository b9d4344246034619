# The initial root file system, and the disk image.
#
# A module adds to the root file system with
#   ROOTFS_PARTS += /place=source      (see tools/mkinitramfs.py)
#   ROOTFS_FILES += files it is made of, if they are built or lie outside these directories

ROOTFS_PARTS += /=tools/rootfs /demo=demo
ROOTFS_DIRECTORIES := /dev /proc /tmp:1777 /root:700 /exec /host /var/tmp:1777 /run
ROOTFS_FILES += $(shell find tools/rootfs demo -type f 2>/dev/null)

$(BUILD)/initramfs.cpio: $$(ROOTFS_FILES) tools/rules.mk tools/mkinitramfs.py tools/polyglot_vm/cpio.py
	@$(STEP) "CPIO $@" $(PYTHON) tools/mkinitramfs.py --output $@ \
	    $(addprefix --directory ,$(ROOTFS_DIRECTORIES)) $(ROOTFS_PARTS)

# What is handed out: one compressed file that QEMU boots as it is, and that qemu-img writes to a stick.
DIST := $(BUILD)/dist/polyglot.qcow2
.PHONY: dist
dist: $(DIST)
	@ls -l $(DIST) | awk '{ printf "%s: %.1f MB\n", $$NF, $$5 / 1e6 }'
	@echo 'Boot it:           qemu-system-x86_64 -m 1G -drive if=virtio,file=$(notdir $(DIST)),format=qcow2'
	@echo 'Write it to a USB stick (which erases the stick): qemu-img convert -O raw $(notdir $(DIST)) /dev/sdX'
$(DIST): $(IMAGE)
	@mkdir -p $(@D)
	@$(STEP) "QCOW2 $@" qemu-img convert -c -O qcow2 -o compression_type=zstd $< $@

# The disk image: the loaders of boot/rules.mk, kernel, world and root file system.
IMAGE_INPUTS += $(addprefix $(BUILD)/boot/,stage1.bin stage2.bin BOOTX64.EFI xxh64sum) \
    $(BUILD)/kernel.elf $(BUILD)/world.elf $(BUILD)/symbols.bin $(BUILD)/initramfs.cpio tools/cmdline.txt

$(IMAGE): $$(IMAGE_INPUTS) tools/mkimage.py
	@$(STEP) "IMAGE $@" $(PYTHON) tools/mkimage.py --stage1 $(BUILD)/boot/stage1.bin --stage2 $(BUILD)/boot/stage2.bin \
	    --efi $(BUILD)/boot/BOOTX64.EFI --kernel $(BUILD)/kernel.elf --world $(BUILD)/world.elf \
	    --symbols $(BUILD)/symbols.bin --initramfs $(BUILD)/initramfs.cpio --cmdline tools/cmdline.txt --output $@
