"""Text as key presses of a US keyboard: QEMU key names (QAPI QKeyCode) for QMP's send-key."""

PLAIN = {
    " ": "spc", "\n": "ret", "\t": "tab", "\b": "backspace", "\x1b": "esc", "-": "minus", "=": "equal",
    "[": "bracket_left", "]": "bracket_right", ";": "semicolon", "'": "apostrophe", "`": "grave_accent",
    "\\": "backslash", ",": "comma", ".": "dot", "/": "slash",
}
# What shift makes of the key that gives the second character.
SHIFTED = dict(zip('!@#$%^&*()_+{}|:"<>?~', "1234567890-=[]\\;',./`"))


def keys_of(character):
    """The keys to hold together for one character, as a list of names, modifiers first."""
    if character in SHIFTED:
        return ["shift", *keys_of(SHIFTED[character])]
    if character in PLAIN:
        return [PLAIN[character]]
    if character.isascii() and character.isalnum():
        return ["shift", character.lower()] if character.isupper() else [character]
    if len(character) == 1 and 1 <= ord(character) <= 26:
        return ["ctrl", chr(ord("a") + ord(character) - 1)]
    raise ValueError(f"no key of a US keyboard gives {character!r}")
