"""Text as key presses: QEMU key names (QAPI QKeyCode, named after the US layout's keys) for QMP's send-key.

    keys_of("a")             # ["a"]
    keys_of("@", "de")       # ["alt_r", "q"]

The layouts here are written down from the keyboards, not from dev/input/keymap.c, which they test.
"""

# Rows of keys by their position; each layout says what they give plain, with Shift, and with AltGr (blank: nothing).
POSITIONS = [
    "grave_accent 1 2 3 4 5 6 7 8 9 0 minus equal".split(),
    "q w e r t y u i o p bracket_left bracket_right".split(),
    "a s d f g h j k l semicolon apostrophe backslash".split(),
    "less z x c v b n m comma dot slash".split(),
]
LAYOUTS = {
    "us": [
        ("`1234567890-=", "~!@#$%^&*()_+", ""),
        ("qwertyuiop[]", "QWERTYUIOP{}", ""),
        ("asdfghjkl;'\\", "ASDFGHJKL:\"|", ""),
        (" zxcvbnm,./", " ZXCVBNM<>?", ""),
    ],
    "de": [
        ("^1234567890ß´", "°!\"§$%&/()=?`", "  ²³   {[]}\\"),
        ("qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~"),
        ("asdfghjklöä#", "ASDFGHJKLÖÄ'", ""),
        ("<yxcvbnm,.-", ">YXCVBNM;:_", "|      µ"),
    ],
}
MODIFIERS = [[], ["shift"], ["alt_r"]]
EVERYWHERE = {" ": "spc", "\n": "ret", "\t": "tab", "\b": "backspace", "\x1b": "esc"}


def layout_keys(layout):
    """{character: keys to hold together, modifiers first}"""
    table = {character: [key] for character, key in EVERYWHERE.items()}
    for positions, levels in zip(POSITIONS, LAYOUTS[layout]):
        for modifiers, characters in zip(MODIFIERS, levels):
            for key, character in zip(positions, characters):
                if character != " ":
                    table.setdefault(character, [*modifiers, key])
    return table


KEYS = {layout: layout_keys(layout) for layout in LAYOUTS}


def keys_of(character, layout="us"):
    """The keys to hold together for one character, as a list of names, modifiers first."""
    if character in KEYS[layout]:
        return KEYS[layout][character]
    if len(character) == 1 and 1 <= ord(character) <= 26:
        return ["ctrl", *KEYS[layout][chr(ord("a") + ord(character) - 1)]]
    raise ValueError(f"no key of a keyboard with the layout {layout} gives {character!r}")
