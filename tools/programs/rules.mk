# Linux programs of the image: Bash, busybox, tcc with a C library. The tree's list stands for the tree.

$(BUILD)/programs.txt: tools/programs/make_tree.py tools/image-packages.txt $(BUILD)/setup.mk
	@$(STEP) "TREE $(BUILD)/programs" $(PYTHON) $< --packages $(BUILD)/packages --output $(BUILD)/programs --list $@

ROOTFS_PARTS += /=$(BUILD)/programs
ROOTFS_FILES += $(BUILD)/programs.txt
