# The console's font: glyph tables for the kernel, and for the tools that read text from a screenshot.

FONT_FILES := $(GENERATED)/font.c $(GENERATED)/font.bin $(GENERATED)/font.json
KERNEL_OBJECTS += $(KERNEL_OUT)/$(GENERATED)/font.o
$(FONT_FILES) &: tools/mkfont.py $(wildcard dev/console/font/*.hex)
	@$(STEP) "FONT $(GENERATED)/font.c" $(PYTHON) tools/mkfont.py --output $(GENERATED)
