"""OpenTelemetry's OTLP exporters, listened to: they send and try again, we read what the receiver answers.

The exporters keep the answers to themselves, so each sender stands between its exporter and the wire. Should a
release of theirs have that place elsewhere, nothing is heard, and the exporter is taken at its word.

They also log each export that fails. While one of ours is under way these lines are dropped: the road says it once.
"""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from gpt_trader_telemetry.pipeline.answers import Answer, Outcome, printable


class Sender(Protocol):
    """Sends one request at a time."""

    def send(self, data: Any, limit: int | None) -> Answer:
        """Send ``data``, unless it takes more than ``limit`` bytes, and return what became of it."""

    def shutdown(self) -> None:
        """Close the connection; an attempt that is under way elsewhere ends."""


class RequestTooLargeError(Exception):
    """Ends an export that would send more than it may."""


class Ear:
    """What was heard of the request that is under way."""

    def __init__(self, items: str = "points") -> None:
        self.items = items
        """What the requests carry: points or spans."""
        self.heard: Answer | None = None
        self._limit: int | None = None

    def listen(self, limit: int | None) -> None:
        """Begin with a new request."""
        self.heard = None
        self._limit = limit

    def measure(self, size: int) -> None:
        """Raise RequestTooLargeError for a request of too many bytes."""
        if self._limit is not None and size > self._limit:
            self.heard = Answer(Outcome.TOO_LARGE, size=size)
            raise RequestTooLargeError

    def judge(self, result: Any, lines: list[str]) -> Answer:
        """Return what was heard; where nothing was, what the exporter returned and logged."""
        if self.heard is not None:
            return self.heard
        if result.name == "SUCCESS":
            return Answer(Outcome.DELIVERED)
        return Answer(Outcome.NO_ANSWER, printable(lines[-1]) if lines else "")


class _Hush(logging.Filter):
    """Drops what is logged on a thread that sends for us, and keeps the text; others' exports log as they did."""

    def __init__(self) -> None:
        super().__init__()
        self._sending = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        lines: list[str] | None = getattr(self._sending, "lines", None)
        if lines is not None:
            lines.append(record.getMessage())
        return lines is None

    @contextmanager
    def __call__(self, logger: str) -> Generator[list[str]]:
        """Drop what ``logger`` is given on this thread; its texts are in the list."""
        filters = logging.getLogger(logger).filters
        if self not in filters:
            filters.insert(0, self)  # before OpenTelemetry's own, which drops lines like the last one that it saw
        lines: list[str] = []
        self._sending.lines = lines
        try:
            yield lines
        finally:
            self._sending.lines = None


hushed: Final = _Hush()
