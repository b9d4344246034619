"""progress(): how far a long loop is, on one line of the terminal. For the polyglot module."""

import sys
import time

INTERVAL = 0.1  # seconds between two drawings
FIRST = 0.5     # nothing is shown of what is done before


class progress:
    """progress(iterable, total=None, label="", leave=True) -> the same items, showing how far it is

    For a loop that may take long:

        for name in polyglot.progress(names, label="files"):
            ...

    One line at the terminal tells the label, how many items are done, of how many (`total`, by default
    len(iterable) where there is one), the time so far and to come, and the rate. Nothing is shown where
    standard error is no terminal or all is done within half a second. Ctrl-C ends the line and the loop
    (KeyboardInterrupt), break and exceptions do, too. leave=False: the line goes away at the end. Where there
    is no loop: `with progress(total=n) as p:` and p.advance(k).
    """

    def __init__(self, iterable=(), total=None, label="", leave=True, file=None):
        if total is None and hasattr(iterable, "__len__"):
            total = len(iterable)
        self.iterable, self.total, self.label = iterable, total, label
        self.leave, self.done = leave, 0
        self._file = sys.stderr if file is None else file
        self._shows = self._file is not None and self._file.isatty()
        self._started = time.monotonic()
        self._next = self._started + FIRST
        self._drawn = 0  # columns that the line takes now
        self._stride, self._look_at, self._looked = 1, 1, self._started  # items; see _look()
        self._items, self._under_way = iter(()), False
        self._hook_before = sys.excepthook

    def __iter__(self):
        self.__enter__()
        self._items = iter(self.iterable)
        return self

    def __next__(self):
        if self._under_way:
            self._under_way = False
            self.advance()
        try:
            item = next(self._items)
        except BaseException:
            self.close()
            raise
        self._under_way = True
        return item

    def __del__(self):
        self.close()

    def __enter__(self):
        self._started = time.monotonic()
        self._next = self._started + FIRST
        return self

    def __exit__(self, *error):
        self.close()

    def advance(self, count=1):
        """`count` more are done."""
        self.done += count
        if self._shows and self.done >= self._look_at:
            self._look()

    def _look(self):
        """Draws when it is time. The clock is read only after so many items that reading it costs little."""
        now = time.monotonic()
        if now - self._looked < INTERVAL / 10:
            self._stride *= 2
        elif now - self._looked > INTERVAL / 2 and self._stride > 1:
            self._stride //= 2
        self._looked, self._look_at = now, self.done + self._stride
        if now >= self._next:
            self._draw()

    def close(self):
        """Shows the last state and ends the line. More calls do nothing."""
        if self._drawn:
            if sys.excepthook == self._excepthook:
                sys.excepthook = self._hook_before
            if self.leave:
                self._draw()
                self._file.write("\n")
            else:
                self._file.write("\r" + " " * self._drawn + "\r")
            self._file.flush()
            self._drawn = 0
        self._shows = False

    def __str__(self):
        elapsed = time.monotonic() - self._started
        rate = self.done / elapsed if elapsed > 0 else 0
        parts = [self.label + ":"] if self.label else []
        if self.total:
            share = min(self.done / self.total, 1)
            parts.append(f"{share:4.0%} |{'#' * int(share * 20):<20}| {self.done:,}/{self.total:,}")
        else:
            parts.append(f"{self.done:,}")
        times = nice_seconds(elapsed)
        if self.total and 0 < self.done < self.total:
            times += f", {nice_seconds((self.total - self.done) / rate)} to go"
        parts.append(f"[{times}, {nice_rate(rate)}]")
        return " ".join(parts)

    # A loop that an exception leaves may keep this object for a while: the line ends before the traceback.
    def _excepthook(self, *error):
        self.close()
        sys.excepthook(*error)

    def _draw(self):
        import os
        if not self._drawn:
            self._hook_before = sys.excepthook
            sys.excepthook = self._excepthook
        try:
            width = os.get_terminal_size(self._file.fileno()).columns or 80
        except (OSError, ValueError):
            width = 80
        text = str(self)[:width - 1]
        self._file.write("\r" + text.ljust(min(self._drawn, width - 1)))
        self._file.flush()
        self._drawn = len(text)
        self._next = time.monotonic() + INTERVAL


def nice_seconds(seconds):
    """"3.2 s", "1:05", "1:02:03"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def nice_rate(rate):
    if rate and rate < 1:
        return f"{1 / rate:.1f} s each"
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"
