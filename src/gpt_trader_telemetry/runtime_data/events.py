"""The event log of a profile from one moment to another, from whichever file has it."""

import math
import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError, open_file, opened, trouble_of_os
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.lines import EVENTS_JSONL, LineReader, blocks
from gpt_trader_telemetry.runtime_data.log import events_between
from gpt_trader_telemetry.runtime_data.passed_over import passed_over
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.record import LARGEST, is_wanted
from gpt_trader_telemetry.runtime_data.rows import EVENTS_DB, first_id_written_since, last_id
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["NoDataError", "read_events"]

_SLACK: Final = 86_400.0
"""Seconds by which the time column may be ahead or behind: the host's offset from UTC, and clocks that differ."""
_FALLS_BACK: Final = frozenset({Trouble.ABSENT, Trouble.CORRUPT, Trouble.DENIED, Trouble.UNREADABLE})


class NoDataError(Exception):
    """The log has nothing of the time that was asked for; the message says so."""


def read_events(
    paths: ProfilePaths,
    *,
    since: float | None = None,
    until: float | None = None,
    kinds: Collection[str] | None = None,
    newest: Collection[str] = (),
    skipped: Skipped,
) -> Iterator[Event]:
    """Yield the events of a profile in the order in which they were written, with bounded memory.

    ``events.db`` is read; ``events.jsonl`` only where the database is absent, or nothing of it can be read. Bad records
    are counted in ``skipped``, and so are the rows that damage in a database hides; those around it come.

    Args:
        paths: the profile's files.
        since: seconds since 1970; only events at this moment or later.
        until: only events before this moment.
        kinds: only events of these kinds, which is quicker; ``metric`` is whatever a metric row wraps.
        newest: kinds of which only the newest event before ``until`` is wanted: of lines, older ones may be left out.
        skipped: counts what is skipped. Events without any time are, where ``since`` or ``until`` is given.

    Raises:
        UnreadableError: neither file can be read; it says why the better one cannot.
    """
    passed = partial(passed_over, kinds=newest, until=math.inf if until is None else until)
    reader = LineReader(skipped, passed) if newest else LineReader(skipped)
    source, events = _source(paths, since, kinds, skipped, reader)
    for event in events:
        if since is not None or until is not None:
            if event.at is None:
                skipped.add(source, Why.TIME)
                continue
            if (since is not None and event.at < since) or (until is not None and event.at >= until):
                continue
        yield event


def _source(
    paths: ProfilePaths, since: float | None, kinds: Collection[str] | None, skipped: Skipped, reader: LineReader
) -> tuple[str, Iterator[Event]]:
    rows = _rows(paths.events_db, since, kinds, skipped)
    try:
        first = next(rows, None)
    except UnreadableError as error:
        if error.trouble not in _FALLS_BACK or not paths.events_jsonl.is_file():
            raise
        return EVENTS_JSONL, _lines(paths.events_jsonl, kinds, reader)
    return EVENTS_DB, _chained(first, rows)


def _chained(first: Event | None, rest: Iterator[Event]) -> Iterator[Event]:
    if first is not None:
        yield first
        yield from rest


def _rows(path: Path, since: float | None, kinds: Collection[str] | None, skipped: Skipped) -> Iterator[Event]:
    with opened(path, salvage=True) as connection:
        last, after = last_id(connection), 0
        if since is not None and since > _SLACK:
            bound = datetime.fromtimestamp(since - _SLACK, UTC)
            # Nothing is written before it happens; what is imported later happened long before it is written.
            after = first_id_written_since(connection, f"{bound:%Y-%m-%d %H:%M:%S}")
        yield from events_between(connection, after, last, kinds, skipped)


def _lines(path: Path, kinds: Collection[str] | None, reader: LineReader) -> Iterator[Event]:
    try:
        with open_file(path) as file:
            upto = os.fstat(file.fileno()).st_size
            end = 0
            for block in blocks(file, 0):
                yield from (event for event in reader.events(block) if is_wanted(event, kinds))
                end = block.start + len(block.content)
                if end >= upto:
                    return  # what is appended meanwhile is for the next reader
            file.seek(end)
            last = reader.last(end, file.read(LARGEST + 1))
            if last is not None and is_wanted(last, kinds):
                yield last
    except OSError as error:
        raise UnreadableError(path, trouble_of_os(error), error.strerror or str(error)) from error
