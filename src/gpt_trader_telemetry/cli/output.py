"""What a command writes: its answer on standard output, everything else on standard error."""

import os
import sys
from typing import TextIO

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.settings import environment


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal that can do more than print lines."""
    return stream is not None and stream.isatty() and environment("TERM").get("TERM") != "dumb"


def takes_colour(stream: TextIO | None) -> bool:
    """Return whether colour is wanted there: no-color.org has NO_COLOR speak for everybody who wants none."""
    return is_terminal(stream) and not environment("NO_COLOR").get("NO_COLOR")


def say(line: str) -> None:
    """Write a line to standard error."""
    print("".join(character if character.isprintable() else " " for character in line), file=sys.stderr)  # noqa: T201


def answer(text: str) -> None:
    """Write text to standard output, whatever it can encode; a reader that has gone is none of our business.

    Raises:
        UsageError: it cannot be written.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # Else the interpreter tries once more to write what is left, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"standard output: {error.strerror}") from None
