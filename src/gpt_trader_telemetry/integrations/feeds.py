"""The WebSocket connections that a client opens, told to the ``websocket`` of the Telemetry.

A client opens several, to several addresses, and its callbacks may tell of one drop twice. Those to one host are
numbered, and one that is opened after another was lost takes its number: that is a reconnect.
"""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from gpt_trader_telemetry.instrument.websocket import WebSocket
from gpt_trader_telemetry.integrations.calls import COMPONENT, Client

_MOST_FEEDS: Final = 1_000


class Feed(NamedTuple):
    """One connection of those to a host."""

    host: str
    number: int


class Feeds:
    """The connections of one client library. Nothing here raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._open: dict[int, Feed] = {}
        """The feed of each connection that stands, by the id of the library's object for it."""
        self._lost: set[Feed] = set()

    def connected(self, connection: object, host: str) -> None:
        """Say that a connection stands."""
        with self._lock:
            if id(connection) in self._open or len(self._open) + len(self._lost) >= _MOST_FEEDS:
                return
            lost = [feed for feed in self._lost if feed.host == host]
            feed = min(lost) if lost else self._next(host)
            self._lost.discard(feed)
            self._open[id(connection)] = feed
        self._tell(lambda websocket: websocket.connected(feed))

    def failed(self, host: str, error: BaseException) -> None:
        """Say that a connection could not be made: to one that was lost, else to one that was never there."""
        with self._lock:
            lost = [feed for feed in self._lost if feed.host == host]
            feed = min(lost) if lost else self._next(host)
            self._lost.add(feed)
        self._tell(lambda websocket: websocket.disconnected(error, feed))

    def message(self) -> None:
        """Say that a message came."""
        self._tell(WebSocket.message)

    def heartbeat(self, lag: float | None = None) -> None:
        """Say that a heartbeat came, or the answer to a ping, ``lag`` seconds after it was sent where that is known."""
        self._tell(lambda websocket: websocket.heartbeat(lag))

    def gap(self) -> None:
        """Say that messages were missed."""
        self._tell(WebSocket.gap)

    def lost(self, connection: object, error: BaseException | None = None) -> None:
        """Say that a connection was lost; a second time does nothing."""
        with self._lock:
            feed = self._open.pop(id(connection), None)
            if feed is None:
                return
            self._lost.add(feed)
        self._tell(lambda websocket: websocket.disconnected(error, feed))

    def closed(self, connection: object) -> None:
        """Say that the bot closed a connection."""
        with self._lock:
            feed = self._open.pop(id(connection), None)
        if feed is not None:
            self._tell(lambda websocket: websocket.given_up(feed))

    def _next(self, host: str) -> Feed:
        taken = {feed.number for feed in self._open.values() if feed.host == host}
        return Feed(host, next(number for number in range(len(taken) + 1) if number not in taken))

    def _tell(self, say: Callable[[WebSocket], None]) -> None:
        recorder = self._client.recorder
        if recorder is None:
            return
        with recorder.faults.shield(COMPONENT, "a WebSocket event could not be recorded"):
            websocket = recorder.sites.get(WebSocket)
            if isinstance(websocket, WebSocket):
                say(websocket)
