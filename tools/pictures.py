"""Takes the README's pictures: docs/pictures/*.png. Run it when what they show has changed.

    build/venv/bin/python tools/pictures.py [NAME...]

Each is what the screen shows after what a person would do on the keyboard; see PICTURES.
"""

import argparse
import sys

from polyglot_vm import screen
from polyglot_vm.machine import ROOT, Machine, MachineOptions, temporary_directory

DIRECTORY = ROOT / "docs" / "pictures"
MODE = "video=1024x768"
# What is done after the boot: a text is typed, line by line, each with Enter and a wait for the prompt; of a pair, the keys
# are pressed together (or the text is typed), then the pattern is waited for.
PICTURES = {
    "prompt": ["2**100", "import polyglot; polyglot.cpl()", "len?"],
    "threads": ["import polyglot", "polyglot.threads()", "polyglot.pages()"],
    "traceback": ["def average(numbers):\n    return sum(numbers) / len(numbers)\n", "average([1, 2, 3])", "average([])"],
    "monitor": ["'a prompt that will be stopped'", (["alt", "sysrq"], r"monitor> \Z"), ("threads\n", r"monitor> \Z")],
}


def take(name, directory):
    with Machine(MachineOptions(append=MODE)) as machine:
        screen.wait_for_prompt(machine)
        for step in PICTURES[name]:
            if isinstance(step, str):
                screen.type_lines(machine, step)
                continue
            what, pattern = step
            machine.serial.mark = len(machine.serial.text)
            if isinstance(what, list):
                machine.qmp.press(*what)
            else:
                machine.qmp.type_text(what)
            machine.serial.wait_for(pattern)
        DIRECTORY.mkdir(exist_ok=True)
        path = DIRECTORY / f"{name}.png"
        screen.take_picture(machine, directory).without_bottom().write_png(path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Takes the README's pictures.")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"default: all of {', '.join(PICTURES)}")
    names = parser.parse_args().name or PICTURES
    if unknown := set(names) - set(PICTURES):
        parser.error(f"no picture {', '.join(sorted(unknown))}")
    with temporary_directory() as directory:
        for name in names:
            take(name, directory)


if __name__ == "__main__":
    sys.exit(main())
