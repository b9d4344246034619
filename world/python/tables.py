"""Lists that print as tables; and the kernel's reports (/proc/polyglot/NAME: a header line and rows, separated by
tabs) read into them. For the functions of the polyglot module."""

import re
from collections import namedtuple


class Table(list):
    """A list of named tuples whose repr() is an aligned table.

    `title` is what it is about, `columns` the names of its columns in order. A slice, where() and by() give
    Tables, too. At a terminal lines are cut at its width; str() and print() show all.
    """

    def __init__(self, title, columns, rows, footer=""):
        super().__init__(rows)
        self.title, self.columns, self.footer = title, list(columns), footer

    def column(self, name):
        """The values of one column, as a list."""
        at = self.columns.index(name)
        return [row[at] for row in self]

    def where(self, **values):
        """The rows whose columns have these values: threads().where(state="sleeping")."""
        places = [(self.columns.index(name), value) for name, value in values.items()]
        return Table(self.title, self.columns, (row for row in self if all(row[at] == value for at, value in places)))

    def by(self, name, reverse=True):
        """Sorted by a column, the greatest first: slabs().by("KiB")[:5]."""
        at = self.columns.index(name)
        return Table(self.title, self.columns, sorted(self, key=lambda row: row[at], reverse=reverse))

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return Table(self.title, self.columns, found) if isinstance(index, slice) else found

    def __str__(self):
        cells = [self.columns] + [[show(value) for value in row] for row in self]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        # Numbers to the right, and nothing is padded behind the last column.
        right = [bool(self) and all(isinstance(row[i], (int, float)) for row in self) for i in range(len(self.columns))]
        lines = []
        for row in cells:
            texts = [text.rjust(width) if number else text.ljust(width) for text, width, number in zip(row, widths, right)]
            lines.append("  ".join(texts).rstrip())
        return "\n".join(lines + ([self.footer] if self.footer else []))

    def __repr__(self):
        return fitted(str(self))


def fitted(text):
    """The text with its lines cut at the terminal's width, if it goes to a terminal."""
    import os
    import sys
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return text
    return "\n".join(line if len(line) <= width else line[:width - 3] + "..." for line in text.splitlines()) if width > 20 else text


def show(value):
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10000 else str(value)


def convert(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def field(column):
    """A column's name as an attribute's: "cpu us" -> cpu_us."""
    return re.sub(r"\W", "_", column)


def row_type(name, columns):
    return namedtuple(name, [field(column) for column in columns], module="polyglot")


def report(name):
    """The report as a Table. OSError where the kernel is another one."""
    path = f"/proc/polyglot/{name}"
    try:
        with open(path) as file:
            header, *lines = file.read().splitlines()
    except FileNotFoundError as error:
        raise OSError(error.errno, "only the kernel of Polyglot OS has it", path) from None
    columns = header.split("\t")
    Row = row_type(name.rstrip("s").capitalize(), columns)
    return Table(name, [field(column) for column in columns], [Row(*map(convert, line.split("\t"))) for line in lines])
