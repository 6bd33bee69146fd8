"""The built-in checks, against objects shaped as a bot's are."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from health_bench import Bench, Hanging

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.health import (
    CheckReport,
    Health,
    HealthCheckResult,
    Severity,
    Status,
    check_broker_ping,
    check_broker_ping_async,
    check_data_quality,
    check_degradation_state,
    check_market_data_feed,
    check_ticker_freshness,
    check_ws_freshness,
)
from gpt_trader_telemetry.health.timestamps import age_of, unix_time
from support.scraping import scrape

NOW = 1770336000.0


def now() -> float:
    return NOW


def ticking(*seconds: float) -> Any:
    """A clock that says these, one after another."""
    return iter(seconds).__next__


def check(result: HealthCheckResult, ok: bool, severity: str | None, **details: object) -> None:
    """See that a result is this one, wholly, and that it can be served."""
    assert (result.ok, dict(result.details), result.severity) == (ok, details, severity)
    json.dumps(CheckReport("x", Status.PASS, Severity.WARNING, result.details).as_json())


class Private:
    """Attributes of its own that nobody may look at."""

    def __getattr__(self, name: str) -> object:
        assert not name.startswith("_") or name.startswith("__"), f"the private attribute {name} was probed"
        raise AttributeError(name)


# The broker


class Broker(Private):
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.called: list[str] = []

    def get_time(self) -> object:
        self.called.append("get_time")
        if self.error is not None:
            raise self.error
        return {"epoch": NOW}

    def list_balances(self) -> list[object]:
        self.called.append("list_balances")
        return []


class BalancesOnly(Private):
    def list_balances(self) -> list[object]:
        return []


def test_a_broker_that_answers_passes_with_its_latency() -> None:
    """By its cheapest call, made once."""
    broker = Broker()
    check(check_broker_ping(broker, clock=ticking(1.0, 1.25)), True, "critical", method="get_time", latency_ms=250.0)
    assert broker.called == ["get_time"]


def test_a_broker_without_a_clock_is_asked_for_balances() -> None:
    """The second cheapest."""
    check(
        check_broker_ping(BalancesOnly(), clock=ticking(0, 0)), True, "critical", method="list_balances", latency_ms=0.0
    )


def test_a_slow_broker_passes_with_a_warning() -> None:
    """Above two seconds, not at two."""
    slow = check_broker_ping(Broker(), clock=ticking(0, 2.001))
    assert slow.ok
    assert "2 s" in slow.details["warning"]
    assert "warning" not in check_broker_ping(Broker(), clock=ticking(0, 2.0)).details


def test_a_broker_that_fails_is_critical_and_says_how() -> None:
    """With the time that it took, and without the secrets of the request."""
    error = ConnectionError("GET https://bob:pw@broker refused")
    check(
        check_broker_ping(Broker(error), clock=ticking(0, 3)), False, "critical",
        method="get_time", latency_ms=3000.0, error="GET https://[redacted]@broker refused",
        error_type="ConnectionError",
    )  # fmt: skip


def test_something_that_is_no_broker_fails() -> None:
    """Nothing to call is no answer."""
    result = check_broker_ping(object(), clock=ticking(0, 0))
    assert not result.ok
    assert "neither get_time() nor list_balances()" in result.details["error"]


class AsyncBroker:
    async def get_time(self) -> float:
        await asyncio.sleep(0)
        return NOW


def test_an_asynchronous_broker_has_a_check_of_its_own() -> None:
    """The other one says so, and leaves no coroutine behind that was never awaited."""
    result = check_broker_ping(AsyncBroker())
    assert not result.ok
    assert "use check_broker_ping_async" in result.details["error"]
    assert asyncio.run(check_broker_ping_async(AsyncBroker())).ok
    assert asyncio.run(check_broker_ping_async(Broker())).ok
    assert not asyncio.run(check_broker_ping_async(Broker(ValueError("no")))).ok


def test_an_asynchronous_broker_is_pinged_by_the_runner() -> None:
    """By a lambda, as one would write it."""
    health = Health(autostart=False)
    health.register("broker", lambda: check_broker_ping_async(AsyncBroker()), severity="critical")
    assert health.run_once()["broker"].ok
    health.stop()


# The WebSocket


class Feed(Private):
    def __init__(self, health: object) -> None:
        self.health = health

    def get_ws_health(self) -> Any:
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


WELL = {
    "connected": True, "last_message_ts": NOW - 5, "last_heartbeat_ts": NOW - 10, "gap_count": 2, "reconnect_count": 1,
    "max_attempts_triggered": False,
}  # fmt: skip


def shown(**changes: object) -> dict[str, object]:
    return {
        "connected": True, "last_message_age_seconds": 5.0, "last_heartbeat_age_seconds": 10.0, "gap_count": 2,
        "reconnect_count": 1, "max_attempts_triggered": False, "stale": False, "stale_reason": None,
    } | changes  # fmt: skip


WS = [
    ({}, True, "warning", {}),
    ({"last_message_ts": NOW - 30}, True, "warning", {"last_message_age_seconds": 30.0}),
    (
        {"last_message_ts": NOW - 30.1}, False, "warning",
        {"last_message_age_seconds": 30.1, "stale": True, "stale_reason": "message"},
    ),
    (
        {"last_heartbeat_ts": NOW - 41}, False, "warning",
        {"last_heartbeat_age_seconds": 41.0, "stale": True, "stale_reason": "heartbeat"},
    ),
    (
        {"last_message_ts": NOW - 99, "last_heartbeat_ts": NOW - 99}, False, "warning",
        {
            "last_message_age_seconds": 99.0, "last_heartbeat_age_seconds": 99.0, "stale": True,
            "stale_reason": "message",
        },
    ),
    ({"last_heartbeat_ts": None}, True, "warning", {"last_heartbeat_age_seconds": None}),
    ({"last_message_ts": 0}, True, "warning", {"last_message_age_seconds": None}),
    (
        {"last_message_ts": 0, "last_heartbeat_ts": None}, False, "warning",
        {
            "last_message_age_seconds": None, "last_heartbeat_age_seconds": None, "stale": True,
            "stale_reason": "nothing_received",
        },
    ),
    ({"connected": False}, False, "warning", {"connected": False}),
    ({"connected": False, "last_message_ts": NOW - 999}, False, "warning",
     {"connected": False, "last_message_age_seconds": 999.0}),
    ({"connected": False, "max_attempts_triggered": True}, False, "critical",
     {"connected": False, "max_attempts_triggered": True}),
    ({"max_attempts_triggered": True}, False, "critical", {"max_attempts_triggered": True}),
    ({"last_message_ts": NOW + 5}, True, "warning", {"last_message_age_seconds": 0.0}),
    ({"last_message_ts": NOW + 3600}, False, "warning",
     {"last_message_age_seconds": -3600.0, "stale": True, "stale_reason": "message"}),
    ({"last_message_ts": (NOW - 99) * 1000}, False, "warning",
     {"last_message_age_seconds": 99.0, "stale": True, "stale_reason": "message"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "ok", "severity", "details"), WS)
def test_a_websocket_is_judged_by_what_it_says(
    said: dict[str, object], ok: bool, severity: str, details: dict[str, object]
) -> None:
    """Too old is strictly older; reconnecting given up is critical, whatever else is well."""
    result = check_ws_freshness(Feed(WELL | said), message_stale_seconds=30.0, heartbeat_stale_seconds=40.0, clock=now)
    check(result, ok, severity, **shown(**details))


def test_a_broker_without_a_websocket_passes() -> None:
    """Streaming is optional, and may not have begun."""
    check(check_ws_freshness(BalancesOnly()), True, "warning", ws_not_supported=True)
    check(check_ws_freshness(None), True, "warning", ws_not_supported=True)
    for nothing in (None, {}):
        check(check_ws_freshness(Feed(nothing)), True, "warning", ws_not_initialized=True)


def test_a_websocket_that_cannot_tell_fails() -> None:
    """As a warning, with what it raised."""
    check(check_ws_freshness(Feed(OSError("no"))), False, "warning", error="no", error_type="OSError")
    assert check_ws_freshness(Feed("connected")).details["error_type"] == "AttributeError"


def test_a_partial_answer_will_do() -> None:
    """A client of another make says less."""
    result = check_ws_freshness(Feed({"connected": True, "last_message_ts": NOW}), clock=now)
    assert result.ok
    assert (result.details["gap_count"], result.details["reconnect_count"]) == (0, 0)


# Degradation


class Degradation(Private):
    def __init__(self, **status: object) -> None:
        self.status = {"global_paused": False, "global_reason": None, "global_remaining_seconds": 0,
                       "paused_symbols": {}} | status  # fmt: skip

    def get_status(self) -> Mapping[str, Any]:
        return self.status


class Risk(Private):
    def __init__(self, reduce_only: bool = False, cfm: bool = False) -> None:
        self.modes = reduce_only, cfm

    def is_reduce_only_mode(self) -> bool:
        return self.modes[0]

    def is_cfm_reduce_only_mode(self) -> bool:
        return self.modes[1]


def degradation(**changes: object) -> dict[str, object]:
    return {
        "global_paused": False, "global_pause_reason": None, "global_remaining_seconds": 0, "paused_symbol_count": 0,
        "paused_symbols": [], "reduce_only_mode": False, "cfm_reduce_only_mode": False,
    } | changes  # fmt: skip


def test_nothing_paused_passes() -> None:
    """With or without a risk manager, and with one that knows neither mode."""
    for risk in (None, Risk(), Private()):
        check(check_degradation_state(Degradation(), risk), True, "critical", **degradation())


def test_a_pause_of_everything_is_critical() -> None:
    """With its reason and how long it is to last."""
    state = Degradation(global_paused=True, global_reason="max_reconnect_attempts", global_remaining_seconds=300)
    check(
        check_degradation_state(state), False, "critical",
        **degradation(global_paused=True, global_pause_reason="max_reconnect_attempts", global_remaining_seconds=300),
    )  # fmt: skip


@pytest.mark.parametrize("symbols", [{"BTC-USD": {"reason": "rate_limited"}}, ["BTC-USD"], ("BTC-USD",)])
def test_paused_symbols_pass_with_their_names(symbols: object) -> None:
    """However the bot keeps them."""
    result = check_degradation_state(Degradation(paused_symbols=symbols))
    check(result, True, "critical", **degradation(paused_symbol_count=1, paused_symbols=["BTC-USD"]))


@pytest.mark.parametrize(
    ("risk", "details"),
    [
        (Risk(reduce_only=True), {"reduce_only_mode": True}),
        (Risk(cfm=True), {"reduce_only_mode": True, "cfm_reduce_only_mode": True}),
    ],
)
def test_reduce_only_passes_with_details(risk: Risk, details: dict[str, object]) -> None:
    """Of all trading or of futures alone: the bot is protected, not broken."""
    check(check_degradation_state(Degradation(), risk), True, "critical", **degradation(**details))


def test_a_state_that_cannot_tell_is_critical() -> None:
    """Nobody knows whether it trades."""

    class Broken:
        def get_status(self) -> Mapping[str, Any]:
            raise RuntimeError("lost")

    check(check_degradation_state(Broken()), False, "critical", error="lost", error_type="RuntimeError")
    assert not check_degradation_state(None).ok  # type: ignore[arg-type]


# Tickers


class Cache(Private):
    def __init__(self, stale: Iterable[str]) -> None:
        self.stale = set(stale)

    def is_stale(self, symbol: str) -> bool:
        return symbol in self.stale


class MarketData(Private):
    def __init__(self, symbols: object, stale: Iterable[str] = ()) -> None:
        self.symbols = symbols
        self.cache = Cache(stale)

    def is_stale(self, symbol: str) -> bool:
        return self.cache.is_stale(symbol)


class WithProvider(Private):
    def __init__(self, provider: object) -> None:
        self.provider = provider

    def get_symbols(self) -> list[str]:
        return ["BTC-USD"]

    def get_ticker_freshness_provider(self) -> object:
        return self.provider


class WithCache(Private):
    symbols = ("BTC-USD",)

    def __init__(self) -> None:
        self.ticker_cache = Cache([])


BOTH = ["BTC-USD", "ETH-USD"]


@pytest.mark.parametrize(
    ("stale", "ok", "severity"), [([], True, "warning"), (BOTH[:1], False, "warning"), (BOTH, False, "critical")]
)
def test_some_stale_tickers_are_a_warning_and_all_are_critical(stale: list[str], ok: bool, severity: str) -> None:
    """Each symbol is asked of once, and named by how it is."""
    check(
        check_ticker_freshness(MarketData(BOTH, stale)), ok, severity, symbol_count=2, symbols_checked=BOTH,
        fresh_symbols=[symbol for symbol in BOTH if symbol not in stale], stale_symbols=stale, stale_count=len(stale),
        stale=bool(stale),
    )  # fmt: skip


@pytest.mark.parametrize(
    "market_data",
    [MarketData("BTC-USD"), MarketData({"BTC-USD": 1}), MarketData(lambda: ["BTC-USD"]),
     MarketData(["BTC-USD", "", "BTC-USD"]), WithProvider(Cache([])), WithCache()],
    ids=["text", "mapping", "method", "doubled", "provider", "cache"],
)  # fmt: skip
def test_symbols_and_freshness_are_found_in_whatever_is_public(market_data: object) -> None:
    """The bot's own services work unchanged; nothing private is looked at."""
    result = check_ticker_freshness(market_data)
    assert (result.ok, result.details["symbols_checked"]) == (True, ["BTC-USD"])


@pytest.mark.parametrize(
    ("market_data", "reason"),
    [
        (None, "market_data_unavailable"),
        (MarketData([]), "no_symbols"),
        (MarketData(None), "no_symbols"),
        (MarketData(3), "no_symbols"),
        (Private(), "no_symbols"),
        (WithProvider(None), "ticker_freshness_unavailable"),
    ],
)
def test_where_nothing_can_be_asked_it_passes_and_says_so(market_data: object, reason: str) -> None:
    """No answer either way; it must not fail for ever for want of a feature."""
    result = check_ticker_freshness(market_data)
    assert result.ok
    assert (result.details["skipped"], result.details["reason"]) == (True, reason)


def test_market_data_that_raises_is_critical() -> None:
    """It may hold no ticker at all."""

    class Broken:
        symbols = ("BTC-USD",)

        def is_stale(self, symbol: str) -> bool:
            raise KeyError(symbol)

    check(check_ticker_freshness(Broken()), False, "critical", error="'BTC-USD'", error_type="KeyError")


def test_ticker_checks_are_counted_by_the_telemetry_that_runs_them() -> None:
    """The catalogue's three rows; called by hand, by the process's default, of which there is none here."""
    with Telemetry(Settings()) as telemetry:
        health = Health(telemetry._slot, autostart=False)
        health.register("fresh", lambda: check_ticker_freshness(MarketData(BOTH)))
        health.register("stale", lambda: check_ticker_freshness(MarketData(BOTH, BOTH)))
        health.register("none", lambda: check_ticker_freshness(None))
        health.run_once()
        check_ticker_freshness(None)
        scraped = scrape(telemetry)
        health.stop()
    checks = [scraped.value("gpt_trader_ticker_freshness_checks_total", result=result) for result in ("ok", "error")]
    assert checks == [2, 1]
    assert scraped.value("gpt_trader_ticker_stale_symbols_total") == 2
    assert scraped.value("gpt_trader_ticker_cache_unavailable_total") == 1


# The feed


class Tickers:
    def __init__(self, last: object) -> None:
        self.last = last

    def get_last_ticker_timestamp(self) -> object:
        if isinstance(self.last, Exception):
            raise self.last
        return self.last


@pytest.mark.parametrize(
    ("last", "age", "reason"),
    [
        (NOW - 60, 60.0, None),
        (NOW - 60.1, 60.1, "ticker"),
        (datetime.fromtimestamp(NOW - 90, UTC), 90.0, "ticker"),
        ((datetime.fromtimestamp(NOW - 9, UTC)).isoformat(), 9.0, None),
        (None, None, "nothing_received"),
        (0, None, "nothing_received"),
        ("soon", None, "nothing_received"),
        (NOW + 3600, -3600.0, "ticker"),
    ],
)
def test_a_feed_is_judged_by_its_last_ticker(last: object, age: float | None, reason: str | None) -> None:
    """Its severity is whatever it is registered with."""
    check(
        check_market_data_feed(Tickers(last), clock=now), reason is None, None, last_ticker_age_seconds=age,
        stale_seconds=60.0, stale=reason is not None, stale_reason=reason,
    )  # fmt: skip


def test_a_feed_that_cannot_be_asked_passes_and_one_that_raises_fails() -> None:
    """Missing is not broken."""
    check(check_market_data_feed(None), True, None, skipped=True, reason="market_data_unavailable")
    check(check_market_data_feed(Private()), True, None, skipped=True, reason="last_ticker_timestamp_unavailable")
    check(check_market_data_feed(Tickers(OSError("no"))), False, None, error="no", error_type="OSError")


# Data quality

HOURS = ("BTC-USD", "1h")


@pytest.mark.parametrize(
    ("quality", "ok"),
    [
        ((1.0, []), True),
        ((0.95, 0), True),
        ((0.9499, []), False),
        ((1.0, [("gap", "warning")]), False),
        ((1.0, 1), False),
        ((None, []), True),
        ((None, 3), False),
        ((float("nan"), []), False),
        (("0.99", None), True),
    ],
)
def test_any_open_issue_or_a_low_score_is_degraded(quality: tuple[Any, Any], ok: bool) -> None:
    """A score is low strictly below the minimum; one that is not known has no say."""
    assert check_data_quality({HOURS: quality}).ok is ok
    assert check_data_quality(lambda: {HOURS: quality}).ok is ok
    assert check_data_quality({HOURS: quality}).severity == "warning"


def test_the_minimum_score_can_be_set() -> None:
    """It is shown with the result."""
    assert not check_data_quality({HOURS: (0.98, 0)}, 0.99).ok
    assert check_data_quality({HOURS: (0.98, 0)}, 0.98).details["minimum_score"] == 0.98


def test_the_worst_loads_are_shown_first() -> None:
    """Of hundreds, twenty."""
    loads = {(f"S{number}", "1h"): (0.5, number) for number in range(300)}
    details = check_data_quality(loads).details
    assert (details["load_count"], details["degraded_count"], details["issue_count"]) == (300, 300, 44850)
    assert [row["symbol"] for row in details["degraded"]] == [f"S{number}" for number in range(299, 279, -1)]


@pytest.mark.parametrize("source", [{}, lambda: {}, lambda: None])
def test_nothing_loaded_passes(source: Any) -> None:
    """There is nothing to be wrong."""
    assert check_data_quality(source).ok


def test_a_source_that_raises_or_makes_no_sense_fails() -> None:
    """With what it raised."""

    def broken() -> Any:
        raise OSError("no")

    check(check_data_quality(broken), False, "warning", error="no", error_type="OSError")
    assert not check_data_quality({"BTC-USD": 1}).ok  # type: ignore[dict-item]


# Timestamps


@pytest.mark.parametrize(
    "value",
    [
        NOW, int(NOW), str(NOW), str(int(NOW)), NOW * 1e3, NOW * 1e6, int(NOW * 1e9), datetime.fromtimestamp(NOW, UTC),
        datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None), datetime.fromtimestamp(NOW, UTC).isoformat(),
        "2026-02-06T00:00:00Z", "2026-02-06 00:00:00", " 2026-02-06T00:00:00+00:00 ",
        datetime.fromtimestamp(NOW, UTC).astimezone(__import__("datetime").timezone(timedelta(hours=9))),
        "2026-02-06T09:00:00+09:00", __import__("decimal").Decimal(int(NOW)), __import__("numpy").float64(NOW),
    ],
    ids=repr,
)  # fmt: skip
def test_a_time_is_read_in_every_form(value: object) -> None:
    """Seconds to nanoseconds, datetimes with and without a zone, text."""
    assert unix_time(value) == NOW


@pytest.mark.parametrize(
    "value", [None, 0, -1, 0.0, "", "soon", True, [], {}, object(), float("nan"), float("inf"), "nan"]
)
def test_what_is_no_time_is_none(value: object) -> None:
    """Zero too: it stands for never."""
    assert unix_time(value) is None


def test_a_clock_slightly_ahead_is_forgiven() -> None:
    """A minute, and not an hour: that would keep a dead feed fresh."""
    assert age_of(NOW + 60, NOW) == 0.0
    assert age_of(NOW + 61, NOW) == -61


def test_an_object_that_answers_later_is_not_taken_for_a_yes() -> None:
    """A coroutine is truthy: an asynchronous is_stale would read as all stale, a pause as a pause."""

    class Later:
        symbols = ("BTC-USD",)

        async def is_stale(self, symbol: str) -> bool:
            return False

        async def get_status(self) -> dict[str, Any]:
            return {}

        async def get_ws_health(self) -> dict[str, Any]:
            return {}

        async def get_last_ticker_timestamp(self) -> float:
            return 0.0

        async def is_reduce_only_mode(self) -> bool:
            return False

    later = Later()
    for result in (
        check_ticker_freshness(later), check_degradation_state(later), check_ws_freshness(later),
        check_market_data_feed(later), check_degradation_state(Now(), later),
    ):  # fmt: skip
        assert not result.ok
        assert "asynchronous" in result.details["error"]


class Now:
    def get_status(self) -> dict[str, Any]:
        return {"paused_symbols": "BTC-USD"}


def test_one_paused_symbol_may_be_told_by_its_name_alone() -> None:
    """A string is no list of letters."""
    assert check_degradation_state(Now()).details["paused_symbols"] == ["BTC-USD"]


def hidden(check: Any) -> Any:
    """Return a check that nothing is known of before it has answered."""

    def run() -> Any:
        return check()

    return run


@pytest.mark.parametrize("wrap", [lambda check: check, partial, hidden])
def test_a_broker_that_hangs_is_no_better_than_one_that_refuses(bench: Bench, wrap: Any) -> None:
    """Critical, whatever it is registered with: at once where the check can be told, else once it has answered."""
    hanging = Hanging()
    broker: Any = Pinged()
    bench.health.mark_ready()
    bench.health.register("broker", wrap(partial(check_broker_ping, broker)), interval=10.0, timeout=1.0)
    bench.settle()
    assert bench.status("broker") == "pass"
    broker.get_time = hanging
    bench.hung.add("broker")
    bench.pass_time(12)
    report = bench.health.reports()["broker"]
    assert (report.status, report.severity, report.details["timed_out"]) == ("fail", "critical", True)
    assert bench.health.overall()[0] == "unhealthy"
    assert not bench.health.is_ready()[0]
    hanging.release.set()


class Pinged:
    def get_time(self) -> float:
        return 1.0
