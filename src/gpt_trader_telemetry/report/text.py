"""The report for a terminal of 80 columns."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import Final

from gpt_trader_telemetry.report.figures import DailyReport, SymbolFigures
from gpt_trader_telemetry.report.spelling import (
    age,
    fallen,
    money,
    number,
    percent,
    ratio,
    share_of_one,
    span,
)

WIDTH: Final = 80
SYMBOLS_SHOWN: Final = 20
_HALF: Final = 38
_COLUMNS: Final = (
    ("Symbol", 12), ("Regime", 8), ("Total", 12), ("Realized", 11), ("Unreal.", 11), ("Exposure", 12), ("Trades", 6),
)  # fmt: skip
_MOST_VALUE: Final = 55

Rows = Sequence[tuple[str, str]]


def as_text(report: DailyReport) -> str:
    """Return the report as text; each line ends with a line break."""
    blocks = [
        _heading(report),
        _beside(_block("Account", _account(report)), _block("Profit and loss", _pnl(report))),
        _beside(_block("Trades", _trades(report)), _block("Performance", _performance(report))),
        _symbols(report.symbols),
        _beside(_block("Risk", _risk(report)), _block("Health", _health(report))),
        _block("Runtime", _runtime(report), WIDTH) if report.runtime else [],
        _notes(report.notes),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks if block) + "\n"


def _heading(report: DailyReport) -> list[str]:
    title, right = f"Daily report {report.date}", f"profile {report.profile}"
    room = WIDTH - len(title) - 2
    return ["=" * WIDTH, f"{title}  {_cut(right, room):>{room}}", span(report.window), "=" * WIDTH]


def _account(report: DailyReport) -> Rows:
    return (
        ("Equity", money(report.equity)),
        ("Change", money(report.equity_change, sign=True)),
        ("Change in percent", percent(report.equity_change_pct, sign=True)),
    )


def _pnl(report: DailyReport) -> Rows:
    pnl = report.pnl
    return (
        ("Realized", money(pnl.realized, sign=True)),
        ("Unrealized", money(pnl.unrealized, sign=True)),
        ("Total", money(pnl.total, sign=True)),
        ("Funding", money(pnl.funding, sign=True)),
        ("Fees paid", money(report.fees)),
    )


def _trades(report: DailyReport) -> Rows:
    trades = report.trades
    return (
        ("Total", number(trades.total)),
        ("Winning / losing", f"{number(trades.winning)} / {number(trades.losing)}"),
        ("Average win", money(trades.avg_win, sign=True)),
        ("Average loss", fallen(trades.avg_loss)),
        ("Largest win", money(trades.largest_win, sign=True)),
        ("Largest loss", fallen(trades.largest_loss)),
    )


def _performance(report: DailyReport) -> Rows:
    performance = report.performance
    return (
        ("Win rate", share_of_one(performance.win_rate)),
        ("Profit factor", ratio(performance.profit_factor)),
        ("Sharpe ratio, per trade", ratio(performance.sharpe_ratio)),
        ("Maximum drawdown", fallen(performance.max_drawdown)),
        ("  of the peak before", percent(performance.max_drawdown_pct)),
    )


def _risk(report: DailyReport) -> Rows:
    state = report.circuit_breaker_state
    word = "no event" if not state else "TRIGGERED" if state["triggered"] else "cleared"
    rows = [("Circuit breaker", word)]
    rows += [(f"  {name}", str(state[name])) for name in ("rule", "action") if state.get(name) is not None]
    rows.append(("Guard trips", number(sum(report.guard_triggers.values()))))
    most = sorted(report.guard_triggers.items(), key=lambda item: (-item[1], item[0]))
    rows += [(f"  {name}", number(count)) for name, count in most[:SYMBOLS_SHOWN]]
    return rows


def _health(report: DailyReport) -> Rows:
    health = report.health
    events = health.liveness["events"]
    return (
        ("Liveness", health.liveness["status"]),
        ("  last heartbeat", age(events["heartbeat"]["age_seconds"])),
        ("  last price", age(events["price_tick"]["age_seconds"])),
        ("Stale marks", number(health.stale_marks)),
        ("WebSocket reconnects", number(health.ws_reconnects)),
        ("Unfilled orders", number(health.unfilled_orders)),
        ("API errors", number(health.api_errors)),
    )


def _runtime(report: DailyReport) -> Rows:
    return [(str(name), _cut(str(value), _MOST_VALUE)) for name, value in report.runtime.items()]


def _symbols(symbols: Sequence[SymbolFigures]) -> list[str]:
    if not symbols:
        return []
    lines = [*_block("Symbols", (), WIDTH), _line([name for name, _ in _COLUMNS])]
    lines += [_line(_symbol(symbol)) for symbol in symbols[:SYMBOLS_SHOWN]]
    if len(symbols) > SYMBOLS_SHOWN:
        lines.append(f"  and {number(len(symbols) - SYMBOLS_SHOWN)} more, in the report's JSON")
    return lines


def _symbol(symbol: SymbolFigures) -> list[str]:
    wide = dict(_COLUMNS)
    return [
        symbol.symbol,
        symbol.regime or "-",
        money(symbol.pnl.total, sign=True, width=wide["Total"]),
        money(symbol.pnl.realized, sign=True, width=wide["Realized"]),
        money(symbol.pnl.unrealized, sign=True, width=wide["Unreal."]),
        money(symbol.exposure_usd, width=wide["Exposure"]),
        number(symbol.trades),
    ]


def _line(cells: Iterable[str]) -> str:
    padded = [
        _cut(cell, width).ljust(width) if place < 2 else _cut(cell, width).rjust(width)  # noqa: PLR2004 - names, then figures
        for place, (cell, (_, width)) in enumerate(zip(cells, _COLUMNS, strict=True))
    ]
    return "  " + " ".join(padded)


def _notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    lines = _block("Notes", (), WIDTH)
    for note in notes:
        lines += wrap(note, WIDTH, initial_indent="  * ", subsequent_indent="    ")
    return lines


def _block(title: str, rows: Rows, width: int = _HALF) -> list[str]:
    lines = [title, "-" * width]
    for name, value in rows:
        shown = _cut(value, width - 12)
        room = width - len(shown) - 3
        lines.append(f"  {_cut(name, room):<{room}} {shown}")
    return lines


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    gap = WIDTH - 2 * _HALF
    return [f"{one:<{_HALF + gap}}{other}" for one, other in zip_longest(left, right, fillvalue="")]


def _cut(text: str, width: int) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text if len(text) <= width else text[: max(0, width - 2)] + ".."
