# The kernel's headers on the image, for code that is typed at the prompt: /usr/include/polyglot.

KERNEL_HEADERS := $(BUILD)/headers
KERNEL_HEADER_FILES := $(sort $(shell find $(KERNEL_DIRS) abi boot/boot_info.h -name '*.h' -not -path 'abi/bindings/*'))
ROOTFS_PARTS += /usr/include/polyglot=$(KERNEL_HEADERS)
ROOTFS_FILES += $(KERNEL_HEADERS).stamp

$(KERNEL_HEADERS).stamp: $(KERNEL_HEADER_FILES) live/rules.mk | $$(KERNEL_GENERATED)
	@rm -rf $(KERNEL_HEADERS) && mkdir -p $(KERNEL_HEADERS)
	@tar cf - $(KERNEL_HEADER_FILES) | tar xf - -C $(KERNEL_HEADERS)
	@cd $(GENERATED) && find . -name '*.h' | tar cf - -T - | tar xf - -C $(CURDIR)/$(KERNEL_HEADERS)
	@touch $@
