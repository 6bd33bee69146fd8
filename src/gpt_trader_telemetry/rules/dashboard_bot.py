"""The dashboard of one bot: its account, its trading, its orders, its broker, its guards."""

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
from gpt_trader_telemetry.rules.dashboard_exporter import machine_row, reading_row
from gpt_trader_telemetry.rules.panels import Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql import minutes, span
from gpt_trader_telemetry.rules.promql_series import CHOSEN, bot, either, prefixed, quantile
from gpt_trader_telemetry.rules.shown import (
    AGE,
    BREAKER,
    ERROR_RATIO,
    HEARTBEAT_LIMITS,
    SIGNAL_STATES,
    WORST_SIGNAL,
    counted_once,
    error_ratio,
    grown,
    in_seconds,
    per_minute,
)
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    ORDER_ERROR_RATE,
    Limits,
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
        _orders(thresholds),
        _broker(thresholds),
        _guards(thresholds),
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


def _orders(thresholds: Thresholds) -> Row:
    orders = catalog.ORDER_SUBMISSION
    bad = bot(orders, 'result!="success"')
    return Row(
        title="Orders",
        collapsed=True,
        panels=(
            Panel(
                title="Orders by result",
                answers="How many orders go out in a minute, and what becomes of them.",
                kind=Kind.BARS, unit="opm", width=12, queries=[Query(per_minute(bot(orders), "result"), "{{result}}")],
            ),
            Panel(
                title="Order error ratio",
                answers="Rejected and failed orders as a share of all, however few there are.",
                unit="percentunit", width=12, lowest=0, limits=thresholds.limits(ORDER_ERROR_RATE),
                runbook="order-error-rate-high",
                queries=[Query(error_ratio(CHOSEN, "instance"), "{{instance}}")],
            ),
            Panel(
                title="Why orders did not succeed",
                answers="Rejected: the broker said no to the order. Failed: no answer, or one about something else.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[Query(f"{per_minute(bad, 'result', 'reason')} > 0", "{{result}}: {{reason}}")],
            ),
            Panel(
                title="Order submission latency",
                answers="How long sending an order takes, retries included: half, 95 % and 99 % within this time.",
                unit="s", width=12, lowest=0,
                queries=[
                    Query(quantile(part, catalog.ORDER_SUBMISSION_LATENCY), f"p{100 * part:.0f}")
                    for part in (0.5, 0.95, 0.99)
                ],
            ),
            Panel(
                title="Trades",
                answers="Trades that were executed, and those refused on our side before the broker was asked.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[
                    Query(per_minute(either(catalog.TRADES_EXECUTED)), "executed"),
                    Query(per_minute(either(catalog.TRADES_BLOCKED)), "blocked"),
                ],
            ),
            Panel(
                title="Orders that need a look",
                answers="Unfilled for too long, previews refused, and orders sent without their decision id.",
                kind=Kind.BARS, unit="short", width=12, runbook="missing-decision-ids",
                queries=[
                    Query(grown(either(catalog.UNFILLED_ORDERS)), "unfilled"),
                    Query(grown(either(catalog.ORDER_PREVIEW_FAILURES)), "preview refused"),
                    Query(grown(bot(catalog.ORDER_MISSING_DECISION_ID)), "no decision id"),
                ],
            ),
            Panel(
                title="Validation",
                answers="Checks before an order that could not be carried out, and failures that were escalated.",
                kind=Kind.BARS, unit="short", width=24, height=6,
                queries=[
                    Query(grown(bot(metric)), word)
                    for word, metric in (
                        ("escalated", catalog.VALIDATION_ESCALATIONS),
                        ("mark staleness", catalog.VALIDATION_MARK_STALENESS_CHECK_FAILED),
                        ("order preview", catalog.VALIDATION_ORDER_PREVIEW_FAILED),
                        ("slippage guard", catalog.VALIDATION_SLIPPAGE_GUARD_CHECK_FAILED),
                    )
                ],
            ),
        ),
    )  # fmt: skip


def _broker(thresholds: Thresholds) -> Row:
    calls = catalog.BROKER_CALL_LATENCY
    failed = bot(calls, 'outcome="failure"', part="_count")
    limits = in_seconds(thresholds.limits(BROKER_LATENCY_P95_MS))

    def latency(part: float, limits: Limits | None = None) -> Panel:
        return Panel(
            title=f"Broker latency p{100 * part:.0f}",
            answers=f"Within this time {100 * part:.0f} % of the calls of each operation end, failed ones included.",
            unit="s", width=8, lowest=0, limits=limits, runbook="broker-latency-p95-high",
            queries=[Query(quantile(part, calls, "operation"), "{{operation}}")],
        )  # fmt: skip

    return Row(
        title="Broker",
        collapsed=True,
        panels=(
            latency(0.5),
            latency(0.95, limits),
            latency(0.99),
            Panel(
                title="Broker calls",
                answers="How many calls of each operation there are in a minute, and how they end.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[Query(
                    per_minute(bot(calls, part="_count"), "operation", "outcome"), "{{operation}} {{outcome}}"
                )],
            ),
            Panel(
                title="Why broker calls failed",
                answers="By operation. timeout and network: the connection. rate_limit: too many calls.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[Query(f"{per_minute(failed, 'operation', 'reason')} > 0", "{{operation}}: {{reason}}")],
            ),
            Panel(
                title="HTTP attempts",
                answers="Each attempt below the broker calls, and the attempts after the first.",
                kind=Kind.BARS, unit="opm", width=8,
                queries=[
                    Query(per_minute(bot(catalog.API_REQUESTS), "category", "result"), "{{category}} {{result}}"),
                    Query(per_minute(bot(catalog.API_RETRIES), "reason"), "again: {{reason}}"),
                ],
            ),
            Panel(
                title="HTTP latency p95",
                answers="Within this time 95 % of the attempts end, by what was asked.",
                unit="s", width=8, lowest=0,
                queries=[Query(quantile(0.95, catalog.API_LATENCY, "category"), "{{category}}")],
            ),
            Panel(
                title="Rate limit and errors",
                answers="How much of the broker's rate limit is in use, and how many of the attempts fail.",
                unit="percentunit", width=8, lowest=0, highest=1,
                queries=[
                    Query(bot(catalog.RATE_LIMIT_USAGE), "rate limit {{instance}}"),
                    Query(bot(catalog.API_ERROR_RATE), "errors {{instance}}"),
                ],
            ),
        ),
    )  # fmt: skip


def _guards(thresholds: Thresholds) -> Row:
    trips, window = bot(catalog.GUARD_TRIPS), span(thresholds.window_seconds)
    return Row(
        title="Guards",
        collapsed=True,
        panels=(
            Panel(
                title=f"Guard trips in the last {minutes(thresholds.window_seconds)}",
                answers="How often each risk guard stopped the bot, against the limits of guard_trip_count.",
                kind=Kind.STEPS, unit="short", width=12, lowest=0, limits=thresholds.limits(GUARD_TRIP_COUNT),
                runbook="guard-trip-spike",
                queries=[
                    Query(grown(trips, "guard", span=window), "{{guard}}"),
                    Query(grown(trips, span=window), "all"),
                ],
            ),
            Panel(
                title="Guard checks",
                answers="How often the guards run. One that stops running guards nothing.",
                kind=Kind.BARS, unit="opm", width=12,
                queries=[
                    Query(per_minute(bot(catalog.GUARD_CHECKS), "guard", "result"), "{{guard}} {{result}}")
                ],
            ),
            Panel(
                title="What kind of trips",
                answers="A limit that was reached, data that cannot be trusted, and whether trading may go on.",
                kind=Kind.BARS, unit="short", width=24, height=6, runbook="guard-trip-spike",
                queries=[Query(
                    f"{grown(trips, 'category', 'recoverable')} > 0",
                    "{{category}}, recoverable {{recoverable}}",
                )],
            ),
        ),
    )  # fmt: skip
