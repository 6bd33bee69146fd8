"""The WebSocket feed: ages that grow by themselves, staleness, reconnects and gaps; nothing before it is known."""

import math
import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instrumented import Clock, Hostile, faults, named

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.instrument.websocket import WebSocket
from gpt_trader_telemetry.recording.current import Slot
from support.scraping import scrape

RECONNECTS = "gpt_trader_websocket_reconnects_total"
LAG = "gpt_trader_ws_heartbeat_lag_seconds"


@pytest.fixture
def now() -> Clock:
    """The feed's clock."""
    return Clock()


@pytest.fixture
def feed(telemetry, now) -> WebSocket:
    """A feed that goes stale after 30 seconds without a message, 10 without a heartbeat."""
    return WebSocket(telemetry._slot, message_stale_after=30, heartbeat_stale_after=10, clock=now)


def seen(telemetry) -> dict[str, float]:
    """Return what is shown of the feed."""
    return {
        name.removeprefix("gpt_trader_ws_"): value
        for (name, labels), value in scrape(telemetry).values.items()
        if name.startswith("gpt_trader_ws_") and not labels
    }


def test_what_was_never_said_is_absent(telemetry, feed) -> None:
    """No age, no state, no zero that would read as a connection lost or a heartbeat just seen."""
    assert seen(telemetry) == {}
    assert scrape(telemetry).value(RECONNECTS) == 0
    assert "gpt_trader_ws_" not in telemetry.metrics_text()


def test_a_bot_without_a_feed_shows_none(telemetry) -> None:
    """The Telemetry's own feed, unused."""
    assert seen(telemetry) == {}


def test_ages_grow_while_nothing_happens(telemetry, feed, now) -> None:
    """They are computed when they are collected."""
    feed.connected()
    feed.message()
    now.sleep(1)
    feed.heartbeat()
    now.sleep(2)
    feed.disconnected(OSError("reset"))
    for waited in (0, 5, 1000):
        now.sleep(waited)
        passed = now.now - 1003
        shown = seen(telemetry)
        assert shown["last_message_age_seconds"] == 3 + passed
        assert shown["last_heartbeat_age_seconds"] == 2 + passed
        assert shown["last_close_age_seconds"] == shown["last_error_age_seconds"] == passed
    feed.message()
    assert seen(telemetry)["last_message_age_seconds"] == 0


def test_a_clock_that_is_set_back_gives_no_negative_age(telemetry, feed, now) -> None:
    """Nor a stale feed."""
    feed.message()
    now.sleep(-500)
    assert seen(telemetry)["last_message_age_seconds"] == 0
    assert seen(telemetry)["message_stale"] == 0


def test_a_feed_is_stale_past_its_limit(telemetry, feed, now) -> None:
    """Not at it; a message or heartbeat makes it fresh again."""
    feed.connected()
    feed.message()
    feed.heartbeat()
    expected = [(10, 0, 0), (0.1, 0, 1), (19.9, 0, 1), (0.1, 1, 1)]
    for waited, message, heartbeat in expected:
        now.sleep(waited)
        shown = seen(telemetry)
        assert (shown["message_stale"], shown["heartbeat_stale"]) == (message, heartbeat)
    feed.message()
    feed.heartbeat()
    assert (seen(telemetry)["message_stale"], seen(telemetry)["heartbeat_stale"]) == (0, 0)


def test_a_feed_that_connected_and_says_nothing_goes_stale(telemetry, feed, now) -> None:
    """From its connection on; and no heartbeat was promised, so none is missed."""
    feed.connected()
    assert seen(telemetry) == {"connected": 1, "reconnect_count": 0, "gap_count": 0, "message_stale": 0}
    now.sleep(31)
    assert seen(telemetry) == {"connected": 1, "reconnect_count": 0, "gap_count": 0, "message_stale": 1}


def test_a_reconnected_feed_has_its_time_to_say_something(telemetry, feed, now) -> None:
    """It was stale, it reconnects: fresh until the limit has passed again, while the message's age goes on."""
    feed.connected()
    feed.message()
    now.sleep(100)
    feed.disconnected()
    assert seen(telemetry)["message_stale"] == 1
    feed.connected()
    assert seen(telemetry)["message_stale"] == 0
    assert seen(telemetry)["last_message_age_seconds"] == 100
    now.sleep(31)
    assert seen(telemetry)["message_stale"] == 1


def test_each_connection_after_the_first_is_a_reconnect(telemetry, feed) -> None:
    """As a gauge since the first, and as a counter that starts at zero."""
    for number in range(4):
        feed.connected()
        assert seen(telemetry)["connected"] == 1
        assert seen(telemetry)["reconnect_count"] == number
        assert scrape(telemetry).value(RECONNECTS) == number
        feed.disconnected()
        assert seen(telemetry)["connected"] == 0
        assert seen(telemetry)["reconnect_count"] == number


def test_an_attempt_that_failed_is_no_connection(telemetry, feed) -> None:
    """Disconnected first: the feed is known, and down; the connection after that is the first, not a reconnect."""
    for _ in range(3):
        feed.disconnected(OSError())
        assert seen(telemetry)["connected"] == 0
        assert seen(telemetry)["reconnect_count"] == 0
        assert "message_stale" not in seen(telemetry)
    for number in range(3):
        feed.connected()
        assert seen(telemetry)["reconnect_count"] == scrape(telemetry).value(RECONNECTS) == number


def test_an_error_is_seen_only_where_there_was_one(telemetry, feed) -> None:
    """A feed closed in order has no last error."""
    feed.connected()
    feed.disconnected()
    assert "last_error_age_seconds" not in seen(telemetry)
    feed.disconnected(OSError())
    assert seen(telemetry)["last_error_age_seconds"] == 0


def test_gaps_are_counted(telemetry, feed) -> None:
    """From zero on, once the feed is known."""
    feed.connected()
    assert seen(telemetry)["gap_count"] == 0
    for _ in range(3):
        feed.gap()
    assert seen(telemetry)["gap_count"] == 3


def test_a_heartbeats_lag_lands_in_its_bucket(telemetry, feed) -> None:
    """Of buckets of its own; a heartbeat from the future is on time, one without a lag has none."""
    for lag in (None, 0.04, Decimal("0.3"), -5, 400):
        feed.heartbeat(lag)
    scraped = scrape(telemetry)
    assert scraped.value(LAG + "_count") == 4
    assert scraped.value(LAG + "_sum") == pytest.approx(400.34)
    assert [scraped.value(LAG + "_bucket", le=le) for le in ("0.01", "0.05", "0.5", "300.0", "+Inf")] == [1, 2, 3, 3, 4]
    assert faults(telemetry) == 0


@pytest.mark.parametrize("lag", [math.nan, math.inf, -math.inf, "1", [], Hostile(), Decimal("NaN")], ids=named)
def test_a_lag_that_is_none_is_counted_and_the_heartbeat_seen(telemetry, feed, lag) -> None:
    """Never raised."""
    feed.heartbeat(lag)
    assert faults(telemetry, "recording") == 1
    assert seen(telemetry) == {"last_heartbeat_age_seconds": 0, "heartbeat_stale": 0}


def test_the_limits_are_the_settings() -> None:
    """A Telemetry gives its feed what its settings say."""
    with Telemetry(Settings(ws_message_stale_after=5, ws_heartbeat_stale_after=7)) as telemetry:
        clock = Clock()
        telemetry.websocket._clock = clock
        telemetry.websocket.message()
        telemetry.websocket.heartbeat()
        clock.sleep(6)
        assert (seen(telemetry)["message_stale"], seen(telemetry)["heartbeat_stale"]) == (1, 0)
        clock.sleep(2)
        assert seen(telemetry)["heartbeat_stale"] == 1


def test_a_feed_without_a_telemetry_is_harmless(now) -> None:
    """Before, after and without one."""
    feed = WebSocket(Slot(), clock=now)
    for act in (feed.connected, feed.connected, feed.message, feed.heartbeat, feed.gap, feed.disconnected):
        act()
    feed.heartbeat("nonsense")
    with Telemetry(Settings()) as telemetry:
        telemetry.websocket.connected()
    telemetry.websocket.connected()
    telemetry.websocket.heartbeat(math.nan)


def test_a_feed_is_forgotten_when_it_is_reset(telemetry, feed) -> None:
    """As in a forked child, which has no connection."""
    feed.connected()
    feed.gap()
    feed.reset()
    assert seen(telemetry) == {}


def test_reconnects_and_gaps_are_exact_under_threads(telemetry, feed) -> None:
    """Several sockets behind one feed, each with a thread of its own."""

    def work() -> None:
        for _ in range(500):
            feed.connected()
            feed.gap()
            feed.message()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen(telemetry)["gap_count"] == 2000
    assert seen(telemetry)["reconnect_count"] == scrape(telemetry).value(RECONNECTS) == 1999


steps = st.sampled_from(["connected", "message", "heartbeat", "gap", "disconnected", "error"])


@given(st.lists(st.tuples(steps, st.floats(0, 100)), max_size=25))
def test_any_history_is_told_as_a_simple_model_tells_it(telemetry, script) -> None:
    """Ages, counts and states against a few lines of bookkeeping."""
    now = Clock()
    feed = WebSocket(telemetry._slot, message_stale_after=30, heartbeat_stale_after=10, clock=now)
    last: dict[str, float] = {}
    connections = gaps = 0
    connected = None
    for step, waited in script:
        if step == "error":
            feed.disconnected(OSError())
        else:
            getattr(feed, step)()
        connections += step == "connected" and "connected" in last
        gaps += step == "gap"
        if step in {"connected", "disconnected", "error"}:
            connected = step == "connected"
        last[step] = now.now
        last["close"] = now.now if step in {"disconnected", "error"} else last.get("close", -1)
        now.sleep(waited)
    shown = seen(telemetry)

    def age(*events: str) -> float | None:
        times = [last[event] for event in events if last.get(event, -1) >= 0]
        return now.now - max(times) if times else None

    assert shown.get("last_message_age_seconds") == age("message")
    assert shown.get("last_heartbeat_age_seconds") == age("heartbeat")
    assert shown.get("last_close_age_seconds") == age("close")
    assert shown.get("last_error_age_seconds") == age("error")
    assert shown.get("connected") == connected
    assert shown.get("reconnect_count") == (None if connected is None else connections)
    assert shown.get("gap_count") == (None if connected is None else gaps)
    silence = age("message", "connected")
    assert shown.get("message_stale") == (None if silence is None else silence > 30)
