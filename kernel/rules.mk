# The kernel: every C, assembly and Zig source of the kernel's directories, linked to
#   $(BUILD)/kernel.elf        what the image ships: .symtab for backtraces, no DWARF
#   $(BUILD)/kernel.debug.elf  the same code and addresses with DWARF, for gdb
# and checked by tools/check_kernel.py (the rules that docs/architecture.md gives for kernel C).
#
# A source is found by its place and suffix; nothing has to be listed. A Zig file becomes an object of
# its own unless it lies below a `parts/`: those are only imported.
# Same sources, same bytes: paths in debug data are relative, objects are linked in sorted order.

KERNEL_DIRS    := arch kernel dev fs lib live
KERNEL_SOURCES := $(sort $(shell find $(KERNEL_DIRS) \( -name '*.c' -o -name '*.S' \
                    -o -name '*.zig' -not -path '*/parts/*' \) 2>/dev/null))
KERNEL_OUT     := $(BUILD)/kernel
GENERATED      := $(BUILD)/generated
KERNEL_C_OBJECTS   := $(patsubst %.c,$(KERNEL_OUT)/%.o,$(filter %.c,$(KERNEL_SOURCES)))
KERNEL_ASM_OBJECTS := $(patsubst %.S,$(KERNEL_OUT)/%.S.o,$(filter %.S,$(KERNEL_SOURCES)))
KERNEL_ZIG_OBJECTS := $(patsubst %.zig,$(KERNEL_OUT)/%.zig.o,$(filter %.zig,$(KERNEL_SOURCES)))
KERNEL_OBJECTS     += $(KERNEL_C_OBJECTS) $(KERNEL_ASM_OBJECTS) $(KERNEL_ZIG_OBJECTS)

# Debug data names files relative to the root, wherever the tree lies.
KERNEL_PATHS  := -ffile-prefix-map=$(CURDIR)=. -fdebug-compilation-dir=.
# General registers only. zig cc sets the features of the CPU itself and so overrides -mgeneral-regs-only.
KERNEL_CPU    := baseline-x87-mmx-sse-sse2+soft_float
KERNEL_CFLAGS := -target x86_64-freestanding -std=c11 -O2 -ffreestanding \
    -fPIC -fsemantic-interposition -fpatchable-function-entry=5 -falign-functions=16 \
    -mcpu=$(KERNEL_CPU) -mno-red-zone -fno-stack-protector -fno-omit-frame-pointer \
    -fno-sanitize=all -fno-common -fno-strict-aliasing -g $(KERNEL_PATHS) \
    -Wall -Wextra -Werror -Wundef -Wstrict-prototypes -Wno-unused-parameter \
    -I. -I$(GENERATED) -DPOLYGLOT_KERNEL=1
KERNEL_ASFLAGS := -target x86_64-freestanding -g $(KERNEL_PATHS) -I. -I$(GENERATED) -DPOLYGLOT_KERNEL=1
# Zig through LLVM (its own backend needs SSE for floats), checks on, no SSE, no red zone.
KERNEL_ZIGFLAGS := -target x86_64-freestanding-none -mcpu=$(KERNEL_CPU) -mcmodel=kernel \
    -OReleaseSafe -fllvm -fno-stack-check -fno-stack-protector -mno-red-zone -fno-omit-frame-pointer \
    -fno-unwind-tables -I. -I$(GENERATED)
KERNEL_LDSCRIPT := arch/x86_64/kernel.ld
KERNEL_LDFLAGS  := -static --no-dynamic-linker -z noexecstack -z max-page-size=4096 --build-id=none -T $(KERNEL_LDSCRIPT)
# Sources (objects' names) that set up FPU and SSE state on purpose.
KERNEL_SSE_ALLOWED ?= arch/x86_64/cpu arch/x86_64/fpu arch/x86_64/live.S arch/x86_64/live_printf.S kernel/test/live_code.S

# Headers generated from abi/: rewritten only when their content changes.
ifneq ($(wildcard abi/generate.py),)
KERNEL_GENERATED += $(GENERATED)/abi.stamp
$(GENERATED)/abi.stamp: $(wildcard abi/*)
	@$(STEP) "GEN $(GENERATED)" $(PYTHON) abi/generate.py --output $(GENERATED)
	@touch $@
endif

$(KERNEL_OUT)/%.o: %.c kernel/rules.mk | $$(KERNEL_GENERATED)
	@mkdir -p $(@D)
	@$(STEP) "CC $<" $(ZIG) cc $(KERNEL_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

$(KERNEL_OUT)/%.S.o: %.S kernel/rules.mk | $$(KERNEL_GENERATED)
	@mkdir -p $(@D)
	@$(STEP) "AS $<" $(ZIG) cc $(KERNEL_ASFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@

# Zig writes no dependency file: an object depends on every Zig file and header of its directory.
$(KERNEL_OUT)/%.zig.o: %.zig kernel/rules.mk $$(wildcard $$(dir $$*)*.zig $$(dir $$*)parts/*.zig $$(dir $$*)*.h) | $$(KERNEL_GENERATED)
	@mkdir -p $(@D)
	@$(STEP) "ZIG $<" $(ZIG) build-obj $(KERNEL_ZIGFLAGS) -femit-bin=$@ $<

-include $(KERNEL_C_OBJECTS:.o=.d) $(KERNEL_ASM_OBJECTS:.o=.d)

$(BUILD)/kernel.debug.elf: $$(KERNEL_OBJECTS) $(KERNEL_LDSCRIPT) kernel/rules.mk
	@$(STEP) "LD $@" $(ZIG) ld.lld $(KERNEL_LDFLAGS) -o $@ $(sort $(KERNEL_OBJECTS))

$(BUILD)/kernel.elf: $(BUILD)/kernel.debug.elf tools/check_kernel.py
	@$(STEP) "CHECK $<" $(PYTHON) tools/check_kernel.py --kernel $< --out $(KERNEL_OUT) \
	    --allow-sse "$(KERNEL_SSE_ALLOWED)" $(sort $(KERNEL_OBJECTS))
	@$(STEP) "STRIP $@" $(ZIG) ld.lld $(KERNEL_LDFLAGS) --strip-debug -o $@ $(sort $(KERNEL_OBJECTS))

.PHONY: kernel
kernel: $(BUILD)/kernel.elf
