"""The WebSocket clients: what becomes of a connection is told, also where the client itself says nothing."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from coinbase.websocket import WSClient, WSClientException, WSUserClient
from coinbase.websocket.websocket_base import WSBase
from coinbase_counts import gauge
from reading import faults

from exchanges.coinbase import CoinbaseServer
from exchanges.faults import DROP
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor
from support.scraping import scrape

PATIENCE = 10.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The Telemetry's clock."""
    return Clock()


@pytest.fixture
def telemetry(clock: Clock) -> Iterator[Telemetry]:
    """A Telemetry on that clock, with the library instrumented into it."""
    with Telemetry(Settings(), clock=clock) as made:
        CoinbaseInstrumentor().instrument(telemetry=made)
        yield made
        CoinbaseInstrumentor().uninstrument()


@contextmanager
def feed(exchange: CoinbaseServer, kind: type[WSBase] = WSClient, **options: Any) -> Iterator[Any]:
    """A client that is open, on the exchange; closed at the end if it still is."""
    path = "/user" if kind is WSUserClient else ""
    options = {"on_message": lambda _message: None, "base_url": exchange.ws_url + path, "timeout": 5, **options}
    client = kind(exchange.key.name, exchange.key.secret, **options)
    client._retry_base, client._retry_factor = 1, 0.01  # else it waits for seconds between two tries
    client.open()
    try:
        yield client
    finally:
        if client._is_websocket_open():
            client.close()
        elif not client.loop.is_closed():
            client.loop.call_soon_threadsafe(client.loop.stop)
            client.thread.join(5)
            client.loop.close()


def until(true: Callable[[], Any], what: str) -> None:
    """Wait for something that other threads do."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.005)


def shown(telemetry: Telemetry, name: str) -> float | None:
    """Return a gauge of the feed as it is shown."""
    return gauge(telemetry, f"gpt_trader_{name}")


def health(telemetry: Telemetry) -> dict[str, Any]:
    """Return what the health check asks."""
    return dict(telemetry.websocket.get_ws_health())


def test_a_feed_that_was_never_opened_is_absent(telemetry):
    """Not disconnected: unknown."""
    assert shown(telemetry, "ws_connected") is None


def test_messages_and_heartbeats_have_ages(exchange, telemetry, clock):
    """And a heartbeat's lag is how late it came; the client receives all there is."""
    received = []
    with feed(exchange, on_message=received.append) as client:
        client.ticker(["BTC-USD"])
        client.heartbeats()
        until(lambda: (scrape(telemetry).total("gpt_trader_ws_heartbeat_lag_seconds_count")) > 2, "heartbeats")
        assert shown(telemetry, "ws_connected") == 1
        exchange.feed.mute()
        time.sleep(0.1)
        clock.now += 40
        assert shown(telemetry, "ws_last_message_age_seconds") == 40
        assert shown(telemetry, "ws_last_heartbeat_age_seconds") == 40
        assert (shown(telemetry, "ws_message_stale"), shown(telemetry, "ws_heartbeat_stale")) == (1, 1)
        assert shown(telemetry, "ws_connected") == 1, "silent, and as far as anybody can tell connected"
        assert shown(telemetry, "ws_gap_count") == 0
        assert scrape(telemetry).total("gpt_trader_ws_heartbeat_lag_seconds_sum") < 5
    assert len(received) > 4
    assert all(isinstance(message, str) for message in received)
    assert faults(telemetry) == 0


def test_messages_that_were_missed_are_gaps(exchange, telemetry):
    """However many were missed at once; a new connection counts from the beginning and misses none."""
    with feed(exchange) as client:
        client.ticker(["BTC-USD"])
        until(lambda: exchange.feed.open_sockets and exchange.feed.open_sockets[0].sequence > 3, "messages")
        for _ in range(2):
            before = exchange.feed.open_sockets[0].sequence
            exchange.feed.skip(5)
            until(lambda before=before: exchange.feed.open_sockets[0].sequence > before + 6, "messages")
        until(lambda: shown(telemetry, "ws_gap_count") == 2, "two gaps")
        exchange.feed.drop()
        until(lambda: health(telemetry)["reconnect_count"] == 1, "a reconnect")
        until(lambda: exchange.feed.open_sockets and exchange.feed.open_sockets[0].sequence > 3, "messages")
        assert shown(telemetry, "ws_gap_count") == 2


@pytest.mark.parametrize("how", ["drop", "1011"])
def test_a_feed_that_broke_and_came_back_is_one_reconnect(how: str, exchange, telemetry):
    """The client opens it again by itself, and calls nobody."""
    with feed(exchange) as client:
        client.ticker(["BTC-USD"])
        exchange.feed.mute()
        time.sleep(0.1)  # so that the client waits for a message: else it ends, as below
        exchange.feed.drop() if how == "drop" else exchange.feed.close(1011)
        until(lambda: shown(telemetry, "ws_reconnect_count") == 1, "a reconnect")
        assert shown(telemetry, "ws_connected") == 1
        assert shown(telemetry, "ws_last_error_age_seconds") is not None
    assert scrape(telemetry).total("gpt_trader_websocket_reconnects_total") == 1


def test_a_feed_that_breaks_is_disconnected_until_it_is_back(exchange, telemetry):
    """Every try that fails is an error, and none a reconnect."""
    with feed(exchange) as client:
        client._retry_max_tries = 1_000
        exchange.faults.script(*[DROP] * 3, on="GET /")
        with exchange.refusing():
            until(lambda: client._retry_count > 3, "tries")
            assert shown(telemetry, "ws_connected") == 0
        until(lambda: shown(telemetry, "ws_connected") == 1, "a connection")
        assert shown(telemetry, "ws_reconnect_count") == 1


def test_a_feed_that_gave_up_is_disconnected_for_good(exchange, telemetry):
    """When the client has tried often enough, it says so only to who asks."""
    with feed(exchange) as client, exchange.refusing():
        client._retry_max_tries = 2
        until(client._task.done, "the end of the handler")
        until(lambda: shown(telemetry, "ws_connected") == 0, "disconnected")
        with pytest.raises(Exception, match="Retry attempts failed"):
            client.raise_background_exception()


def test_a_feed_that_the_server_closed_in_good_order_is_dead_and_shown_so(exchange, telemetry, clock):
    """Closed with 1000 the client neither reconnects nor tells anybody; ours is the only word of it."""
    told = []
    with feed(exchange, on_close=lambda: told.append("closed")) as client:
        client.ticker(["BTC-USD"])
        until(lambda: shown(telemetry, "ws_last_message_age_seconds") == 0, "a message")
        exchange.feed.mute()
        time.sleep(0.1)  # so that the client waits for a message, and is told of the end by an exception
        exchange.feed.close(1000)
        until(lambda: shown(telemetry, "ws_connected") == 0, "disconnected")
        client.raise_background_exception()
        assert told == []
        clock.now += 60
        assert shown(telemetry, "ws_message_stale") == 1
        assert shown(telemetry, "ws_last_close_age_seconds") == 60
        assert shown(telemetry, "ws_last_error_age_seconds") is None, "it ended in good order"
        client.open()
        assert (shown(telemetry, "ws_connected"), shown(telemetry, "ws_reconnect_count")) == (1, 1)


def test_a_feed_that_breaks_while_the_bot_takes_a_message_is_dead_and_shown_so(exchange, telemetry):
    """The client looks whether the connection is open before it waits for a message, and ends without a word."""
    taking, go_on = threading.Event(), threading.Event()

    def slow(_message: str) -> None:
        taking.set()
        go_on.wait(PATIENCE)

    with feed(exchange, on_message=slow) as client:
        # What arrives while the callback has the loop's thread is read after it, the close included.
        asyncio.run_coroutine_threadsafe(client.ticker_async(["BTC-USD"]), client.loop)
        assert taking.wait(PATIENCE)
        until(lambda: exchange.feed.open_sockets[0].sequence > 4, "messages behind it")
        exchange.feed.close(1011)
        go_on.set()
        until(client._task.done, "the end of the handler")
        until(lambda: shown(telemetry, "ws_connected") == 0, "disconnected")
        assert shown(telemetry, "ws_last_error_age_seconds") is not None
        client.raise_background_exception()


def test_a_callback_of_the_bots_that_raises_kills_its_feed_and_that_is_shown(exchange, telemetry):
    """The connection stands, but nobody reads from it any more."""

    def broken(_message: str) -> None:
        raise ZeroDivisionError("the bot's own")

    lost: list[dict] = []
    with feed(exchange, on_message=broken) as client:
        client.loop.set_exception_handler(lambda _loop, context: lost.append(context))
        client.ticker(["BTC-USD"])
        until(lambda: shown(telemetry, "ws_connected") == 0, "disconnected")
        assert shown(telemetry, "ws_last_error_age_seconds") is not None
        assert client._is_websocket_open()
        task, client._task = client._task, None
        client.close()
        del task
    assert [type(context["exception"]) for context in lost] == [ZeroDivisionError], "asyncio tells of it as ever"


def test_a_feed_that_the_bot_closes_is_given_up(exchange, telemetry):
    """It is no error, and opening it again no reconnect."""
    with feed(exchange) as client:
        client.close()
        assert shown(telemetry, "ws_connected") == 0
        assert shown(telemetry, "ws_last_error_age_seconds") is None
        client.open()
        assert (shown(telemetry, "ws_connected"), shown(telemetry, "ws_reconnect_count")) == (1, 0)


def test_of_two_feeds_neither_may_be_dead(exchange, telemetry):
    """Market data that flows does not hide a user channel that ended; the second to open is no reconnect."""
    with feed(exchange) as market, feed(exchange, WSUserClient) as user:
        market.ticker(["BTC-USD"])
        user.user(["BTC-USD"])
        assert (shown(telemetry, "ws_connected"), shown(telemetry, "ws_reconnect_count")) == (1, 0)
        for socket in exchange.feed.open_sockets:
            if socket.path == "/user":
                exchange.run(socket.ws.close(code=1000))
        until(lambda: shown(telemetry, "ws_connected") == 0, "disconnected")
        user.open()
        assert (shown(telemetry, "ws_connected"), shown(telemetry, "ws_reconnect_count")) == (1, 1)
        user.close()
        assert shown(telemetry, "ws_connected") == 1, "the bot needs it no more"


def test_a_feed_that_could_not_be_opened_is_disconnected(exchange, telemetry):
    """The bot gets the client's own error, and the first connection after that is no reconnect."""
    client = WSClient(base_url=exchange.ws_url, on_message=print, timeout=5)
    with exchange.refusing(), pytest.raises(WSClientException, match="Failed to establish"):
        asyncio.run(client.open_async())
    assert shown(telemetry, "ws_connected") == 0
    with feed(exchange):
        assert (shown(telemetry, "ws_connected"), shown(telemetry, "ws_reconnect_count")) == (1, 0)


def test_a_client_on_an_event_loop_of_the_bots_own_is_followed(exchange, telemetry):
    """Without the thread that ``open`` starts."""

    async def trade() -> None:
        client = WSClient(base_url=exchange.ws_url, on_message=lambda _message: None, timeout=5)
        await client.open_async()
        await client.ticker_async(["BTC-USD"])
        while shown(telemetry, "ws_last_message_age_seconds") is None:
            await asyncio.sleep(0.01)
        await client.close_async()

    asyncio.run(asyncio.wait_for(trade(), PATIENCE))
    assert shown(telemetry, "ws_connected") == 0


def test_uninstrumenting_lets_go_of_connections_that_stand(exchange, telemetry):
    """They go on as they were, and tell nothing more."""
    received = []
    with feed(exchange, on_message=received.append) as client:
        assert "recv" in vars(client.websocket)
        client.ticker(["BTC-USD"])
        CoinbaseInstrumentor().uninstrument()
        assert "recv" not in vars(client.websocket)
        before = len(received)
        until(lambda: len(received) > before + 3, "messages")
        exchange.feed.close(1000)
        until(client._task.done, "the end of the handler")
        assert shown(telemetry, "ws_connected") == 1, "the last that was heard of it"
