"""The report's figures by brute force: everything kept, sorted and summed as fractions."""

from fractions import Fraction

from hypothesis import strategies as st

from gpt_trader_telemetry.runtime_data.event import Event
from support.runtime_bots import DAY, END

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")

_amounts = st.decimals(-10_000, 10_000, allow_nan=False, allow_infinity=False, places=4)
readable = st.one_of(
    _amounts.map(lambda value: (str(value), Fraction(value))),
    st.integers(-1000, 1000).map(lambda value: (value, Fraction(value))),
    st.integers(-40, 40).map(lambda value: (value / 8, Fraction(value, 8))),
    st.just((" 12.50 ", Fraction(25, 2))),
    st.just((0, Fraction(0))),
)
unreadable = st.sampled_from([None, "", "twelve", True, "NaN", float("nan"), float("inf"), [1], {}, "1e400", "1_0"])
amounts = st.one_of(readable, readable, readable, unreadable.map(lambda raw: (raw, None)))
"""What a bot may write, and the number that it means."""

_FIELDS = {
    "fill": ("pnl", "fee"),
    "pnl_update": ("realized_pnl", "unrealized_pnl"),
    "funding_payment": ("amount",),
    "position_update": ("quantity", "price"),
    "cycle_metrics": ("equity",),
    "order_preview": ("equity",),
    "user_fill": ("commission",),
    "trade": (), "heartbeat": (), "price_tick": (), "api_error": (), "guard_triggered": (), "runtime_start": (),
    "circuit_breaker_triggered": (), "circuit_breaker_cleared": (), "something_new": (),
}  # fmt: skip


@st.composite
def logs(draw, most=40):
    """Return events, and for each one what its numbers mean."""
    log = []
    for position in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from([*_FIELDS, "fill", "fill", "pnl_update"]))
        at = draw(
            st.one_of(
                st.integers(0, 86_399).map(lambda second: END - DAY + second),
                st.sampled_from([END - DAY, END - 1e-3, END, END - DAY - 1, END + 5, None]),
            )
        )
        meaning = {name: draw(amounts) for name in _FIELDS[kind]}
        payload = {name: raw for name, (raw, _) in meaning.items()}
        payload["symbol"] = draw(st.sampled_from([*SYMBOLS, None]))
        payload["guard"] = draw(st.sampled_from(["daily_loss", "volatility", None]))
        wrapped = kind in {"cycle_metrics", "order_preview"}
        log.append(
            (Event(kind, at, payload, None, position, wrapped), {name: value for name, (_, value) in meaning.items()})
        )
    return log


class Model:
    """All figures of the events within the window, and what lasts of those before it."""

    def __init__(self, log) -> None:
        within = [(event, meaning) for event, meaning in log if event.at is not None and END - DAY <= event.at < END]
        self.within = sorted(within, key=lambda one: one[0].at)
        dated = [(event, meaning) for event, meaning in log if event.at is not None and event.at < END]
        self.before_the_end = sorted(dated, key=lambda one: one[0].at)

    def of(self, kind, symbol=...):
        return [
            (event, meaning)
            for event, meaning in self.within
            if event.kind == kind and (symbol is ... or event.payload["symbol"] == symbol)
        ]

    def total(self, kind, field, symbol=...):
        known = [meaning[field] for _, meaning in self.of(kind, symbol) if meaning[field] is not None]
        return sum(known, Fraction(0)) if known else None

    def last(self, kind, field, symbol):
        known = [meaning[field] for _, meaning in self.of(kind, symbol) if meaning[field] is not None]
        return known[-1] if known else None

    def pnls(self, symbol=...):
        return [meaning["pnl"] for _, meaning in self.of("fill", symbol) if meaning["pnl"] is not None]

    def is_idle(self):
        return not self.of("fill") and not self.of("trade")

    def pnl(self):
        levels = [self.last("pnl_update", "unrealized_pnl", symbol) for symbol in (*SYMBOLS, None)]
        known = [level for level in levels if level is not None]
        unrealized = sum(known, Fraction(0)) if known else None
        logged = self.total("pnl_update", "realized_pnl")
        total = None if logged is None and unrealized is None else (logged or 0) + (unrealized or 0)
        realized = Fraction(0) if logged is None and self.is_idle() else logged
        funding = self.total("funding_payment", "amount") or Fraction(0)
        fees = self.total("fill", "fee")
        if fees is None:
            fees = self.total("user_fill", "commission")
        if fees is None and self.is_idle():
            fees = Fraction(0)
        return {"realized": realized, "unrealized": unrealized, "funding": funding, "total": total, "fees": fees}

    def account(self):
        kinds = [event.kind for event, _ in self.before_the_end]
        kind = "cycle_metrics" if "cycle_metrics" in kinds else "order_preview"
        known = [
            meaning["equity"] for event, meaning in self.before_the_end
            if event.kind == kind and meaning["equity"] is not None
        ]  # fmt: skip
        equities = [meaning["equity"] for _, meaning in self.of(kind) if meaning["equity"] is not None]
        equity, change = (known[-1] if known else None), self.pnl()["total"]
        if change is None and equities:
            change = equities[-1] - equities[0]
        pct = None
        if equity is not None and change is not None and equity - change > 0:
            pct = change / (equity - change) * 100
        return {"equity": equity, "equity_change": change, "equity_change_pct": pct}

    def trades(self):
        pnls = self.pnls()
        wins, losses = [pnl for pnl in pnls if pnl > 0], [-pnl for pnl in pnls if pnl < 0]
        told = bool(pnls) or self.is_idle()
        return {
            "total": len(wins) + len(losses) if pnls else len(self.of("trade")) or len(self.of("fill")),
            "winning": len(wins) if told else None,
            "losing": len(losses) if told else None,
            "avg_win": sum(wins) / len(wins) if wins else None,
            "avg_loss": sum(losses) / len(losses) if losses else None,
            "largest_win": max(wins, default=None),
            "largest_loss": max(losses, default=None),
        }

    def performance(self):
        pnls = [pnl for pnl in self.pnls() if pnl]
        wins, losses = [pnl for pnl in pnls if pnl > 0], [-pnl for pnl in pnls if pnl < 0]
        sharpe = None
        if len(pnls) > 1:
            mean = sum(pnls) / len(pnls)
            variance = sum((pnl - mean) ** 2 for pnl in pnls) / len(pnls)
            sharpe = float(mean) / float(variance) ** 0.5 if variance else None
        running = peak = worst = worst_peak = Fraction(0)
        for pnl in self.pnls():
            running += pnl
            peak = max(peak, running)
            if peak - running > worst:
                worst, worst_peak = peak - running, peak
        told = bool(self.pnls()) or self.is_idle()
        pct = Fraction(0) if not worst else worst / worst_peak * 100 if worst_peak else None
        return {
            "win_rate": Fraction(len(wins), len(pnls)) if pnls else None,
            "profit_factor": sum(wins) / sum(losses) if losses else None,
            "sharpe_ratio": sharpe,
            "max_drawdown": worst if told else None,
            "max_drawdown_pct": pct if told else None,
        }

    def symbol(self, symbol):
        pnls = self.pnls(symbol)
        wins, losses = [pnl for pnl in pnls if pnl > 0], [-pnl for pnl in pnls if pnl < 0]
        realized = sum(pnls, Fraction(0)) if pnls else None
        unrealized = self.last("pnl_update", "unrealized_pnl", symbol)
        funding = self.total("funding_payment", "amount", symbol)
        parts = [part for part in (realized, unrealized, funding) if part is not None]
        positions = [
            abs(meaning["quantity"] * meaning["price"])
            for _, meaning in self.of("position_update", symbol)
            if meaning["quantity"] is not None and meaning["price"] is not None
        ]
        return {
            "realized": realized,
            "unrealized": unrealized,
            "funding": funding or Fraction(0),
            "total": sum(parts, Fraction(0)) if parts else None,
            "trades": len(self.of("fill", symbol)) or len(self.of("trade", symbol)),
            "win_rate": Fraction(len(wins), len(wins) + len(losses)) if wins or losses else None,
            "profit_factor": sum(wins) / sum(losses) if losses else None,
            "exposure_usd": positions[-1] if positions else None,
        }

    def guards(self):
        names = [event.payload["guard"] or "unknown" for event, _ in self.of("guard_triggered")]
        return {name: names.count(name) for name in names}

    def breaker(self):
        kinds = ("circuit_breaker_triggered", "circuit_breaker_cleared")
        events = [event for event, _ in self.before_the_end if event.kind in kinds]
        return events[-1].kind == kinds[0] if events else None

    def liveness(self):
        ages = [END - event.at for event, _ in self.before_the_end if event.kind in {"heartbeat", "price_tick"}]
        return "UNKNOWN" if not ages else "GREEN" if min(ages) <= 300 else "RED"
