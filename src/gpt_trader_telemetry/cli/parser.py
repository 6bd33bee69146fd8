"""The parser of the command line: wrong use is a line that says what was probably meant, and where the help is."""

import argparse
import difflib
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NoReturn

__all__ = ["USAGE", "Parser"]

USAGE: Final = 2
"""How the command ends when it was asked wrongly; argparse's own."""

_CHOICES: Final = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class HelpFormatter(argparse.HelpFormatter):
    """Fills text to the terminal's width, and leaves what is indented as it is: codes, variables, examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for is_block, group in groupby(
            text.strip("\n").split("\n"), key=lambda line: line.startswith("  ") or not line
        ):
            if is_block:
                lines += group
            else:
                for paragraph in _paragraphs(group):
                    lines += textwrap.wrap(paragraph, width, initial_indent=indent, subsequent_indent=indent)
        return "\n".join(lines)


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Join lines of one paragraph; one that ends with a colon is the title of what comes."""
    told: list[str] = []
    for line in lines:
        told.append(line)
        if line.endswith(":"):
            yield " ".join(told)
            told = []
    if told:
        yield " ".join(told)


class Parser(argparse.ArgumentParser):
    """A parser that refuses by itself what it does not know, and says it in two lines."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **given})
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
