"""How far a long read has come, on standard error: at once on a terminal, elsewhere only where it takes long."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TextIO, TypeVar

from gpt_trader_telemetry.cli.output import is_terminal

_EACH: Final = 5000
_QUIET: Final = 5.0
_BETWEEN: Final = 10.0
_BETWEEN_ON_TERMINAL: Final = 0.25

_T = TypeVar("_T")


def with_progress(
    items: Iterable[_T], what: str, *, to: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[_T]:
    """Pass items on, and say from time to time how many they are.

    >>> list(with_progress("abc", "letters"))
    ['a', 'b', 'c']
    """
    stream = sys.stderr if to is None else to
    terminal = is_terminal(stream)
    due = clock() + (_BETWEEN_ON_TERMINAL if terminal else _QUIET)
    shown = False
    for number, item in enumerate(items, start=1):
        if number % _EACH == 0 and stream is not None and clock() >= due:
            due = clock() + (_BETWEEN_ON_TERMINAL if terminal else _BETWEEN)
            stream.write(f"\r{number:,} {what}" if terminal else f"{number:,} {what}\n")
            stream.flush()
            shown = True
        yield item
    if terminal and shown:
        stream.write("\r\x1b[K")
        stream.flush()
