# Relocatable objects for the tests of the live linker inside the kernel: embedded by live/test/objects.S. The sources are
# called .inc because they are no part of the kernel.
LIVE_TEST_SOURCES := $(wildcard live/test/objects/*.inc)
LIVE_TEST_OUT     := $(KERNEL_OUT)/live/test/objects
LIVE_TEST_OBJECTS := $(patsubst live/test/objects/%.inc,$(LIVE_TEST_OUT)/%.obj,$(LIVE_TEST_SOURCES))
LIVE_TEST_CFLAGS  := -target x86_64-freestanding -std=c11 -O1 -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone \
    -mcpu=$(KERNEL_CPU) -fno-stack-protector -fno-sanitize=all -fno-inline $(KERNEL_PATHS) -I. -I$(GENERATED)

$(LIVE_TEST_OUT)/%.obj: live/test/objects/%.inc live/test/rules.mk | $$(KERNEL_GENERATED)
	@mkdir -p $(@D)
	@$(STEP) "CC $<" $(ZIG) cc $(LIVE_TEST_CFLAGS) -x c -c $< -o $@

$(KERNEL_OUT)/live/test/objects.S.o: $(LIVE_TEST_OBJECTS)
$(KERNEL_OUT)/live/test/objects.S.o: KERNEL_ASFLAGS += -I$(LIVE_TEST_OUT)
