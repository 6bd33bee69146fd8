"""From a profile's files to its report."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final, TypeAlias

from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.report.breaker import BREAKER_KINDS
from gpt_trader_telemetry.report.daily import Beside, report_of
from gpt_trader_telemetry.report.figures import DailyReport
from gpt_trader_telemetry.report.tally import Tally, equity_of
from gpt_trader_telemetry.report.window import Window
from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError, where_to_look
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.events import read_events
from gpt_trader_telemetry.runtime_data.latest import earlier_events, latest_event
from gpt_trader_telemetry.runtime_data.log import EVENTS_DB
from gpt_trader_telemetry.runtime_data.metrics import read_metrics_file
from gpt_trader_telemetry.runtime_data.orders import ALERT_AFTER, unfilled_orders
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

Watch: TypeAlias = Callable[[Iterable[Event]], Iterable[Event]]
"""Passes events on and shows how many they are."""

_LOOKED_AT: Final = 1000
_NAMED: Final = 10
_AHEAD: Final = 60.0
"""Seconds by which ``metrics.json`` may be newer than now: it is rewritten while the report is made."""


class NoDataError(Exception):
    """There is nothing to report on; the message says why."""


def daily_report(
    paths: ProfilePaths, window: Window, *, now: datetime, unfilled_after: float = ALERT_AFTER, watch: Watch = iter
) -> DailyReport:
    """Read a profile's files and return the report on a window of time.

    Args:
        paths: the profile's files.
        window: what it is about.
        now: when it is made.
        unfilled_after: seconds after which an order counts as unfilled.
        watch: shows how far it has come.

    Raises:
        NoDataError: no log can be read, or it has nothing of that time.
    """
    skipped, tally = Skipped(), Tally(window)
    latest, kinds = _latest(paths, tally)
    try:
        for event in watch(read_events(paths, since=window.start, until=window.end, kinds=kinds, skipped=skipped)):
            tally.take(event)
    except UnreadableError as error:
        raise NoDataError(f"the event log cannot be read: {error}{where_to_look(error)}") from error
    for event in latest:
        tally.take_latest(event)
    equity = _equity(paths, window, tally, skipped, is_now=window.end >= now.timestamp())
    if not tally.events and (equity is None or equity[0] < window.start):
        if not (others := _others(paths, window)):
            raise NoDataError(f"{paths.folder} has no event of that time; a longer --lookback-hours may reach some")
    else:
        others = []
    unfilled, notes = _unfilled(paths, window, skipped, unfilled_after)
    if others:
        notes.insert(0, f"Of that time the log has only events that tell no figure: {', '.join(others)}.")
    partial = skipped.counts[EVENTS_DB, Why.DAMAGED] > 0
    if skipped.total:
        notes.append(f"Records left out or only partly used: {skipped}.")
    beside = Beside(equity=equity, unfilled=unfilled, partial=partial, notes=notes)
    return report_of(tally, profile=paths.profile, now=now, beside=beside)


def _others(paths: ProfilePaths, window: Window) -> list[str]:
    """Return kinds of the first events of the window, whatever they are."""
    events = read_events(paths, since=window.start, until=window.end, skipped=Skipped())
    return sorted({scrub_text(event.kind) for event in islice(events, _LOOKED_AT)})[:_NAMED]


def _equity(
    paths: ProfilePaths, window: Window, tally: Tally, skipped: Skipped, *, is_now: bool
) -> tuple[float, Decimal] | None:
    """Return the newest equity from ``metrics.json``, if it is of that time, else from the log before the window."""
    try:
        file = read_metrics_file(paths.metrics_json, skipped)
    except UnreadableError:
        file = None
    equity = None if file is None else equity_of(file.content)
    if file is not None and equity is not None and file.at < window.end + (_AHEAD if is_now else 0.0):
        return min(file.at, window.end), equity
    if tally.equity.value is not None:
        return None
    try:
        event = latest_event(
            paths,
            "cycle_metrics",
            window.start,
            lambda event: equity_of(event.payload) is not None,
            containing='"equity"',
        )
    except UnreadableError:
        return None
    equity = None if event is None else equity_of(event.payload)
    return None if event is None or event.at is None or equity is None else (event.at, equity)


def _latest(paths: ProfilePaths, tally: Tally) -> tuple[list[Event], frozenset[str]]:
    """Return the newest sign of life and start of the bot at the window's end, and the kinds that are left to read.

    Most of a log is prices; where the database can be asked for the last one, the others need not be read.
    """
    try:
        found = [latest_event(paths, kind, tally.window.end) for kind in tally.latest]
        for event in earlier_events(paths, BREAKER_KINDS, tally.window.start):
            tally.breaker.take(event.at or 0.0, event)
    except UnreadableError:
        return [], tally.kinds
    return [event for event in found if event is not None], tally.kinds - tally.latest.keys()


def _unfilled(paths: ProfilePaths, window: Window, skipped: Skipped, after: float) -> tuple[int | None, list[str]]:
    try:
        return len(unfilled_orders(paths.orders_db, as_of=window.end, skipped=skipped, alert_after=after)), []
    except UnreadableError as error:
        absent = error.trouble is Trouble.ABSENT
        return None, [] if absent else [f"The orders cannot be read: {error}."]
