# Linux programs of the image: Bash, busybox, tcc with a C library. The tree's list stands for the tree.

$(BUILD)/programs.txt: tools/programs/make_tree.py tools/image-packages.txt $(BUILD)/setup.mk
	@$(STEP) "TREE $(BUILD)/programs" $(PYTHON) $< --packages $(BUILD)/packages --output $(BUILD)/programs --list $@

ROOTFS_PARTS += /=$(BUILD)/programs
ROOTFS_FILES += $(BUILD)/programs.txt

# The kernel's own headers, for C that is typed at the prompt: #include <kernel/sched/thread.h>.
KERNEL_HEADER_FILES := $(shell find abi arch boot dev fs kernel lib live -name '*.h' | sort)
ROOTFS_PARTS += $(foreach header,$(KERNEL_HEADER_FILES),/usr/include/polyglot/$(header)=$(header)) \
    /usr/include/polyglot/abi=$(BUILD)/generated/abi
ROOTFS_FILES += $(KERNEL_HEADER_FILES) $(BUILD)/generated/abi.stamp
