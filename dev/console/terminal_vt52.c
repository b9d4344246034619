/*
 * The terminal as a VT52 (DECANM off): ESC and a letter are a whole sequence. VT52 mode of the VT100 User Guide (EK-VT100-UG),
 * chapter 3; it ends by ESC <. Left out: the keypad's and the auxiliary keys' modes (= and >), copying and printing.
 */
#include <dev/console/terminal_private.h>

#define VT52_ADDRESS_BASE 0x20 /* what the first row and column are sent as */

bool terminal_vt52_sequence(struct terminal *terminal, uint8_t byte)
{
    terminal->parameter_count = 0;
    terminal->parameters[0] = 0;
    switch (byte) {
    case 'A': terminal_move_vertically(terminal, -1); break;
    case 'B': terminal_move_vertically(terminal, 1); break;
    case 'C': terminal_move_horizontally(terminal, 1); break;
    case 'D': terminal_move_horizontally(terminal, -1); break;
    case 'F': terminal->cursor.charsets[terminal->cursor.charset] = TERMINAL_SPECIAL_GRAPHICS; break;
    case 'G': terminal->cursor.charsets[terminal->cursor.charset] = TERMINAL_ASCII; break;
    case 'H': terminal_move_to(terminal, 0, 0); break;
    case 'I': terminal_reverse_line_feed(terminal); break;
    case 'J': terminal_erase_display(terminal); break;
    case 'K': terminal_erase_line(terminal); break;
    case 'Y': return true;
    case 'Z': terminal_reply_text(terminal, "\033/Z"); break;
    case '<': terminal->vt52 = false; break;
    }
    return false;
}

bool terminal_vt52_address(struct terminal *terminal, uint8_t byte)
{
    terminal->parameters[terminal->parameter_count++] = byte - VT52_ADDRESS_BASE;
    if (terminal->parameter_count < 2)
        return true;
    terminal->parameter_count = 0; /* what follows is no sequence's */
    terminal_move_to(terminal, terminal->parameters[0], terminal->parameters[1]);
    return false;
}
