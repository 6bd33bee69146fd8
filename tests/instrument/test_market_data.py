"""Market data: the stalest symbol counts, as a signal and to the checks."""

from functools import partial
from typing import Any

import pytest

from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.health import (
    check_data_quality,
    check_market_data_feed,
    check_ticker_freshness,
    check_ws_freshness,
)
from gpt_trader_telemetry.instrument.market_data import MarketData
from gpt_trader_telemetry.instrument.websocket import WebSocket
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.testing import recorded


class Clock:
    """Seconds that pass only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


def test_the_stalest_symbol_is_as_stale_as_the_feed(clock: Clock) -> None:
    """A busy symbol does not hide a quiet one; one that is no longer traded is forgotten."""
    data = MarketData(stale_after=60, clock=clock, wall=lambda: clock.now + 1.7e9)
    assert (data.staleness(), data.get_last_ticker_timestamp(), data.symbols) == (None, None, ())
    data.ticker("BTC-USD")
    clock.now += 50
    data.ticker("ETH-USD")
    assert data.staleness() == 50
    clock.now += 11
    assert (data.is_stale("BTC-USD"), data.is_stale("ETH-USD"), data.is_stale("DOGE-USD")) == (True, False, True)
    assert data.get_last_ticker_timestamp() == 1050 + 1.7e9
    data.forget("BTC-USD")
    assert (data.symbols, data.staleness()) == (("ETH-USD",), 11)


@pytest.mark.parametrize("odd", [[], {}, None, 3])
def test_what_is_no_symbol_does_not_raise(telemetry: Telemetry, odd: Any) -> None:
    """It is counted, and the bot goes on."""
    telemetry.market_data.ticker(odd)
    telemetry.market_data.forget(odd)


def test_symbols_are_bounded() -> None:
    """A bot that makes up names does not fill the memory."""
    data = MarketData(stale_after=60)
    for number in range(3000):
        data.ticker(f"S{number}")
    assert len(data.symbols) == 2000


def test_the_signal_and_the_checks_ask_it_by_themselves() -> None:
    """Nothing has to be connected: tickers are noted, and market data staleness is known."""
    with recorded() as telemetry:
        data = telemetry.instance.market_data
        signal = telemetry.signals["market_data_staleness_seconds"]
        assert (signal.status, signal.measure.unknown) == ("UNKNOWN", "no_value")
        data.ticker("BTC-USD")
        telemetry.clock.advance(90)
        assert telemetry.signals["market_data_staleness_seconds"].status == "WARN"
        assert check_ticker_freshness(data).details["stale_symbols"] == ["BTC-USD"]
        telemetry.clock.advance(31)
        assert telemetry.signals["market_data_staleness_seconds"].status == "CRIT"
        assert check_market_data_feed(data, 60).details["stale_reason"] == "ticker"


def test_the_web_socket_is_checked_as_a_broker_is(clock: Clock) -> None:
    """What the bot says of its feed is what the check asks; a fresh connection has its time to say something."""
    feed = WebSocket(Slot(), clock=clock, wall=clock)
    check = partial(check_ws_freshness, feed, 10.0, 30.0, clock=clock)
    assert check().details == {"ws_not_initialized": True}
    feed.connected()
    assert check().ok
    clock.now += 11
    assert check().details["stale_reason"] == "message"
    feed.message()
    feed.heartbeat()
    feed.gap()
    assert check().ok
    clock.now += 9
    assert check().details["last_message_age_seconds"] == 9
    assert check().details["gap_count"] == 1
    feed.disconnected()
    assert (check().ok, check().details["connected"]) == (False, False)


def test_recorded_data_quality_is_what_the_check_judges(telemetry: Telemetry) -> None:
    """The last load of each symbol and interval, by the same call that feeds the metrics."""
    check = partial(check_data_quality, telemetry.data_quality)
    assert check().ok
    telemetry.record_data_quality("BTC-USD", "1h", 0.99)
    assert check().ok
    telemetry.record_data_quality("BTC-USD", "1h", 0.99, [("gap", "warning")])
    telemetry.record_data_quality("ETH-USD", "1h", 0.5)
    assert [row["symbol"] for row in check().details["degraded"]] == ["BTC-USD", "ETH-USD"]
    telemetry.record_data_quality("BTC-USD", "1h", None)
    telemetry.record_data_quality("ETH-USD", "1h", 1)
    assert telemetry.data_quality() == {("BTC-USD", "1h"): (None, 0), ("ETH-USD", "1h"): (1, 0)}
    assert check().ok
