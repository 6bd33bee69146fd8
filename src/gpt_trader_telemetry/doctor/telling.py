"""How findings are shown to people: a section for each area, colour only where it is wanted."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from gpt_trader_telemetry.doctor.finding import Finding, Status

__all__ = ["summary", "told"]

_COLOURS: Final = {Status.OK: "32", Status.WARNING: "33", Status.PROBLEM: "1;31", Status.SKIPPED: "2"}
_WORDS: Final = {Status.OK: "ok", Status.WARNING: "warning", Status.PROBLEM: "PROBLEM", Status.SKIPPED: "skipped"}
_INDENT: Final = 2
_NAMES: Final = 15
_MARGIN: Final = _INDENT + max(map(len, _WORDS.values())) + 2
_COLUMN: Final = _MARGIN + _NAMES


def told(findings: Iterable[Finding], *, width: int, colour: bool) -> Iterator[str]:
    """Yield the lines of the report as findings come."""
    area = None
    for finding in findings:
        if finding.area != area:
            if area is not None:
                yield ""
            area = finding.area
            yield _painted(area, "1", colour)
        yield from _lines(finding, width, colour)


def summary(findings: Iterable[Finding], *, colour: bool) -> str:
    """Return the last line: how many there are of each kind."""
    counts = Counter(finding.status for finding in findings)
    problems, warnings = counts[Status.PROBLEM], counts[Status.WARNING]
    worst = Status.PROBLEM if problems else Status.WARNING if warnings else Status.OK
    parts = [
        _counted(problems, "problem") if problems else "no problem",
        *([_counted(warnings, "warning")] if warnings else []),
        f"{counts[Status.OK]} ok",
        *([f"{counts[Status.SKIPPED]} skipped"] if counts[Status.SKIPPED] else []),
    ]
    return _painted(", ".join(parts), _COLOURS[worst], colour)


def _lines(finding: Finding, width: int, colour: bool) -> Iterator[str]:  # noqa: FBT001
    word = _WORDS[finding.status].ljust(_MARGIN - _INDENT)
    body = _wrapped(finding.said, width)
    yield " " * _INDENT + _painted(word, _COLOURS[finding.status], colour) + finding.name.ljust(_NAMES) + body[0]
    for line in [*body[1:], *_wrapped(f"-> {finding.do}", width, hang=3)] if finding.do else body[1:]:
        yield " " * _COLUMN + line


def _wrapped(text: str, width: int, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text, max(width - _COLUMN, 30), subsequent_indent=" " * hang, break_on_hyphens=False, break_long_words=False
    ) or [""]


def _painted(text: str, code: str, colour: bool) -> str:  # noqa: FBT001
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
