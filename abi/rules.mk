# The `syscall` command of Bash, a static program made of the generated table: /usr/bin/syscall on the image.
SYSCALL_COMMAND := $(BUILD)/abi/syscall
ROOTFS_PARTS += /usr/bin/syscall=$(SYSCALL_COMMAND)
ROOTFS_FILES += $(SYSCALL_COMMAND)

$(SYSCALL_COMMAND): abi/bindings/bash/syscall.c $(wildcard abi/bindings/c/*.h) abi/rules.mk
	@mkdir -p $(@D)
	@$(STEP) "CC $@" $(ZIG) cc -target x86_64-linux-musl -static -O2 -s -std=gnu11 -Wall -Wextra \
	    -Wno-unused-const-variable -Iabi/bindings/c $< -o $@

# strace, made of the same table: /usr/bin/strace.
STRACE_COMMAND := $(BUILD)/abi/strace
ROOTFS_PARTS += /usr/bin/strace=$(STRACE_COMMAND)
ROOTFS_FILES += $(STRACE_COMMAND)

$(STRACE_COMMAND): abi/strace.c abi/trace.h $(wildcard abi/bindings/c/*.h) abi/rules.mk
	@mkdir -p $(@D)
	@$(STEP) "CC $@" $(ZIG) cc -target x86_64-linux-musl -static -O2 -s -std=gnu11 -Wall -Wextra \
	    -Wno-unused-const-variable -Iabi -Iabi/bindings/c $< -o $@
