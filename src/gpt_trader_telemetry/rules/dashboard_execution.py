"""Rows to open about execution: what becomes of orders, how the broker answers, which guards trip."""

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.rules.panels import Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql import minutes, span
from gpt_trader_telemetry.rules.promql_series import CHOSEN, bot, either, quantile
from gpt_trader_telemetry.rules.shown import error_ratio, grown, in_seconds, per_minute
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    ORDER_ERROR_RATE,
    Limits,
    Thresholds,
)

__all__ = ["broker_row", "guards_row", "orders_row"]


def orders_row(thresholds: Thresholds) -> Row:
    """Return what orders come to, and how long it takes."""
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


def broker_row(thresholds: Thresholds) -> Row:
    """Return how the broker answers: calls, and the HTTP attempts below them."""
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


def guards_row(thresholds: Thresholds) -> Row:
    """Return how often each guard runs and trips."""
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
