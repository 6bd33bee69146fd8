"""Counts what events say, one at a time, in memory that is bounded whatever they are.

Nothing here judges what a missing figure means; ``daily.py`` does.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from gpt_trader_telemetry.report.breaker import Breaker
from gpt_trader_telemetry.report.curve import Curve
from gpt_trader_telemetry.report.money import EXACT, ZERO, amount_of
from gpt_trader_telemetry.report.outcomes import Outcomes, RunningSum
from gpt_trader_telemetry.report.window import Window
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.values import text

MAX_SYMBOLS: Final = 5000
MAX_GUARDS: Final = 500
"""Names that are told apart; those that come after are counted together, as OTHERS."""
MAX_ORDERS: Final = 100_000
OTHERS: Final = "(others)"
NAMELESS: Final = "unknown"
"""A guard, or a symbol's unrealized, that was written without a name."""

_NOT_EXECUTED: Final = frozenset({"rejected", "failed", "cancelled", "canceled", "expired"})
LIVENESS_KINDS: Final = ("heartbeat", "price_tick")


@dataclass(slots=True)
class Latest:
    """The newest of what was given; of one moment, the last."""

    at: float = -math.inf
    value: Any = None

    def take(self, at: float, value: Any) -> None:
        """Keep it if nothing newer is there."""
        if at >= self.at:
            self.at, self.value = at, value


@dataclass(slots=True)
class SymbolTally:
    """What happened on one symbol."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    fills: int = 0
    trades: int = 0
    """``trade`` events, which do not say what they came to."""
    unrealized: Latest = field(default_factory=Latest)
    funding: Decimal | None = None
    exposure: Latest = field(default_factory=Latest)
    regime: Latest = field(default_factory=Latest)


class Tally:
    """All that a report needs from the events of a window. Events outside it, or without a time, are passed over."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.events = 0
        """Events within the window."""
        self.newest: float | None = None
        """When the newest of them was."""
        self.undated = 0
        self.outcomes = Outcomes()
        self.fills = 0
        self.trades = 0
        self.unexecuted = 0
        """``trade`` events whose status says that nothing was traded."""
        self.realized: Decimal | None = None
        """The sum of ``pnl_update.realized_pnl``; None while there was none that could be read."""
        self.funding: Decimal | None = None
        self.fees: Decimal | None = None
        self.user_fees: Decimal | None = None
        self.user_fills = 0
        """Those that have a fee."""
        self.symbols: dict[str, SymbolTally] = {}
        self.unplaced = SymbolTally()
        """What named no symbol."""
        self.guards: dict[str, int] = {}
        self.breaker = Breaker()
        self.counts = {"stale_mark_detected": 0, "websocket_reconnect": 0, "api_error": 0}
        self.alerted: set[str | None] = set()
        """Orders that an alert said were not filled in time; those without a name are one."""
        self.latest = {kind: Latest() for kind in (*LIVENESS_KINDS, "runtime_start")}
        self.equity = Latest()
        self.first_equity: tuple[float, Decimal] | None = None
        self.equity_curve = Curve(window)
        self.pnl_curve = Curve(window)
        self.drawdown_curve = Curve(window)
        self.running = RunningSum(self._draw)
        self._takers: Mapping[str, Callable[[float, Event], object]] = {
            "fill": self._fill,
            "trade": self._trade,
            "pnl_update": self._pnl_update,
            "funding_payment": self._funding,
            "user_fill": self._user_fill,
            "position_update": self._position,
            "guard_triggered": self._guard,
            "circuit_breaker_triggered": self._breaker,
            "circuit_breaker_cleared": self._breaker,
            "cycle_metrics": self._cycle,
            "unfilled_order_alert": self._alert,
            **dict.fromkeys(self.counts, self._count),
            **dict.fromkeys(self.latest, self._latest),
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of events that it reads; others need not be given to it."""
        return frozenset(self._takers)

    def take(self, event: Event) -> None:
        """Take an event in."""
        at = event.at
        if at is None:
            self.undated += 1
        elif at in self.window:
            self.events += 1
            self.newest = at if self.newest is None or at > self.newest else self.newest
            taker = self._takers.get(event.kind)
            if taker is not None:
                taker(at, event)

    def take_latest(self, event: Event) -> None:
        """Take in a sign of life or a start of the bot, which may be from before the window."""
        if event.at is not None and event.at < self.window.end and event.kind in self.latest:
            self.events += event.at >= self.window.start
            self.latest[event.kind].take(event.at, event)

    def finish(self) -> None:
        """Say that there are no more."""
        self.running.finish()

    @property
    def crowded(self) -> bool:
        """Whether there were more symbols than are told apart."""
        return OTHERS in self.symbols

    def _symbol(self, event: Event) -> SymbolTally:
        name = text(event.payload.get("symbol"))
        if name is None:
            return self.unplaced
        tally = self.symbols.get(name)
        if tally is None:
            if len(self.symbols) >= MAX_SYMBOLS:
                name = OTHERS
            tally = self.symbols.setdefault(name, SymbolTally())
        return tally

    def _fill(self, at: float, event: Event) -> None:
        symbol = self._symbol(event)
        self.fills += 1
        symbol.fills += 1
        fee = amount_of(event.payload.get("fee"))
        if fee is not None:
            self.fees = EXACT.add(self.fees or ZERO, fee)
        regime = text(event.payload.get("regime"))
        if regime is not None:
            symbol.regime.take(at, regime)
        pnl = amount_of(event.payload.get("pnl"))
        if pnl is not None:
            symbol.outcomes.take(pnl)
            self.outcomes.take(pnl)
            self.running.take(at, pnl)

    def _trade(self, at: float, event: Event) -> None:
        if (text(event.payload.get("status")) or "").casefold() in _NOT_EXECUTED:
            self.unexecuted += 1
            return
        self.trades += 1
        self._symbol(event).trades += 1

    def _pnl_update(self, at: float, event: Event) -> None:
        symbol = self._symbol(event)
        realized = amount_of(event.payload.get("realized_pnl"))
        if realized is not None:
            self.realized = EXACT.add(self.realized or ZERO, realized)
        unrealized = amount_of(event.payload.get("unrealized_pnl"))
        if unrealized is not None:
            symbol.unrealized.take(at, unrealized)

    def _funding(self, at: float, event: Event) -> None:
        amount = amount_of(event.payload.get("amount"))
        if amount is not None:
            symbol = self._symbol(event)
            self.funding = EXACT.add(self.funding or ZERO, amount)
            symbol.funding = EXACT.add(symbol.funding or ZERO, amount)

    def _user_fill(self, at: float, event: Event) -> None:
        fee = amount_of(event.payload.get("fee"))
        fee = amount_of(event.payload.get("commission")) if fee is None else fee
        if fee is not None:
            self.user_fills += 1
            self.user_fees = EXACT.add(self.user_fees or ZERO, fee)

    def _position(self, at: float, event: Event) -> None:
        quantity, price = (amount_of(event.payload.get(name)) for name in ("quantity", "price"))
        if quantity is not None and price is not None:
            self._symbol(event).exposure.take(at, abs(EXACT.multiply(quantity, price)))

    def _guard(self, at: float, event: Event) -> None:
        name = text(event.payload.get("guard")) or NAMELESS
        if name not in self.guards and len(self.guards) >= MAX_GUARDS:
            name = OTHERS
        self.guards[name] = self.guards.get(name, 0) + 1

    def _breaker(self, at: float, event: Event) -> None:
        self.breaker.take(at, event)

    def _cycle(self, at: float, event: Event) -> None:
        equity = equity_of(event.payload)
        if equity is not None:
            self.equity.take(at, equity)
            if self.first_equity is None or at < self.first_equity[0]:
                self.first_equity = (at, equity)
            self.equity_curve.take(at, float(equity))

    def _count(self, at: float, event: Event) -> None:
        self.counts[event.kind] += 1

    def _alert(self, at: float, event: Event) -> None:
        if len(self.alerted) < MAX_ORDERS:
            self.alerted.add(text(event.payload.get("order_id")))

    def _latest(self, at: float, event: Event) -> None:
        self.latest[event.kind].take(at, event)

    def _draw(self, at: float, value: Decimal, fall: Decimal) -> None:
        self.pnl_curve.take(at, float(value))
        self.drawdown_curve.take(at, -float(fall))


def equity_of(metrics: Mapping[str, Any]) -> Decimal | None:
    """Return the equity of a cycle's metrics, from whichever of its two places has one.

    >>> equity_of({"equity": None, "account": {"equity": "12.50"}})
    Decimal('12.50')
    """
    equity = amount_of(metrics.get("equity"))
    account = metrics.get("account")
    if equity is None and isinstance(account, Mapping):
        return amount_of(account.get("equity"))
    return equity
