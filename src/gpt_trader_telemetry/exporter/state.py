"""What is known of one profile: what was read, how far, what is wrong with its files; and what is published of it."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gpt_trader_telemetry.exporter.position import Position
from gpt_trader_telemetry.exporter.series import Sample, figure_samples, log_samples, metrics_document
from gpt_trader_telemetry.exporter.shown import without_secrets
from gpt_trader_telemetry.exporter.tally import Tally
from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError
from gpt_trader_telemetry.runtime_data.lines import EVENTS_JSONL
from gpt_trader_telemetry.runtime_data.metrics import METRICS_JSON
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.rows import EVENTS_DB
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["Published", "State"]

_RECORDS: Final = (Why.ENCODING, Why.SHAPE, Why.SIZE, Why.VALUE)
_SKIPPABLE: Final = {
    EVENTS_DB: (*_RECORDS, Why.JSON, Why.DAMAGED, Why.PRUNED),
    EVENTS_JSONL: (*_RECORDS, Why.JSON, Why.HALF, Why.DUPLICATE),
    METRICS_JSON: (*_RECORDS, Why.HALF),
}
"""Why records of a source that has been read may be skipped: counted from 0, or an increase would miss the first."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a scrape shows of a profile; made anew by each poll that has something new."""

    profile: str
    caught_up: bool
    samples: tuple[Sample, ...]
    newest: tuple[tuple[str, float], ...]
    """When the newest record of each source was written."""
    troubles: tuple[tuple[str, Trouble | None], ...]
    """Each source with what is wrong with it, if anything."""
    document: Callable[[], dict[str, Any]]
    """Makes what ``/metrics.json`` says."""
    reason: str
    """Why it is not caught up, or how it is."""


class State:
    """What is known of one profile, and who is told of changes; ``published`` makes an immutable picture of it."""

    def __init__(self, paths: ProfilePaths, tell: Callable[[str], object]) -> None:
        self.paths = paths
        self._tell_of = tell
        self.tally = Tally()
        self.position = Position()
        self.skipped = Skipped()
        self.restarts = 0
        self.caught_up = False
        self.newest: dict[str, float] = {}
        """When the newest record of each source was written."""
        self.troubles: dict[str, Trouble | None] = {}
        """What is wrong with each source that was looked at, if anything."""

    # What reading tells

    def begin(self, position: Position, path: Path) -> None:
        """Go over to a log that is read from its beginning."""
        if self.position.source is not None:
            self.tell(f"{path} is there now and is read from its beginning; what was counted before stays counted")
            self.restarts += 1
            self.troubles.pop(EVENTS_JSONL, None)
        self.position = position

    def log_restarted(self) -> None:
        """Note that another log has taken the place of the one that was read."""
        self.restarts += 1
        self.tell(
            f"{self.path_of(str(self.position.source))} is another log than the one read before; it is read from its "
            "beginning, and what was counted before stays counted"
        )

    def log_shortened(self) -> None:
        """Note that the log has lost its end, as in a crash of the machine."""
        self.tell(f"{self.path_of(str(self.position.source))} has lost its end; what it has beyond that is read")

    def note_newest(self, source: str, newest: float | None) -> None:
        """Note when the newest record of a source was written."""
        if newest is not None:
            self.newest[source] = newest

    def note_trouble(self, source: str, error: UnreadableError | None) -> None:
        """Note what is wrong with a source, if anything; tell the operator where that is new."""
        trouble = None if error is None else error.trouble
        known = self.troubles.get(source)
        if source in self.troubles and known is trouble:
            return
        self.troubles[source] = trouble
        if error is not None and self._is_shown(source, trouble):
            self.tell(str(error))
        elif known is not None:
            self.tell(f"{self.path_of(source)} can be read")

    def caught_up_with(self, source: str) -> None:
        """Note that a source was read to its end."""
        self.note_trouble(source, None)
        self.caught_up_to("", source)

    def caught_up_to(self, what: str, source: str) -> None:
        """Note that all of a source was read that can be."""
        if not self.caught_up:
            self.tell(f"caught up with {what}{self.path_of(source)}")
        self.caught_up = True

    def tell(self, line: str) -> None:
        """Tell the operator."""
        self._tell_of(f"{self.paths.profile}: {line}")

    def path_of(self, source: str) -> Path:
        """Return where a source is."""
        return {
            EVENTS_DB: self.paths.events_db,
            EVENTS_JSONL: self.paths.events_jsonl,
            METRICS_JSON: self.paths.metrics_json,
        }[source]

    # Publishing

    def published(self) -> Published:
        """Return what a scrape is to show."""
        samples = [Sample("caught_up", (), int(self.caught_up))]
        samples += figure_samples(self.tally, with_log=self.caught_up)
        if self.caught_up:
            samples += log_samples(self.tally)
        troubles = [(source, trouble) for source, trouble in self.troubles.items() if self._is_shown(source, trouble)]
        for source, trouble in troubles:
            samples.append(Sample("source_readable", (("source", source),), int(trouble is None)))
        counts = {(source, why): 0 for source in self.newest for why in _SKIPPABLE[source]} | self.skipped.counts
        for (source, why), count in counts.items():
            samples.append(Sample("skipped_records_total", (("source", source), ("reason", why.value)), count))
        samples.append(Sample("log_restarts_total", (), self.restarts))
        document = metrics_document(self.tally, with_log=self.caught_up)
        return Published(
            profile=self.paths.profile,
            caught_up=self.caught_up,
            samples=tuple(samples),
            newest=tuple(self.newest.items()),
            troubles=tuple(troubles),
            document=functools.cache(lambda: without_secrets(document)),
            reason=self._reason(),
        )

    def _is_shown(self, source: str, trouble: Trouble | None) -> bool:
        """Tell whether a source matters: one that was never there does not, unless it is the one waited for."""
        waited_for = source == EVENTS_DB and self.position.source is None
        return trouble is not Trouble.ABSENT or waited_for or source in self.newest

    def _reason(self) -> str:
        found = {source: trouble for source, trouble in self.troubles.items() if trouble}
        followed = self.position.source
        if not self.caught_up and followed is not None:
            return "reading the event log"
        if followed not in found:  # an absent source that is not followed does no harm
            found = {source: trouble for source, trouble in found.items() if trouble is not Trouble.ABSENT}
        if not self.caught_up and EVENTS_DB not in found:
            return "waiting for events.db or events.jsonl"
        return ", ".join(f"{source} is {trouble}" for source, trouble in found.items()) or "following"

    # The cursor

    def as_json(self) -> dict[str, Any]:
        """Return everything that the next start needs; no secrets, whatever the bot wrote."""
        return {
            "files": self._files(),
            "position": self.position.as_json(),
            "tally": self.tally.as_json(),
            "skipped": [[source, why.value, count] for (source, why), count in self.skipped.counts.items()],
            "restarts": self.restarts,
            "newest": self.newest,
        }

    def restore(self, saved: dict[str, Any]) -> bool:
        """Go on from what ``as_json`` gave; false where that is about other files than this profile's."""
        if saved["files"] != self._files():
            return False
        self.position = Position.from_json(saved["position"])
        self.tally = Tally.from_json(saved["tally"])
        for source, why, count in saved["skipped"]:
            self.skipped.counts[source, Why(why)] = count
        self.restarts = saved["restarts"]
        self.newest = saved["newest"]
        return True

    def _files(self) -> list[str]:
        # Path.resolve() raises where links lead in a circle.
        return [os.path.realpath(self.path_of(source)) for source in (EVENTS_DB, EVENTS_JSONL, METRICS_JSON)]
