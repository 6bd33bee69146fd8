"""From what stands in a row or a line to an Event; nothing here reads files."""

from collections.abc import Collection, Hashable
from functools import lru_cache
from json import JSONDecoder
from typing import Any, Final

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.skipped import Why
from gpt_trader_telemetry.runtime_data.values import text, unix_time

__all__ = [
    "CYCLE_METRICS",
    "LARGEST",
    "METRIC",
    "BadRecordError",
    "column_time",
    "event_of_line",
    "event_of_row",
    "is_wanted",
    "written_kinds",
]

METRIC: Final = "metric"
"""The type of a row that wraps another kind."""
CYCLE_METRICS: Final = "cycle_metrics"
LARGEST: Final = 1 << 20
"""Bytes of one record; the largest that a bot writes are some kilobytes."""

_ENVELOPE: Final = frozenset({"type", "event_type", "timestamp", "time", "bot_id"})
_decoder: Final = JSONDecoder()


class BadRecordError(Exception):
    """A record that cannot be used."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


def written_kinds(kinds: Collection[str]) -> frozenset[str]:
    """Return the types under which events of these kinds may have been written."""
    return frozenset(kinds) | {METRIC}


def is_wanted(event: Event, kinds: Collection[str] | None) -> bool:
    """Tell whether an event is of these kinds, among which ``metric`` is whatever a metric row wraps."""
    return kinds is None or event.kind in kinds or (event.wrapped and METRIC in kinds)


def event_of_row(position: int, kind: object, payload: object, bot_id: object) -> Event:
    """Return the event of a row of ``events.db``, without a time where the payload has none.

    Raises:
        BadRecordError: the row cannot be used.
    """
    if not isinstance(kind, bytes) or not isinstance(payload, bytes):
        raise BadRecordError(Why.SIZE if payload is None else Why.SHAPE)
    fields = _object(payload)
    if len(fields) == 1 and isinstance(inner := fields.get("data"), dict):
        fields = inner
    name = _kind_of(kind)
    whose = _bot_of(bot_id) if isinstance(bot_id, bytes) else text(fields.get("bot_id"))
    at = _time_of(fields)
    if name == METRIC:
        inner, name = _unwrapped(fields)
        return Event(name, _time_of(inner) or at, inner, whose, position, wrapped=True)
    return Event(name, at, fields, whose, position)


@lru_cache(maxsize=1024)
def column_time(written: Hashable) -> float | None:
    """Return what the time column of a row says."""
    return unix_time(_lenient(written))


def event_of_line(position: int, line: bytes) -> Event:
    """Return the event of a line of ``events.jsonl``.

    Raises:
        BadRecordError: the line cannot be used.
    """
    outer = fields = _object(line)
    kind = fields.get("type")
    name = _named(kind if isinstance(kind, str) and kind else fields.get("event_type"))
    at = _time_of(fields)
    whose = fields.get("bot_id")
    inner = fields.get("data")
    if isinstance(inner, dict) and fields.keys() - _ENVELOPE == {"data"}:
        fields = inner
    wrapped = name == METRIC
    if wrapped:
        fields, name = _unwrapped(fields)
    if fields is not outer:
        inner_at = _time_of(fields)
        at = at if inner_at is None else inner_at
    return Event(name, at, fields, _shown(whose) if isinstance(whose, str) else text(whose), position, wrapped)


def _unwrapped(fields: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what a metric wraps, and its kind."""
    metrics = fields.get("metrics")
    inner = metrics if isinstance(metrics, dict) else fields  # the oldest writer's are flat
    kind = inner.get("event_type")
    return inner, _named(kind) if isinstance(kind, str) and kind not in {"", METRIC} else CYCLE_METRICS


def _time_of(fields: dict[str, Any]) -> float | None:
    return unix_time(fields.get("timestamp")) or unix_time(fields.get("time"))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST:
        raise BadRecordError(Why.SIZE)
    try:
        value = _decoded(_text(raw))
    except (ValueError, RecursionError) as error:
        raise BadRecordError(Why.JSON) from error
    if not isinstance(value, dict):
        raise BadRecordError(Why.SHAPE)
    return value


def _decoded(text: str) -> Any:
    if text.startswith("{"):
        value, end = _decoder.raw_decode(text)
        if end == len(text):  # no need to look for blanks around it
            return value
    return _decoder.decode(text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRecordError(Why.ENCODING) from error


@lru_cache(maxsize=1024)
def _kind_of(raw: bytes) -> str:
    return _named(_text(raw))


@lru_cache(maxsize=1024)
def _bot_of(raw: bytes) -> str | None:
    return text(_lenient(raw))


def _lenient(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _named(kind: object) -> str:
    name = _shown(kind) if isinstance(kind, str) else None
    if name is None:
        raise BadRecordError(Why.SHAPE)
    return name


@lru_cache(maxsize=1024)
def _shown(name: str) -> str | None:
    return text(name)
