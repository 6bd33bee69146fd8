"""From a profile's files to its report."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final, TypeAlias

from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.report.breaker import BREAKER_KINDS
from gpt_trader_telemetry.report.daily import Beside, report_of
from gpt_trader_telemetry.report.equity import equity_of
from gpt_trader_telemetry.report.figures import DailyReport
from gpt_trader_telemetry.report.tally import Tally
from gpt_trader_telemetry.report.window import Window
from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.events import NoDataError, read_events
from gpt_trader_telemetry.runtime_data.latest import earlier_events, latest_event
from gpt_trader_telemetry.runtime_data.metrics import read_metrics_file
from gpt_trader_telemetry.runtime_data.orders import ALERT_AFTER, unfilled_orders
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC
from gpt_trader_telemetry.runtime_data.rows import EVENTS_DB
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

Watch: TypeAlias = Callable[[Iterable[Event]], Iterable[Event]]
"""Passes events on and shows how many they are."""

_WITH_EQUITY: Final = (CYCLE_METRICS, METRIC)
_LOOKED_AT: Final = 1000
_NAMED: Final = 10
_AHEAD: Final = 60.0
"""Seconds by which ``metrics.json`` may be newer than now: it is rewritten while the report is made."""


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
        UnreadableError: no log can be read.
        NoDataError: it has nothing of that time.
    """
    skipped, tally = Skipped(), Tally(window)
    since, kinds = _begin(paths, tally)
    events = read_events(paths, since=since, until=window.end, kinds=kinds, newest=tally.latest, skipped=skipped)
    for event in watch(events):
        tally.take(event)
    equity = _equity(paths, window, skipped, is_now=window.end >= now.timestamp())
    if not tally.events and (equity is None or equity[0] < window.start):
        if not (others := _others(paths, window)):
            raise NoDataError(f"{paths.folder} has no event of that time; a longer --lookback-hours may reach some")
    else:
        others = []
    unfilled, notes = _unfilled(paths, window, skipped, unfilled_after)
    if others:
        notes.insert(0, f"Of that time the log has only events that tell no figure: {', '.join(others)}.")
    hidden = skipped.counts[EVENTS_DB, Why.DAMAGED]
    if skipped.total:
        notes.append(f"Records left out or only partly used: {skipped}.")
    beside = Beside(equity=equity, unfilled=unfilled, hidden=hidden, notes=notes)
    return report_of(tally, profile=paths.profile, now=now, beside=beside)


def _others(paths: ProfilePaths, window: Window) -> list[str]:
    """Return kinds of the first events of the window, whatever they are."""
    events = read_events(paths, since=window.start, until=window.end, skipped=Skipped())
    return sorted({scrub_text(event.kind) for event in islice(events, _LOOKED_AT)})[:_NAMED]


def _equity(paths: ProfilePaths, window: Window, skipped: Skipped, *, is_now: bool) -> tuple[float, Decimal] | None:
    """Return equity by ``metrics.json``, if it is of that time, and when it was."""
    try:
        file = read_metrics_file(paths.metrics_json, skipped)
    except UnreadableError:
        return None
    equity = None if file is None else equity_of(file.content)
    if file is None or equity is None or file.at >= window.end + (_AHEAD if is_now else 0.0):
        return None
    return min(file.at, window.end), equity


def _begin(paths: ProfilePaths, tally: Tally) -> tuple[float | None, frozenset[str]]:
    """Take in what the log last said before the window; return since when it is to be read, and which kinds.

    A database can be asked. Lines have to be read from their beginning, as has a database whose indexes are damaged.
    Most of a log is prices: where the database tells the last one, they need not be read.
    """
    window = tally.window
    try:
        found = [latest_event(paths, kind, window.end) for kind in tally.latest]
        found += [
            latest_event(paths, CYCLE_METRICS, window.start),
            *(latest_event(paths, kind, window.start, _has_equity, containing='"equity"') for kind in _WITH_EQUITY),
        ]
        breaker = earlier_events(paths, BREAKER_KINDS, window.start)
    except UnreadableError:
        return None, tally.kinds
    for event in (*found, *breaker):
        if event is not None:
            tally.take(event)
    return window.start, tally.kinds - tally.latest.keys()


def _has_equity(event: Event) -> bool:
    return equity_of(event.payload) is not None


def _unfilled(paths: ProfilePaths, window: Window, skipped: Skipped, after: float) -> tuple[int | None, list[str]]:
    try:
        return len(unfilled_orders(paths.orders_db, as_of=window.end, skipped=skipped, alert_after=after)), []
    except UnreadableError as error:
        absent = error.trouble is Trouble.ABSENT
        return None, [] if absent else [f"The orders cannot be read: {error}."]
