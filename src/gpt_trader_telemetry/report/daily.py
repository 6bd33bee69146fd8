"""From what was counted to the report: here it is decided what is known.

A figure is None where the log does not tell it. Counts and sums over a kind of event are known, and may be zero,
unless something happened that should have left such events and left none: trades without fills have no known profit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from gpt_trader_telemetry.health.scrub import scrub_details, scrub_symbol, scrub_text
from gpt_trader_telemetry.report.breaker import Breaker
from gpt_trader_telemetry.report.figures import (
    Curves,
    DailyReport,
    Health,
    Performance,
    Pnl,
    SymbolFigures,
    Trades,
)
from gpt_trader_telemetry.report.latest import Latest
from gpt_trader_telemetry.report.money import EXACT, ZERO, share, shown
from gpt_trader_telemetry.report.notes import notes_of
from gpt_trader_telemetry.report.outcomes import Outcomes
from gpt_trader_telemetry.report.tally import LIVENESS_KINDS, SymbolTally, Tally
from gpt_trader_telemetry.runtime_data.event import Event

LIVE_FOR: Final = 300.0
"""Seconds for which a heartbeat or a price says that the bot lives."""

_HUNDRED: Final = Decimal(100)
_DIGEST: Final = re.compile(r"(?:[a-z0-9-]{1,12}:)?[0-9a-f]{7,64}")
_KIND: Final = ("type", "event_type")
_DIGESTS: Final = ("build_sha", "config_digest")
"""Fields that hold hexadecimal digits by nature, which anywhere else might be a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a report needs beside the events of its window."""

    equity: tuple[float, Decimal] | None = None
    """Equity by ``metrics.json``, where that is of before the window's end, and when it was."""
    unfilled: int | None = None
    """Orders that ``orders.db`` shows unfilled for too long at the window's end; None where it cannot be read."""
    hidden: int = 0
    """Rows of the log that damage hides."""
    notes: Sequence[str] = ()
    """What the readers have to say."""


def report_of(tally: Tally, *, profile: str, now: datetime, beside: Beside | None = None) -> DailyReport:
    """Return the report on what ``tally`` counted; ``now`` is when it was made."""
    beside = beside or Beside()
    tally.finish()
    if beside.equity is not None:
        tally.equity.newest.take(*beside.equity)
    pnl = _pnl(tally)
    equity, change, change_pct = _account(tally, pnl["total"])
    return DailyReport(
        window=tally.window,
        profile=profile,
        generated_at=now.astimezone(UTC).isoformat(),
        equity=shown(equity),
        equity_change=shown(change),
        equity_change_pct=shown(change_pct),
        pnl=Pnl(**{name: shown(amount) for name, amount in pnl.items()}),
        fees=shown(_fees(tally)),
        performance=_performance(tally),
        trades=_trades(tally),
        guard_triggers=dict(sorted(scrub_names(tally.guards).items())),
        circuit_breaker_state=_breaker(tally.breaker),
        symbols=_symbols(tally),
        health=_health(tally, beside),
        runtime=_runtime(tally.latest["runtime_start"]),
        notes=notes_of(
            tally,
            unfilled=beside.unfilled,
            measured=pnl["total"] is None and change is not None,
            hidden=beside.hidden,
            more=beside.notes,
        ),
        curves=Curves(
            equity=tally.equity.curve.points(), pnl=tally.pnl_curve.points(), drawdown=tally.drawdown_curve.points()
        ),
    )


def scrub_names(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by name, without secrets in the names; those that look alike then are added up."""
    scrubbed: dict[str, int] = {}
    for name, count in counts.items():
        shown_name = scrub_text(name)
        scrubbed[shown_name] = scrubbed.get(shown_name, 0) + count
    return scrubbed


def _is_told(tally: Tally | SymbolTally) -> bool:
    """Tell whether it is known what the trades came to, which it is too where there were none."""
    return tally.outcomes.known or tally.trades + tally.fills == 0


def _plus(*amounts: Decimal | None) -> Decimal | None:
    """Add up what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    total = ZERO
    for amount in known:
        total = EXACT.add(total, amount)
    return total if known else None


def _pnl(tally: Tally) -> dict[str, Decimal | None]:
    levels = [symbol.unrealized.value for symbol in (*tally.symbols.values(), tally.unplaced)]
    unrealized = None if tally.crowded else _plus(*levels)
    idle = tally.trades + tally.fills == 0
    realized = ZERO if tally.realized is None and idle else tally.realized
    # Nothing realized, and no word of what is held, is no total.
    total = None if tally.realized is None and unrealized is None else _plus(realized, unrealized)
    return {"realized": realized, "unrealized": unrealized, "funding": _plus(ZERO, tally.funding), "total": total}


def _account(tally: Tally, pnl: Decimal | None) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return equity and its change, which is the total PnL; where that is not known, what equity itself did."""
    equity: Decimal | None = tally.equity.newest.value
    change = pnl
    if change is None and equity is not None and tally.equity.first is not None:
        change = EXACT.subtract(equity, tally.equity.first[1])
    if equity is None or change is None:
        return equity, change, None
    before = EXACT.subtract(equity, change)
    part = share(change, before) if before > 0 else None
    return equity, change, None if part is None else EXACT.multiply(part, _HUNDRED)


def _fees(tally: Tally) -> Decimal | None:
    if tally.fees is not None:
        return tally.fees
    return ZERO if tally.user_fees is None and tally.trades + tally.fills == 0 else tally.user_fees


def _performance(tally: Tally) -> Performance:
    outcomes, told = tally.outcomes, _is_told(tally)
    return Performance(
        win_rate=shown(outcomes.win_rate),
        profit_factor=shown(outcomes.profit_factor),
        sharpe_ratio=shown(outcomes.sharpe_ratio),
        max_drawdown=shown(tally.running.max_drawdown) if told else None,
        max_drawdown_pct=shown(tally.running.max_drawdown_pct) if told else None,
    )


def _trades(tally: Tally) -> Trades:
    outcomes, told = tally.outcomes, _is_told(tally)
    return Trades(
        total=outcomes.total if outcomes.known else tally.trades or tally.fills,
        winning=outcomes.winning if told else None,
        losing=outcomes.losing if told else None,
        avg_win=shown(outcomes.average_win),
        avg_loss=shown(outcomes.average_loss),
        largest_win=shown(outcomes.largest_win) if outcomes.winning else None,
        largest_loss=shown(outcomes.largest_loss) if outcomes.losing else None,
    )


def _symbols(tally: Tally) -> list[SymbolFigures]:
    figures = [_symbol(name, symbol) for name, symbol in tally.symbols.items()]
    return sorted(figures, key=lambda one: (one.pnl.total is None, -(one.pnl.total or 0.0), one.symbol))


def _symbol(name: str, tally: SymbolTally) -> SymbolFigures:
    outcomes: Outcomes = tally.outcomes
    realized = outcomes.net if outcomes.known else None
    unrealized: Decimal | None = tally.unrealized.value
    return SymbolFigures(
        symbol=scrub_symbol(name),
        regime=None if tally.regime.value is None else scrub_text(tally.regime.value),
        pnl=Pnl(
            realized=shown(realized),
            unrealized=shown(unrealized),
            funding=shown(_plus(ZERO, tally.funding)),
            total=shown(_plus(realized, unrealized, tally.funding)),
        ),
        trades=tally.fills or tally.trades,
        win_rate=shown(outcomes.win_rate),
        profit_factor=shown(outcomes.profit_factor),
        exposure_usd=shown(tally.exposure.value),
    )


def _health(tally: Tally, beside: Beside) -> Health:
    told = len(tally.alerted) or None  # an order is told of again and again
    return Health(
        stale_marks=tally.counts["stale_mark_detected"],
        ws_reconnects=tally.counts["websocket_reconnect"],
        unfilled_orders=told if beside.unfilled is None else beside.unfilled,
        api_errors=tally.counts["api_error"],
        liveness=_liveness(tally),
    )


def _liveness(tally: Tally) -> dict[str, Any]:
    end = tally.window.end
    events = {kind: tally.latest[kind] for kind in LIVENESS_KINDS}
    ages = [end - latest.at for latest in events.values() if latest.value is not None]
    status = "UNKNOWN" if not ages else "GREEN" if min(ages) <= LIVE_FOR else "RED"
    return {
        "status": status,
        "max_age_seconds": int(LIVE_FOR),
        "event_types": list(LIVENESS_KINDS),
        "events": {
            kind: {
                "event_id": None if latest.value is None else latest.value.position,
                "timestamp": _iso(latest),
                "age_seconds": None if latest.value is None else round(end - latest.at, 3),
            }
            for kind, latest in events.items()
        },
    }


def _breaker(breaker: Breaker) -> dict[str, Any]:
    state = breaker.state()
    if state is None:
        return {}
    triggered, at, event = state
    fields = scrub_details({name: event.payload.get(name) for name in ("rule", "action")})
    return {"triggered": triggered, **fields, "timestamp": datetime.fromtimestamp(at, UTC).isoformat()}


def _runtime(latest: Latest) -> dict[str, Any]:
    event: Event | None = latest.value
    if event is None:
        return {}
    runtime = scrub_details({name: value for name, value in event.payload.items() if name not in _KIND})
    for name in _DIGESTS:
        digest = event.payload.get(name)
        if isinstance(digest, str) and _DIGEST.fullmatch(digest):
            runtime[name] = digest
    return {**runtime, "event_id": event.position, "timestamp": _iso(latest)}


def _iso(latest: Latest) -> str | None:
    return None if latest.value is None else datetime.fromtimestamp(latest.at, UTC).isoformat()
