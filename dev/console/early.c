/*
 * Log lines on the screen before there is memory: a machine that cannot start
 * says why. Text only, from the top down, over whatever the loader left.
 */
#include <dev/console/console.h>

#include <arch/x86_64/cpu.h>
#include <dev/console/framebuffer.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <lib/utf8.h>

static struct {
    uint64_t page_tables; /* the loader's: only these map the framebuffer where it is expected */
    uint16_t row, column;
    struct utf8_decoder decoder;
} early;

LOCAL void early_put(uint32_t code_point)
{
    struct terminal_cell cell = { .code_point = code_point & 0x1fffff };

    if (early.column < framebuffer_columns())
        framebuffer_draw_cell(early.row, early.column++, &cell);
}

/* Blanks to the end of the line; below the last one the first follows. */
LOCAL void early_finish_line(void)
{
    while (early.column < framebuffer_columns())
        early_put(' ');
    early.column = 0;
    early.row = (uint16_t)((early.row + 1) % framebuffer_rows());
}

LOCAL void early_write(const char *text, size_t size)
{
    if (cpu_read_cr3() != early.page_tables)
        return;
    for (size_t i = 0; i < size; i++) {
        uint32_t points[2];
        unsigned count = utf8_decoder_feed(&early.decoder, (uint8_t)text[i], points);
        for (unsigned j = 0; j < count; j++) {
            if (points[j] == '\n' || early.column == framebuffer_columns())
                early_finish_line();
            if (points[j] >= ' ')
                early_put(points[j]);
        }
    }
}

void console_init_early(void)
{
    static struct log_sink sink = { .name = "early screen", .write = early_write };

    if (!framebuffer_init_early(&boot_info.framebuffer))
        return;
    utf8_decoder_init(&early.decoder);
    early.page_tables = cpu_read_cr3();
    KASSERT(klog_add_sink(&sink) == 0);
}
