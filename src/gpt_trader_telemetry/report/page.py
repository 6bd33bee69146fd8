"""The report as one page: a file of its own that fetches nothing, runs nothing, and may be sent by mail.

Everything that comes from a file is escaped. The page's own policy allows its one style sheet, by its digest, and
nothing else; so a name that found a way into the markup still could not do anything.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from gpt_trader_telemetry.report.chart import bar, chart
from gpt_trader_telemetry.report.figures import DailyReport, SymbolFigures
from gpt_trader_telemetry.report.spelling import (
    UNKNOWN,
    age,
    fallen,
    money,
    number,
    percent,
    ratio,
    share_of_one,
    span,
)

SYMBOLS_SHOWN = 100

Row = tuple[str, str, str]
"""A name, a value and the class that the value is coloured by."""


def as_page(report: DailyReport) -> str:
    """Return the report as a whole HTML document."""
    style = files("gpt_trader_telemetry.report").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "".join(
        [
            _header(report),
            _tiles(report),
            _notes(report.notes),
            _equity(report),
            _pair(_pnl_curve(report), _drawdown(report)),
            _symbols(report.symbols),
            _pair(_card("Profit and loss", _list(_pnl_rows(report))), _card("Trades", _list(_trade_rows(report)))),
            _pair(_card("Risk", _list(_risk_rows(report))), _card("Health", _list(_health_rows(report)))),
            _runtime(report),
            f"<footer>Generated {escape(report.generated_at)}</footer>",
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Daily report {escape(report.date)}, {escape(report.profile)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _header(report: DailyReport) -> str:
    return (
        f"<header><h1>Daily report {escape(report.date)}</h1>"
        f"<p>Profile {escape(report.profile)} &middot; {escape(span(report.window))}</p></header>"
    )


def _tiles(report: DailyReport) -> str:
    trades, performance = report.trades, report.performance
    won = f"{number(trades.winning)} won, {number(trades.losing)} lost" if trades.winning is not None else "results n/a"
    status = report.health.liveness["status"]
    heartbeat = report.health.liveness["events"]["heartbeat"]["age_seconds"]
    tiles = (
        ("Equity", money(report.equity), "", _change(report), _tone(report.equity_change)),
        ("Total PnL", money(report.pnl.total, sign=True), _tone(report.pnl.total), "realized and unrealized", ""),
        ("Trades", number(trades.total), "", won, ""),
        (
            "Max drawdown", fallen(performance.max_drawdown), _tone(-(performance.max_drawdown or 0.0)),
            _of_peak(performance.max_drawdown, performance.max_drawdown_pct), "",
        ),
        (
            "Liveness", status, {"GREEN": "gain", "RED": "loss"}.get(status, "none"),
            f"last heartbeat {age(heartbeat)} before the end" if heartbeat is not None else "no heartbeat", "",
        ),
    )  # fmt: skip
    return '<section class="tiles">' + "".join(_tile(*tile) for tile in tiles) + "</section>"


def _tile(name: str, value: str, tone: str, more: str, more_tone: str) -> str:
    return (
        f'<div class="card tile"><div class="name">{escape(name)}</div>'
        f'<div class="value {tone}">{escape(value)}</div><div class="more {more_tone}">{escape(more)}</div></div>'
    )


def _of_peak(fall: float | None, pct: float | None) -> str:
    if pct is not None:
        return f"{percent(pct)} of the peak before"
    return "of the running sum" if fall is None else "no gain before it"


def _change(report: DailyReport) -> str:
    if report.equity_change is None:
        return "change n/a"
    pct = report.equity_change_pct
    return money(report.equity_change, sign=True) + ("" if pct is None else f" ({percent(pct, sign=True)})")


def _tone(value: float | None) -> str:
    return "none" if value is None else "gain" if value > 0 else "loss" if value < 0 else ""


def _equity(report: DailyReport) -> str:
    points = report.curves.equity
    if not points:
        return _card("Equity", '<p class="empty">No cycle metrics in this window carry an equity.</p>')
    values = [value for _, value in points]
    course = f"from {money(values[0])} to {money(values[-1])}"
    hint = f"{course}, lowest {money(min(values))}, highest {money(max(values))}"
    return _card("Equity", chart(points, report.window, kind="equity", summary=f"Equity {hint}."), hint=hint)


def _pnl_curve(report: DailyReport) -> str:
    points = report.curves.pnl
    if not points:
        return _card("Realized by trades", '<p class="empty">No fill in this window tells its profit or loss.</p>')
    whole = [(report.window.start, 0.0), *points, (report.window.end, points[-1][1])]
    summary = f"The running sum of the trades' profit and loss ends at {money(points[-1][1], sign=True)}."
    drawn = chart(whole, report.window, kind="pnl", summary=summary, steps=True, zero=True)
    return _card("Realized by trades", drawn, hint="running sum")


def _drawdown(report: DailyReport) -> str:
    if report.curves.drawdown:
        points = report.curves.drawdown
        whole = [(report.window.start, 0.0), *points, (report.window.end, points[-1][1])]
        hint, steps = "below the best running sum so far", True
    else:
        whole, hint, steps = _below_peak(report.curves.equity), "equity below its highest so far", False
    if not whole:
        return _card("Drawdown", '<p class="empty">Neither trades nor equity to draw it from.</p>')
    summary = f"Drawdown: {hint}; at worst {money(min(value for _, value in whole))}."
    drawn = chart(whole, report.window, kind="fall", summary=summary, steps=steps, zero=True)
    return _card("Drawdown", drawn, hint=hint)


def _below_peak(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    peak, below = float("-inf"), []
    for at, value in points:
        peak = max(peak, value)
        below.append((at, value - peak))
    return below


def _symbols(symbols: Sequence[SymbolFigures]) -> str:
    if not symbols:
        return ""
    shown = symbols[:SYMBOLS_SHOWN]
    totals = [symbol.pnl.total for symbol in shown if symbol.pnl.total is not None]
    least, most = min([0.0, *totals]), max([0.0, *totals])
    columns = (
        "Symbol",
        "Total PnL",
        "",
        "Realized",
        "Unrealized",
        "Funding",
        "Exposure",
        "Trades",
        "Win rate",
        "Regime",
    )
    head = "".join(f"<th{' class=' + chr(34) + 'wide' + chr(34) if not name else ''}>{name}</th>" for name in columns)
    rows = "".join(_symbol(symbol, least, most) for symbol in shown)
    more = len(symbols) - len(shown)
    rest = f'<p class="hint">and {number(more)} more, in the report&#39;s JSON</p>' if more else ""
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{rest}'
    return _card("PnL by symbol", table)


def _symbol(symbol: SymbolFigures, least: float, most: float) -> str:
    pnl = symbol.pnl
    drawn = "" if pnl.total is None else bar(pnl.total, least, most)
    figures = (money(pnl.realized, sign=True), money(pnl.unrealized, sign=True), money(pnl.funding, sign=True))
    rest = (*figures, money(symbol.exposure_usd), number(symbol.trades), share_of_one(symbol.win_rate))
    cells = "".join(f'<td class="{"none" if cell == UNKNOWN else ""}">{escape(cell)}</td>' for cell in rest)
    return (
        f"<tr><td>{escape(symbol.symbol)}</td>"
        f'<td class="{_tone(pnl.total)}">{escape(money(pnl.total, sign=True))}</td>'
        f'<td class="wide">{drawn}</td>{cells}'
        f"<td>{escape(symbol.regime or '')}</td></tr>"
    )


def _pnl_rows(report: DailyReport) -> list[Row]:
    pnl = report.pnl
    amounts = (
        ("Realized", pnl.realized), ("Unrealized", pnl.unrealized), ("Total", pnl.total), ("Funding", pnl.funding),
    )  # fmt: skip
    rows = [(name, money(value, sign=True), _tone(value)) for name, value in amounts]
    performance = report.performance
    return [
        *rows,
        ("Fees paid", money(report.fees), _known(report.fees)),
        ("Win rate", share_of_one(performance.win_rate), _known(performance.win_rate)),
        ("Profit factor", ratio(performance.profit_factor), _known(performance.profit_factor)),
        ("Sharpe ratio, per trade", ratio(performance.sharpe_ratio), _known(performance.sharpe_ratio)),
    ]


def _trade_rows(report: DailyReport) -> list[Row]:
    trades = report.trades
    return [
        ("Total", number(trades.total), ""),
        ("Winning", number(trades.winning), _known(trades.winning)),
        ("Losing", number(trades.losing), _known(trades.losing)),
        ("Average win", money(trades.avg_win, sign=True), _known(trades.avg_win)),
        ("Average loss", fallen(trades.avg_loss), _known(trades.avg_loss)),
        ("Largest win", money(trades.largest_win, sign=True), _known(trades.largest_win)),
        ("Largest loss", fallen(trades.largest_loss), _known(trades.largest_loss)),
    ]


def _risk_rows(report: DailyReport) -> list[Row]:
    state = report.circuit_breaker_state
    if not state:
        rows: list[Row] = [("Circuit breaker", "no event", "")]
    else:
        tripped = bool(state["triggered"])
        rows = [("Circuit breaker", "TRIGGERED" if tripped else "cleared", "loss" if tripped else "gain")]
        told = (state.get("rule"), state.get("action"), str(state["timestamp"])[:16].replace("T", " ") + " UTC")
        rows += [
            (f"  {name}", str(value), "") for name, value in zip(("rule", "action", "at"), told, strict=True) if value
        ]
    most = sorted(report.guard_triggers.items(), key=lambda item: (-item[1], item[0]))
    rows.append(("Guard trips", number(sum(report.guard_triggers.values())), "warn" if most else ""))
    return rows + [(name, number(count), "") for name, count in most[:SYMBOLS_SHOWN]]


def _health_rows(report: DailyReport) -> list[Row]:
    health = report.health
    events = health.liveness["events"]
    counts = (
        ("Stale marks", health.stale_marks), ("WebSocket reconnects", health.ws_reconnects),
        ("Unfilled orders", health.unfilled_orders), ("API errors", health.api_errors),
    )  # fmt: skip
    return [
        ("Last heartbeat, before the end", age(events["heartbeat"]["age_seconds"]), ""),
        ("Last price, before the end", age(events["price_tick"]["age_seconds"]), ""),
        *((name, number(count), "none" if count is None else "warn" if count else "") for name, count in counts),
    ]


def _runtime(report: DailyReport) -> str:
    rows = [(str(name), str(value), "") for name, value in report.runtime.items() if value is not None]
    return _card("Runtime", _list(rows, tiled=True)) if rows else ""


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="card notes"><h2>What is not known, and other notes</h2><ul>{items}</ul></section>'


def _known(value: float | None) -> str:
    return "none" if value is None else ""


def _list(rows: Iterable[Row], *, tiled: bool = False) -> str:
    items = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="{tone}">{escape(value)}</dd></div>' for name, value, tone in rows
    )
    return f"<dl{' class=' + chr(34) + 'tiled' + chr(34) if tiled else ''}>{items}</dl>"


def _card(title: str, content: str, *, hint: str = "") -> str:
    more = f' <span class="hint">&middot; {escape(hint)}</span>' if hint else ""
    return f'<section class="card"><h2>{escape(title)}{more}</h2>{content}</section>'


def _pair(left: str, right: str) -> str:
    return f'<div class="pair">{left}{right}</div>'
