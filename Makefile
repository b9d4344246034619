# Polyglot OS: one make for everything. `make help` lists what there is.
#
# How it is put together: build/setup.mk is written by tools/setup, which installs what the
# machine lacks; make includes it, so nothing below runs on an unprepared machine, and a
# prepared one costs nothing. Each module adds its own rules in <module>/rules.mk (or
# <module>/<part>/rules.mk) and may use or extend these variables:
#   BUILD             output directory (relative to the root, where all commands run)
#   PYTHON            Python of the build's own venv; host tools run with it
#   ZIG               the pinned zig, e.g. `$(ZIG) cc`, `$(ZIG) build-exe`
#   STEP              progress wrapper: $(STEP) "CC file.c" command...
#   KERNEL_GENERATED  += files that must exist before any kernel source is compiled
#   KERNEL_OBJECTS    += further objects to link into the kernel
#   ROOTFS_FILES      += files the initramfs is made of (its rule depends on them)
#   IMAGE_INPUTS      += files the image depends on (tools/rules.mk)

.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
# As many jobs as CPUs, unless -j was given.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
SHELL := /bin/bash

BUILD  := build
PYTHON := $(BUILD)/venv/bin/python
ZIG    := $(PYTHON) -m ziglang
STEP   := tools/step
IMAGE  := $(BUILD)/polyglot.img
# zig's cache stays inside the tree, so that `make clean` is complete.
export ZIG_GLOBAL_CACHE_DIR := $(CURDIR)/$(BUILD)/zig-cache
export ZIG_LOCAL_CACHE_DIR  := $(CURDIR)/$(BUILD)/zig-cache
export PYTHONDONTWRITEBYTECODE := 1
# Which tests `make test` runs, and options: make test TESTS=tests/host PYTEST_ARGS="-k tmpfs"
TESTS       ?= tests/host tests/system
PYTEST_ARGS ?=
# Workers that run tests side by side, each with a machine of its own; JOBS=0 for none (--pdb, -s).
JOBS ?= $(shell nproc)
RUN_TESTS = $(PYTHON) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: help image run test bench debug soak clean
help:
	@echo 'make run      build what changed and boot it (a window where there is a display, else this terminal)'
	@echo 'make test     build and run every test; TESTS=dir and PYTEST_ARGS="..." choose some'
	@echo 'make image    write $(IMAGE), which boots by BIOS and by UEFI'
	@echo 'make bench    speed and memory beside Debian'"'"'s cloud kernel with the same world'
	@echo 'make debug    boot halted with gdb attached, which knows kernel and world'
	@echo 'make soak     the system tests over and over; ROUNDS=n (default 5)'
	@echo 'make dist     one compressed image to hand out, and the command that boots it'
	@echo 'make clean    remove $(BUILD)/'
	@echo 'make help     this list'
	@echo
	@echo 'tools/vm --help: boot with other firmware, memory or CPUs, run one program inside, take a picture'

ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),help)),)
include $(BUILD)/setup.mk
endif
$(BUILD)/setup.mk: tools/setup tools/debian-packages.txt tools/image-packages.txt tools/requirements.txt $(wildcard world/Cargo.lock)
	@python3 tools/setup --build $(BUILD)

include kernel/rules.mk
-include $(filter-out kernel/rules.mk,$(sort $(wildcard */rules.mk */*/rules.mk)))

image: $(IMAGE)

run: image
	@tools/vm run

test: image
	@$(RUN_TESTS) $(TESTS)

bench: image
	@$(PYTHON) tools/bench.py

debug: image
	@tools/vm debug

ROUNDS ?= 5
soak: image
	@for round in $$(seq $(ROUNDS)); do \
	    echo "soak: round $$round of $(ROUNDS)"; \
	    REPLACE_DRAW=200 C_EXPRESSIONS=10000 $(RUN_TESTS) tests/system || exit 1; done

clean:
	rm -rf $(BUILD)
