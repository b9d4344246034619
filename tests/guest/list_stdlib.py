"""Prints the standard-library modules that import here, one per line.

    world tests/guest/list_stdlib.py > tests/guest/stdlib_modules.txt

Run it hosted; test_stdlib.py then asserts that the same modules import inside. Left out: modules that act when they are
imported, the library's own tests, and what needs a terminal or a display.
"""

import importlib
import os
import sys

SKIPPED = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test", "_pyrepl", "lib2to3"}


def candidates():
    for name in sorted(sys.stdlib_module_names):
        if name.partition(".")[0] not in SKIPPED and not name.startswith("_test"):
            yield name


def main():
    # What a module prints while it is imported must not end up in the list.
    listing = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in candidates():
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(name, file=listing)
    listing.flush()


if __name__ == "__main__":
    main()
