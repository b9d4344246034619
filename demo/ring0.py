"""Where this Python runs: the privilege level from CS, and the address of an object beside the memory map.

    >>> %run /demo/ring0.py       or: tools/vm exec demo/ring0.py
"""

import polyglot

LEVELS = {0: "ring 0, inside the kernel", 3: "ring 3, an ordinary process"}


def main():
    print(f"privilege level {polyglot.cpl()}: {LEVELS[polyglot.cpl()]}")
    thing = object()
    print(f"an object at    {id(thing):#018x}")
    with open("/proc/self/maps") as maps:
        for line in maps:
            start, end = (int(edge, 16) for edge in line.split()[0].split("-"))
            if start <= id(thing) < end:
                print(f"lies in         {line.rstrip()}")
    natives = polyglot.natives()
    print("kernel natives ", natives if natives else "none: this is not our kernel")


main()
