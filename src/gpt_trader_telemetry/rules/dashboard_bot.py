"""The dashboard of one bot: what is seen at once, its account, its trading; then rows to open."""

from collections.abc import Sequence
from typing import Final

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.rules.dashboard_depths import (
    data_row,
    health_row,
    market_row,
    process_row,
    telemetry_row,
)
from gpt_trader_telemetry.rules.dashboard_execution import broker_row, guards_row, orders_row
from gpt_trader_telemetry.rules.dashboard_exporter import machine_row, reading_row
from gpt_trader_telemetry.rules.panels import Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql import minutes, span
from gpt_trader_telemetry.rules.promql_series import bot, either, prefixed, quantile
from gpt_trader_telemetry.rules.shown import (
    AGE,
    BREAKER,
    ERROR_RATIO,
    HEARTBEAT_LIMITS,
    SIGNAL_STATES,
    WORST_SIGNAL,
    counted_once,
    grown,
    in_seconds,
)
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    ORDER_ERROR_RATE,
    Thresholds,
)

__all__ = ["bot_rows"]

_EQUITY: Final = f"{either(catalog.EQUITY)} or {prefixed('equity')}"


def bot_rows(thresholds: Thresholds) -> Sequence[Row]:
    """Return all rows, the most urgent first."""
    return (
        _top(thresholds),
        _account(),
        _trading(thresholds),
        orders_row(thresholds),
        broker_row(thresholds),
        guards_row(thresholds),
        health_row(thresholds),
        market_row(thresholds),
        data_row(),
        process_row(),
        machine_row(),
        reading_row(),
        telemetry_row(),
    )


def _top(thresholds: Thresholds) -> Row:
    window = span(thresholds.window_seconds)
    lately = f"over the last {minutes(thresholds.window_seconds)}"

    def number(title: str, answers: str, unit: str, expression: str, **more: object) -> Panel:
        return Panel(
            title=title, answers=answers, unit=unit, kind=Kind.NUMBER, width=3, height=4,
            queries=[Query(expression)], **more,  # type: ignore[arg-type]
        )  # fmt: skip

    return Row(
        panels=(
            number(
                "Last heard of",
                "How long ago the bot that was silent longest last told of itself. Red: it is down, or cut off, or it "
                "ships over OTLP and was started anew: the Collector hands on the ended instance for ten minutes.",
                "s", f"max({AGE})", limits=HEARTBEAT_LIMITS, runbook="bot-not-reporting",
            ),
            number(
                "Worst signal", "The worst execution signal of the bots chosen.", "short",
                f"max({counted_once(WORST_SIGNAL)})",
                states=SIGNAL_STATES,
            ),
            number(
                "Equity", "What the accounts chosen are worth together.", "currencyUSD",
                f"sum({counted_once(_EQUITY)})",
            ),
            number(
                "Profit and loss", "Realized, unrealized and funding together.", "currencyUSD",
                f"sum({counted_once(either(catalog.TOTAL_PNL))})",
            ),
            number(
                "Gross exposure", "What is held in all symbols together, long and short alike.", "currencyUSD",
                f"sum(abs({counted_once(either(catalog.SYMBOL_EXPOSURE))}))",
            ),
            number(
                "Open orders", "Orders that wait at the broker.", "short",
                f"sum({counted_once(either(catalog.OPEN_ORDERS))})",
            ),
            number(
                "Order errors", f"Rejected and failed orders as a share of all, {lately}.", "percentunit",
                ERROR_RATIO.replace("$__rate_interval", window), limits=thresholds.limits(ORDER_ERROR_RATE),
                runbook="order-error-rate-high",
            ),
            number(
                "Submit p95", f"Within this time 95 % of the broker's answers to an order came, {lately}.", "s",
                quantile(0.95, catalog.BROKER_CALL_LATENCY, matchers=('operation="submit"',)).replace(
                    "$__rate_interval", window
                ),
                limits=in_seconds(thresholds.limits(BROKER_LATENCY_P95_MS)), runbook="broker-latency-p95-high",
            ),
        )
    )  # fmt: skip


def _account() -> Row:
    return Row(
        title="Account",
        panels=(
            Panel(
                title="Account equity",
                answers="What the account is worth. A step without a trade is a deposit, a withdrawal or a fee.",
                unit="currencyUSD", width=12,
                queries=[Query(_EQUITY, "{{instance}}")],
            ),
            Panel(
                title="PnL breakdown",
                answers="Where profit and loss come from: closed trades, open positions, funding.",
                unit="currencyUSD", width=12,
                queries=[
                    Query(either(metric), f"{word} {{{{instance}}}}")
                    for word, metric in (
                        ("realized", catalog.REALIZED_PNL), ("unrealized", catalog.UNREALIZED_PNL),
                        ("funding", catalog.FUNDING_PNL), ("total", catalog.TOTAL_PNL),
                    )
                ],
            ),
            Panel(
                title="Exposure by symbol",
                answers="What is held in each symbol, one above the other.",
                kind=Kind.STACKED, unit="currencyUSD", width=12,
                queries=[Query(f"sum by (symbol) ({counted_once(either(catalog.SYMBOL_EXPOSURE))})", "{{symbol}}")],
            ),
            Panel(
                title="PnL by symbol",
                answers="Which symbols earn and which lose.",
                unit="currencyUSD", width=12,
                queries=[Query(f"sum by (symbol) ({counted_once(either(catalog.SYMBOL_PNL))})", "{{symbol}}")],
            ),
        ),
    )  # fmt: skip


def _trading(thresholds: Thresholds) -> Row:
    latency = in_seconds(thresholds.limits(BROKER_LATENCY_P95_MS))
    cycles = quantile(0.95, catalog.CYCLE_DURATION, "instance")

    def counted(title: str, answers: str, metric: catalog.Metric, runbook: str) -> Panel:
        expression = grown(either(metric), "instance")
        return Panel(
            title=title, answers=answers, kind=Kind.BARS, unit="short", width=8, height=7, lowest=0,
            queries=[Query(expression, "{{instance}}")], runbook=runbook,
        )  # fmt: skip

    return Row(
        title="Trading",
        panels=(
            Panel(
                title="Cycle latency",
                answers=(
                    "How long trading cycles take: 95 % of them within this time, or the latest one where the exporter "
                    "tells it. The limits are those of a broker call: a longer cycle acts on old prices."
                ),
                unit="s", width=12, lowest=0, limits=latency, runbook="broker-latency-p95-high",
                queries=[Query(f"{cycles} or {prefixed('cycle_latency_ms')} / 1000", "{{instance}}")],
            ),
            Panel(
                title="Circuit breaker",
                answers="Closed: orders go out. Half open: one is tried. Open: the breaker stops them.",
                kind=Kind.STATES, unit="short", width=12, queries=[Query(BREAKER, "{{instance}} {{category}}")],
                states={"0": ("closed", "green"), "1": ("half open", "yellow"), "2": ("open", "red")},
            ),
            counted(
                "WebSocket reconnects",
                "How often the feed had to be connected anew. Again and again: a network or subscription that fails.",
                catalog.WEBSOCKET_RECONNECTS, "websocket-reconnect-loop",
            ),
            counted(
                "Stale marks", "How often a mark was too old when it was needed.", catalog.STALE_MARKS, "stale-marks"
            ),
            Panel(
                title="System resources",
                answers=(
                    "The bot's processor time (percent of one core) and memory; from the exporter, its machine's, both "
                    "in percent."
                ),
                unit="percent", width=8, height=7, lowest=0,
                queries=[
                    Query(bot(catalog.PROCESS_CPU), "CPU {{instance}}"),
                    Query(f"{bot(catalog.PROCESS_MEMORY)} * 1e6", "memory {{instance}}", unit="decbytes"),
                    Query(prefixed("cpu_percent"), "machine's CPU {{instance}}"),
                    Query(prefixed("memory_percent"), "machine's memory {{instance}}"),
                ],
            ),
        ),
    )  # fmt: skip
