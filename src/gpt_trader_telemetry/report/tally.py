"""Counts what events say, one at a time, in memory that is bounded whatever they are.

Nothing here judges what a missing figure means; ``daily.py`` does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from gpt_trader_telemetry.report.breaker import BREAKER_KINDS, Breaker
from gpt_trader_telemetry.report.curve import Curve
from gpt_trader_telemetry.report.equity import Equity, equity_of
from gpt_trader_telemetry.report.latest import Latest
from gpt_trader_telemetry.report.money import EXACT, ZERO, amount_of
from gpt_trader_telemetry.report.outcomes import Outcomes, RunningSum
from gpt_trader_telemetry.report.window import Window
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC
from gpt_trader_telemetry.runtime_data.trades import is_executed
from gpt_trader_telemetry.runtime_data.values import text

MAX_SYMBOLS: Final = 5000
MAX_GUARDS: Final = 500
"""Names that are told apart; those that come after are counted together, as OTHERS."""
MAX_ORDERS: Final = 100_000
OTHERS: Final = "(others)"
NAMELESS: Final = "unknown"
"""A guard, or a symbol's unrealized, that was written without a name."""

LIVENESS_KINDS: Final = ("heartbeat", "price_tick")

Takers = Mapping[str, Callable[[float, Event], object]]
"""What takes an event in, by its kind."""


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
    """All that a report needs from the events of a window, and from those before it what still held when it began.

    Events after it, or without a time, are passed over.
    """

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
        self._cycles = Equity(window)
        self._others = Equity(window)
        self._has_cycles = False
        self.pnl_curve = Curve(window)
        self.drawdown_curve = Curve(window)
        self.running = RunningSum(self._draw)
        self._takers: Takers = {
            "fill": self._fill,
            "trade": self._trade,
            "pnl_update": self._pnl_update,
            "funding_payment": self._funding,
            "user_fill": self._user_fill,
            "position_update": self._position,
            "guard_triggered": self._guard,
            "unfilled_order_alert": self._alert,
            **dict.fromkeys(self.counts, self._count),
        }
        self._lasting: Takers = {
            CYCLE_METRICS: self._cycle,
            **dict.fromkeys(BREAKER_KINDS, self.breaker.take),
            **dict.fromkeys(self.latest, self._latest),
        }
        """What holds until there is a newer word, and so from before the window, too."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of events that it reads; others need not be given to it."""
        return frozenset({*self._takers, *self._lasting, METRIC})

    @property
    def equity(self) -> Equity:
        """The cycles' equity; where there are no cycle metrics, that of other metric rows, as the exporter has it."""
        return self._cycles if self._has_cycles else self._others

    def take(self, event: Event) -> None:
        """Take an event in."""
        at = event.at
        if at is None:
            self.undated += 1
        elif at >= self.window.start:
            if at < self.window.end and (self._take(self._takers, at, event) | self._take_lasting(at, event)):
                self.events += 1
                self.newest = at if self.newest is None or at > self.newest else self.newest
        else:
            self._take_lasting(at, event)

    def _take_lasting(self, at: float, event: Event) -> bool:
        return self._take(self._lasting, at, event) or (event.wrapped and self._other_metric(at, event))

    @staticmethod
    def _take(takers: Takers, at: float, event: Event) -> bool:
        taker = takers.get(event.kind)
        if taker is None:
            return False
        taker(at, event)
        return True

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
        if not is_executed(event.payload):
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

    def _cycle(self, at: float, event: Event) -> None:
        self._has_cycles = True
        equity = equity_of(event.payload)
        if equity is not None:
            self._cycles.take(at, equity)

    def _other_metric(self, at: float, event: Event) -> bool:
        equity = None if self._has_cycles else equity_of(event.payload)
        if equity is not None:
            self._others.take(at, equity)
        return equity is not None

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
