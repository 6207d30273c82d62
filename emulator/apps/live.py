"""A table that is kept up to date: redrawn in its place on a terminal; elsewhere a line for each row that has changed."""

import shutil
import sys
import time

_EVERY_S = 0.25
_HOME, _CLEAR_SCREEN, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"


def lines_of(rows, sides):
    """Rows in columns; `sides`: for each column whether it stands left (<) or right (>)."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(sides))]
    return ["  ".join(f"{cell!s:{side}{width}}" for cell, side, width in zip(row, sides, widths)).rstrip() for row in rows]


def watch(look, sides, key, stream=None, sleep=time.sleep, now=time.localtime):
    """Show what `look()` gives, rows of which the first is the heading, until it raises.

    `key`: how many columns say which row it is. What is no terminal gets all at first, then each change with its time.
    """
    stream = sys.stdout if stream is None else stream
    terminal = stream.isatty()
    if terminal:
        stream.write(_CLEAR_SCREEN)
    before = None
    while True:
        rows, moment = look(), time.strftime("%H:%M:%S", now())
        lines = lines_of(rows, sides)
        if terminal:
            fits = shutil.get_terminal_size().lines - 3
            if len(lines) > fits:
                lines[fits - 1 :] = [f"... and {len(lines) - fits + 1} more"]
            stream.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + f"\n{moment}, until Ctrl-C{_CLEAR_LINE}\n{_CLEAR_BELOW}")
        else:
            for row, line in zip(rows, lines):
                if before is None or before.get(row[:key]) != row:
                    stream.write(f"{moment}  {line}\n")
            present = {row[:key]: row for row in rows}
            for gone in (before or {}).keys() - present.keys():
                stream.write(f"{moment}  {' '.join(map(str, gone))} is gone\n")
            before = present
        stream.flush()
        sleep(_EVERY_S)
