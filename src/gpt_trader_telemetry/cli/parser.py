"""The parser of the command line: wrong use is a line that says what was probably meant, and where the help is."""

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

__all__ = ["USAGE", "Parser"]

USAGE: Final = 2
"""How the command ends when it was asked wrongly; argparse's own."""

_CHOICES: Final = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps its line breaks, and that refuses by itself what it does not know."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **given})
        self.options: list[str] = ["--help"]

    def add_argument(self, *names: Any, **given: Any) -> argparse.Action:
        """Add an argument, and remember its options for the mistakes that are made with them."""
        # The base class adds --help before there is a list.
        if hasattr(self, "options"):
            self.options += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **given)

    # The base class says the same in overloads.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Refuse what is not known here, else the parser of all commands would, which knows none of these options."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            meant = _meant(unknown[0].partition("=")[0], self.options)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end."""
        wrong = _CHOICES.search(message)
        if wrong:
            message += _meant(wrong[1], [choice.strip(" '") for choice in wrong[2].split(",")])
        self.exit(USAGE, f"{self.prog}: error: {message}\nsee: {self.prog} --help\n")


def _meant(given: str, known: Sequence[str]) -> str:
    """Return which of the known is probably meant, as a question.

    >>> _meant("--tiemout", ["--timeout", "--url"])
    '; is --timeout meant?'
    """
    close = difflib.get_close_matches(given, known, n=1)
    return f"; is {close[0]} meant?" if close else ""
