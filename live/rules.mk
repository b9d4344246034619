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

# The kernel's own C sources: what `polyglot.kernel.source` shows, and the place in which a replaced function is compiled.
KERNEL_C_SOURCES := $(filter %.c,$(KERNEL_SOURCES))
ROOTFS_PARTS += $(foreach source,$(KERNEL_C_SOURCES),/src/$(source)=$(source))
ROOTFS_FILES += $(KERNEL_C_SOURCES)
