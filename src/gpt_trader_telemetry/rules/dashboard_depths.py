"""The rows of a bot's dashboard that are opened when something is wrong."""

from typing import Final

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.health.data_quality import MINIMUM_SCORE
from gpt_trader_telemetry.health.explain import RUNBOOKS
from gpt_trader_telemetry.rules.panels import Kind, Panel, Query, Row
from gpt_trader_telemetry.rules.promql_series import CHOSEN, bot, quantile
from gpt_trader_telemetry.rules.shown import AGE, HEARTBEAT_LIMITS, SIGNAL_STATES, grown, per_minute
from gpt_trader_telemetry.thresholds import (
    BROKER_LATENCY_P95_MS,
    GUARD_TRIP_COUNT,
    MARKET_DATA_STALENESS_SECONDS,
    MISSING_DECISION_IDS,
    ORDER_ERROR_RATE,
    ORDER_RETRY_RATE,
    SIGNALS,
    UNITS,
    WS_STALENESS_SECONDS,
    Thresholds,
)

__all__ = ["data_row", "health_row", "market_row", "process_row", "telemetry_row"]

_UNITS: Final = {"ratio": "percentunit", "ms": "ms", "s": "s", "count": "short"}
_TITLES: Final = {
    ORDER_ERROR_RATE: ("order error rate", "Rejected and failed orders as a share of all."),
    ORDER_RETRY_RATE: ("order retry rate", "Submit calls beyond an order's first, for each order."),
    BROKER_LATENCY_P95_MS: ("broker latency p95", "The slowest operation's time within which 95 % of its calls end."),
    WS_STALENESS_SECONDS: ("WebSocket staleness", "How old the last WebSocket message is."),
    GUARD_TRIP_COUNT: ("guard trips", "Trips of all guards."),
    MARKET_DATA_STALENESS_SECONDS: ("market data staleness", "How old the stalest market data is."),
    MISSING_DECISION_IDS: ("missing decision ids", "Orders sent without the decision id that they should have."),
}
_YES_NO: Final = {"0": ("no", "red"), "1": ("yes", "green")}
_STALE: Final = {"0": ("fresh", "green"), "1": ("stale", "red")}


def health_row(thresholds: Thresholds) -> Row:
    """Return what the bot thinks of itself."""
    return Row(
        title="Health and signals",
        collapsed=True,
        panels=(
            Panel(
                title="Signals",
                answers="Each execution signal as the bot judges it. UNKNOWN: too few samples, or nothing to judge.",
                kind=Kind.STATES, unit="short", width=24, height=9, states=SIGNAL_STATES,
                queries=[Query(bot(catalog.SIGNAL_STATUS), "{{signal}} {{instance}}")],
            ),
            *(_signal(name, thresholds, 6 if place < 4 else 8) for place, name in enumerate(SIGNALS)),  # noqa: PLR2004
            Panel(
                title="Health checks",
                answers="Which health checks pass. A critical one that fails makes the bot unhealthy and not ready.",
                kind=Kind.STATES, unit="short", width=12,
                queries=[Query(bot(catalog.HEALTH_CHECK_UP), "{{check}} {{instance}}")],
                states={"0": ("fail", "red"), "1": ("pass", "green")},
            ),
            Panel(
                title="Health check duration p95",
                answers="How long the checks themselves take.",
                unit="s", width=12, lowest=0,
                queries=[Query(quantile(0.95, catalog.HEALTH_CHECK_DURATION, "check"), "{{check}}")],
            ),
        ),
    )  # fmt: skip


def _signal(name: str, thresholds: Thresholds, width: int) -> Panel:
    title, answers = _TITLES[name]
    return Panel(
        title=f"Signal: {title}", answers=f"{answers} The signal {name}, over its window, against its limits.",
        unit=_UNITS[UNITS[name]], width=width, height=7, lowest=0, limits=thresholds.limits(name),
        runbook=RUNBOOKS[name].partition("#")[2],
        queries=[Query(bot(catalog.SIGNAL_VALUE, f'signal="{name}"'), "{{instance}}")],
    )  # fmt: skip


def market_row(thresholds: Thresholds) -> Row:
    """Return how fresh the market is that the bot sees."""
    ages = (
        ("message", catalog.WS_LAST_MESSAGE_AGE), ("heartbeat", catalog.WS_LAST_HEARTBEAT_AGE),
    )  # fmt: skip
    return Row(
        title="Market data and WebSocket",
        collapsed=True,
        panels=(
            Panel(
                title="Age of the last message",
                answers="How long the feed has been silent. Connected and silent: it died without saying so.",
                unit="s", width=12, lowest=0, limits=thresholds.limits(WS_STALENESS_SECONDS), runbook="websocket-stale",
                queries=[Query(bot(metric), f"{word} {{{{instance}}}}") for word, metric in ages],
            ),
            Panel(
                title="Connection",
                answers="Whether the WebSocket is connected.",
                kind=Kind.STATES, unit="short", width=6, states=_YES_NO,
                queries=[Query(bot(catalog.WS_CONNECTED), "connected {{instance}}")],
            ),
            Panel(
                title="Freshness",
                answers="Whether its last message and heartbeat are fresh.",
                kind=Kind.STATES, unit="short", width=6, states=_STALE,
                queries=[
                    Query(bot(catalog.WS_MESSAGE_STALE), "message {{instance}}"),
                    Query(bot(catalog.WS_HEARTBEAT_STALE), "heartbeat {{instance}}"),
                ],
            ),
            Panel(
                title="Heartbeat lag p95",
                answers="How late heartbeats arrive: distance to the exchange, or a bot too busy to listen.",
                unit="s", width=8, height=7, lowest=0,
                queries=[Query(quantile(0.95, catalog.WS_HEARTBEAT_LAG, "instance"), "{{instance}}")],
            ),
            Panel(
                title="Gaps and reconnects",
                answers="Sequence gaps and reconnects since the feed was first connected.",
                kind=Kind.STEPS, unit="short", width=8, height=7, lowest=0,
                queries=[
                    Query(bot(catalog.WS_GAP_COUNT), "gaps {{instance}}"),
                    Query(bot(catalog.WS_RECONNECT_COUNT), "reconnects {{instance}}"),
                ],
            ),
            Panel(
                title="Since the last close and error",
                answers="How long the WebSocket has been without either; a saw with short teeth is a loop.",
                unit="s", width=8, height=7, lowest=0, runbook="websocket-reconnect-loop",
                queries=[
                    Query(bot(catalog.WS_LAST_CLOSE_AGE), "close {{instance}}"),
                    Query(bot(catalog.WS_LAST_ERROR_AGE), "error {{instance}}"),
                ],
            ),
            Panel(
                title="Ticker freshness checks",
                answers="Checks whether tickers are fresh, stale symbols found, and checks that found no cache.",
                kind=Kind.BARS, unit="opm", width=24, height=6, runbook="market-data-stale",
                queries=[
                    Query(per_minute(bot(catalog.TICKER_FRESHNESS_CHECKS), "result"), "checks {{result}}"),
                    Query(per_minute(bot(catalog.TICKER_STALE_SYMBOLS)), "stale symbols"),
                    Query(per_minute(bot(catalog.TICKER_CACHE_UNAVAILABLE)), "no cache"),
                ],
            ),
        ),
    )  # fmt: skip


def data_row() -> Row:
    """Return how good the candles are."""
    return Row(
        title="Data quality",
        collapsed=True,
        panels=(
            Panel(
                title="Score",
                answers=f"Quality of the latest load of candles; below {MINIMUM_SCORE:g} do not trade on it.",
                unit="percentunit", width=8, lowest=0, highest=1, runbook="data-quality-low",
                queries=[
                    Query(bot(catalog.DATA_QUALITY_SCORE), "{{symbol}} {{interval}}"),
                    Query(f"vector({MINIMUM_SCORE:g})", "minimum"),
                ],
            ),
            Panel(
                title="Issues in the latest load",
                answers="What is not zero wants a look before a strategy depends on these candles.",
                kind=Kind.STEPS, unit="short", width=8, lowest=0, runbook="data-quality-low",
                queries=[Query(bot(catalog.DATA_QUALITY_ISSUES), "{{symbol}} {{interval}}")],
            ),
            Panel(
                title="What kind of issues",
                answers=(
                    "All issues since the bot started: gaps and stale candles point at the feed, spikes and volume at "
                    "the market or its source."
                ),
                kind=Kind.STEPS, unit="short", width=8, lowest=0,
                queries=[Query(
                    f"sum by (issue_type, severity) ({bot(catalog.DATA_QUALITY_ISSUES_TOTAL)}) > 0",
                    "{{issue_type}} {{severity}}",
                )],
            ),
        ),
    )  # fmt: skip


def process_row() -> Row:
    """Return where the time and the memory go."""
    phases = (("positions", catalog.POSITIONS_FETCH), ("equity", catalog.EQUITY_COMPUTATION))
    return Row(
        title="Cycle and stores",
        collapsed=True,
        panels=(
            Panel(
                title="Where a cycle's time goes",
                answers="95 % of each phase of a cycle end within this time.",
                unit="s", width=8, lowest=0,
                queries=[
                    Query(quantile(0.95, catalog.PROFILE_DURATION, "phase"), "{{phase}}"),
                    *(Query(quantile(0.95, metric), word) for word, metric in phases),
                ],
            ),
            Panel(
                title="Cycles",
                answers="Cycles in a minute, by whether they ended well. None: the bot is up, and does not trade.",
                kind=Kind.BARS, unit="opm", width=8, runbook="bot-not-trading",
                queries=[Query(per_minute(bot(catalog.CYCLE_DURATION, part="_count"), "result"), "{{result}}")],
            ),
            Panel(
                title="Stores",
                answers="Events in the event store's cache; on the right how full the bounded caches are.",
                unit="short", width=8, lowest=0,
                queries=[
                    Query(bot(catalog.EVENT_STORE_CACHE_SIZE), "events {{instance}}"),
                    Query(bot(catalog.DEQUE_CACHE_FILL), "caches {{instance}}", unit="percentunit"),
                ],
            ),
        ),
    )  # fmt: skip


def telemetry_row() -> Row:
    """Return whether what the other rows show can be trusted."""
    return Row(
        title="The telemetry itself",
        collapsed=True,
        panels=(
            Panel(
                title="Heartbeat age",
                answers="How long ago each bot, or the exporter's source, last told of itself.",
                unit="s", width=12, lowest=0, limits=HEARTBEAT_LIMITS, runbook="bot-not-reporting",
                queries=[Query(AGE, "{{instance}}")],
            ),
            Panel(
                title="Scrapes",
                answers="Whether Prometheus reaches the bot. Over OTLP there is none of this: see the heartbeat's age.",
                kind=Kind.STATES, unit="short", width=12, states={"0": ("down", "red"), "1": ("up", "green")},
                runbook="bot-down", queries=[Query(f"up{{{CHOSEN}}}", "{{instance}}")],
            ),
            Panel(
                title="Errors kept away from the bot",
                answers="Errors inside the telemetry, by component; each is in the bot's log once.",
                kind=Kind.BARS, unit="short", width=8, height=7, runbook="telemetry-errors",
                queries=[Query(grown(bot(catalog.TELEMETRY_ERRORS), "component"), "{{component}}")],
            ),
            Panel(
                title="Export failures",
                answers="Exports over OTLP that were not delivered; nothing is lost while the next ones are.",
                kind=Kind.BARS, unit="short", width=8, height=7, runbook="telemetry-export-failing",
                queries=[Query(grown(bot(catalog.TELEMETRY_EXPORT_FAILURES), "instance"), "{{instance}}")],
            ),
            Panel(
                title="Cost of a scrape",
                answers="How long a scrape takes, and on the right how many samples it brings.",
                unit="s", width=8, height=7, lowest=0,
                queries=[
                    Query(f"scrape_duration_seconds{{{CHOSEN}}}", "seconds {{instance}}"),
                    Query(f"scrape_samples_scraped{{{CHOSEN}}}", "samples {{instance}}", unit="short"),
                ],
            ),
        ),
    )  # fmt: skip
