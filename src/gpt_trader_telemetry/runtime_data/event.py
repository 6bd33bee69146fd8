"""One thing that a bot wrote down, whichever file and whichever generation of the bot it came from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Event"]


class Event(NamedTuple):
    """One record of the event log.

    >>> Event(kind="heartbeat", at=1_700_000_000.0, payload={"count": 3}).payload["count"]
    3
    """

    kind: str
    """The event's type; a ``metric`` that wraps another kind has that kind, ``cycle_metrics`` where it names none."""
    at: float | None
    """When it happened, seconds since 1970 UTC: the payload's time, else the row's; None where neither can be read."""
    payload: Mapping[str, Any]
    """The fields, unwrapped. Values are as they were written: numbers may be strings, and anything may be missing."""
    bot_id: str | None = None
    position: int = 0
    """The row's id in ``events.db``, or the byte offset of the line in ``events.jsonl``."""
    wrapped: bool = False
    """Whether it stood in a ``metric``."""
