"""The kernel's reports (/proc/polyglot/NAME: a header line and rows, separated by tabs) as lists of named tuples
that print as tables. For the functions of the polyglot module."""

import re
from collections import namedtuple


class Table(list):
    """Rows of a report; repr() is an aligned table. `title` is the report's name."""

    def __init__(self, title, columns, rows):
        super().__init__(rows)
        self.title, self.columns = title, columns

    def __repr__(self):
        cells = [self.columns] + [[show(value) for value in row] for row in self]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        # Numbers to the right, and nothing is padded behind the last column.
        right = [bool(self) and all(isinstance(row[i], int) for row in self) for i in range(len(self.columns))]
        lines = []
        for row in cells:
            texts = [text.rjust(width) if number else text.ljust(width) for text, width, number in zip(row, widths, right)]
            lines.append("  ".join(texts).rstrip())
        return "\n".join(lines)


def show(value):
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10000 else str(value)


def convert(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def report(name):
    """The report as a Table. OSError where the kernel is another one."""
    with open(f"/proc/polyglot/{name}") as file:
        header, *lines = file.read().splitlines()
    columns = header.split("\t")
    Row = namedtuple(name.rstrip("s").capitalize(), [re.sub(r"\W", "_", column) for column in columns])
    return Table(name, columns, [Row(*map(convert, line.split("\t"))) for line in lines])
