"""The report: its figures, with None for what is not known, and the object that they are as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpt_trader_telemetry.report.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit and loss in the account's currency."""

    realized: float | None
    unrealized: float | None
    funding: float | None
    total: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return it as in the report object."""
        return {
            "realized": self.realized,
            "unrealized": self.unrealized,
            "funding": self.funding,
            "total": self.total,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How well it was traded; the win rate is a share of 1, the drawdown's percent one of 100."""

    win_rate: float | None
    profit_factor: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    max_drawdown_pct: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """Trades and what they came to; losses stand without their sign."""

    total: int
    winning: int | None
    losing: int | None
    avg_win: float | None
    avg_loss: float | None
    largest_win: float | None
    largest_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolFigures:
    """The same for one symbol."""

    symbol: str
    regime: str | None
    pnl: Pnl
    trades: int
    win_rate: float | None
    profit_factor: float | None
    exposure_usd: float | None

    def as_json(self) -> dict[str, Any]:
        """Return it as in the report object."""
        return {
            "symbol": self.symbol,
            "regime": self.regime,
            "pnl": self.pnl.as_json(),
            "trades": self.trades,
            "win_rate": self.win_rate,
            "profit_factor": self.profit_factor,
            "exposure_usd": self.exposure_usd,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the bot itself fared."""

    stale_marks: int
    ws_reconnects: int
    unfilled_orders: int | None
    api_errors: int
    liveness: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What the page draws: (time, value), the earliest first."""

    equity: Sequence[tuple[float, float]] = ()
    pnl: Sequence[tuple[float, float]] = ()
    drawdown: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReport:
    """One report."""

    window: Window
    profile: str
    generated_at: str
    equity: float | None
    equity_change: float | None
    equity_change_pct: float | None
    pnl: Pnl
    fees: float | None
    performance: Performance
    trades: Trades
    guard_triggers: Mapping[str, int]
    circuit_breaker_state: Mapping[str, Any]
    symbols: Sequence[SymbolFigures]
    """The one that made most first; those of which it is not known last."""
    health: Health
    runtime: Mapping[str, Any]
    notes: Sequence[str] = ()
    """What could not be known and why, in sentences; not in the report object, whose keys are fixed."""
    curves: Curves = field(default_factory=Curves)

    @property
    def date(self) -> str:
        """The day that it is about."""
        return self.window.day.isoformat()

    def as_json(self) -> dict[str, Any]:
        """Return the report object."""
        performance, trades, health = self.performance, self.trades, self.health
        return {
            "date": self.date,
            "profile": self.profile,
            "generated_at": self.generated_at,
            "account": {
                "equity": self.equity,
                "equity_change": self.equity_change,
                "equity_change_pct": self.equity_change_pct,
            },
            "pnl": {**self.pnl.as_json(), "fees": self.fees},
            "performance": {
                "win_rate": performance.win_rate,
                "profit_factor": performance.profit_factor,
                "sharpe_ratio": performance.sharpe_ratio,
                "max_drawdown": performance.max_drawdown,
                "max_drawdown_pct": performance.max_drawdown_pct,
            },
            "trades": {
                "total": trades.total,
                "winning": trades.winning,
                "losing": trades.losing,
                "avg_win": trades.avg_win,
                "avg_loss": trades.avg_loss,
                "largest_win": trades.largest_win,
                "largest_loss": trades.largest_loss,
            },
            "risk": {
                "guard_triggers": dict(self.guard_triggers),
                "circuit_breaker_state": dict(self.circuit_breaker_state),
            },
            "symbols": [symbol.as_json() for symbol in self.symbols],
            "health": {
                "stale_marks": health.stale_marks,
                "ws_reconnects": health.ws_reconnects,
                "unfilled_orders": health.unfilled_orders,
                "api_errors": health.api_errors,
                "liveness": dict(health.liveness),
            },
            "runtime": dict(self.runtime),
        }

    def as_json_text(self) -> str:
        """Return the report object as text: RFC 8259, so neither NaN nor Infinity, and a line break at its end."""
        return json.dumps(self.as_json(), indent=2, allow_nan=False) + "\n"
