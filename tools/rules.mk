# The initial root file system. A module adds to it with
#   ROOTFS_PARTS += /place=source      (see tools/mkinitramfs.py)
#   ROOTFS_FILES += files it is made of, if they are built or lie outside these directories

ROOTFS_PARTS += /=tools/rootfs /demo=demo
ROOTFS_DIRECTORIES := /dev /proc /tmp /root /exec /host
ROOTFS_FILES += $(shell find tools/rootfs demo -type f 2>/dev/null)

$(BUILD)/initramfs.cpio: $$(ROOTFS_FILES) tools/rules.mk tools/mkinitramfs.py tools/polyglot_vm/cpio.py
	@$(STEP) "CPIO $@" $(PYTHON) tools/mkinitramfs.py --output $@ \
	    $(addprefix --directory ,$(ROOTFS_DIRECTORIES)) $(ROOTFS_PARTS)
