# world: process 1, one static-PIE for ring 0 and for Linux.
#   $(BUILD)/world.elf      stripped, what the image ships
#   $(BUILD)/world.sym.elf  the same code with its symbol table, for gdb
#   $(BUILD)/symbols.bin    the names of its functions, for backtraces; in the image, too
# Cargo finds out itself what to rebuild, so the rule always asks it; the copies change only
# when the binary did.

WORLD_DIR   := world
WORLD_CARGO := $(abspath $(BUILD))/world
WORLD_BIN   := $(WORLD_CARGO)/x86_64-unknown-linux-gnu/release/world
CARGO_DIR   := $(or $(CARGO_HOME),$(HOME)/.cargo)
# No build path may end up in the binary: two clones build the same bytes.
WORLD_REMAP := "--remap-path-prefix=$(CARGO_DIR)=/cargo","--remap-path-prefix=$(abspath $(WORLD_DIR))=/src/world"

# libtcc with its state in sections of their own, and its memory, its files and its end by src/live/c/checkpoint.rs.
LIBTCC := $(BUILD)/libtcc/libtcc.a
$(LIBTCC): /usr/lib/x86_64-linux-gnu/libtcc.a $(WORLD_DIR)/libtcc.symbols $(WORLD_DIR)/rules.mk
	@mkdir -p $(@D)
	@$(STEP) "OBJCOPY $@" objcopy --redefine-syms=$(WORLD_DIR)/libtcc.symbols --rename-section .data=tcc_data \
	    --rename-section .bss=tcc_bss --weaken-symbol=tccgen_finish --weaken-symbol=preprocess_end --globalize-symbol=hash_ident \
	    --globalize-symbol=_vstack $< $@
	@nm -S $@ 2>/dev/null | grep -q '00004040 . _vstack$$' || { rm -f $@; echo "$<: _vstack is not as checkpoint/kept.rs knows it" >&2; exit 1; }

.PHONY: world world-cargo
world: $(BUILD)/world.elf

world-cargo: $(LIBTCC)
	@python3 $(WORLD_DIR)/patches/apply.py
	@cd $(WORLD_DIR) && PATH="$(abspath $(WORLD_DIR))/pinned:$$PATH" TZ=UTC CARGO_TARGET_DIR=$(WORLD_CARGO) POLYGLOT_LIBTCC=$(abspath $(dir $(LIBTCC))) \
	    cargo build --release --locked --ignore-rust-version --config 'build.rustflags=[$(WORLD_REMAP)]'

$(BUILD)/world.sym.elf: world-cargo
	@cmp -s $(WORLD_BIN) $@ || $(STEP) "COPY $@" cp $(WORLD_BIN) $@

$(BUILD)/world.elf: $(BUILD)/world.sym.elf
	@$(STEP) "STRIP $@" strip --strip-all -o $@ $<

# Its function names, for the kernel's and its own backtraces.
$(BUILD)/symbols.bin: $(BUILD)/world.sym.elf tools/mksymbols.py
	@$(STEP) "SYMBOLS $@" $(PYTHON) tools/mksymbols.py --output $@ $<

# The kernel's debug data, from which the live layer has its types (src/live/dwarf/). What only debuggers of
# optimised code need is left out.
KERNEL_DEBUG_DATA := $(BUILD)/kernel.debug
ROOTFS_PARTS += /usr/lib/polyglot/kernel.debug=$(KERNEL_DEBUG_DATA)
ROOTFS_FILES += $(KERNEL_DEBUG_DATA)

$(KERNEL_DEBUG_DATA): $(BUILD)/kernel.debug.elf
	@$(STEP) "DEBUG $@" objcopy --only-keep-debug -w --strip-symbol='*' --remove-section=.debug_loc --remove-section=.debug_frame \
	    --remove-section=.debug_aranges --remove-section=.debug_pubnames --remove-section=.debug_pubtypes $< $@
