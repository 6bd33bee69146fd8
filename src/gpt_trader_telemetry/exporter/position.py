"""How far a log has been read, so that the next read, also one after a restart, begins there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.log import MOST_NEWEST
from gpt_trader_telemetry.runtime_data.skipped import Skipped

__all__ = ["DENSE", "Position", "Reading"]

DENSE: Final = MOST_NEWEST
"""Marks that are kept of the newest records at the least, before older ones are thinned out."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where what is read goes to."""

    take: Callable[[Event], object]
    count: Callable[[str, int], object]
    """Takes kinds of which only the number matters."""
    progress: Callable[[int, int], object]
    """Told how much of how much has been read; may raise to end the reading, which loses and repeats nothing."""
    restarted: Callable[[], object]
    """Told when another log has taken the place of the one that was read."""
    shortened: Callable[[], object]
    """Told when the log has lost its end, as in a crash of the machine."""
    skipped: Skipped


@dataclass(slots=True)
class Position:
    """A place in a log: a row's id, or the offset after a line; and marks that tell whether it is still the same log.

    A mark is a digest of what stands at a place. The same mark there means that all before it has been read; where a
    log has lost its end, reading goes on from the last mark that still stands. Marks are dense at the end and ever
    sparser before, so that their number is bounded and they reach back to the beginning.
    """

    source: str | None = None
    """``events_db`` or ``events_jsonl``; None before anything was found."""
    marks: list[tuple[int, str]] = field(default_factory=list)
    """Places and their marks, oldest first; the last is where reading goes on."""
    file: str | None = None
    """Which file it was: a second witness, for where the rows that are marked are gone."""
    lost: int = 0
    """The id up to which damage hid rows; 0 where none is hidden that is not before a log that was replaced."""

    @property
    def place(self) -> int:
        """Where reading goes on; 0 at the beginning."""
        return self.marks[-1][0] if self.marks else 0

    @property
    def mark(self) -> str:
        """What stood there."""
        return self.marks[-1][1] if self.marks else ""

    def move(self, marks: list[tuple[int, str]]) -> None:
        """Go on to the last of these places."""
        new = [mark for mark in marks if mark[0] > self.place]
        if new and new[0][0] <= self.lost:  # it can be read after all, as where a copy was still being made
            self.lost = 0
        self.marks += new
        while len(self.marks) > 2 * DENSE:
            self.marks[:-DENSE] = self.marks[:-DENSE:2]

    def lose(self, upto: int, number: int) -> int:
        """Note that damage hides so many ids up to one; return how many of them were not known to be hidden."""
        new = min(number, max(0, upto - self.lost))
        self.lost = max(self.lost, upto)
        return new

    def restart(self) -> None:
        """Go to the beginning: it is another log."""
        self.marks.clear()
        self.lost = 0

    def go_back(self, stands: Callable[[int, str], bool]) -> bool:
        """Go back to the last mark that still stands; false if none does, and reading begins again."""
        while self.marks and not stands(*self.marks[-1]):
            self.marks.pop()
        if not self.marks:
            self.restart()
        return bool(self.marks)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"source": self.source, "marks": self.marks, "file": self.file, "lost": self.lost}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Position":
        """Return what ``as_json`` gave."""
        marks = [(int(place), str(mark)) for place, mark in saved["marks"]]
        return cls(saved["source"], marks, saved["file"], saved["lost"])
