"""The WebSocket connections that a client opens, told to the ``websocket`` of the Telemetry.

A client opens several, to several addresses, and its callbacks may tell of one drop twice. Those of one group (one
client and host) are numbered, and one that is opened after another was lost takes its number: a reconnect.
"""

import threading
import weakref
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, NamedTuple

from gpt_trader_telemetry.instrument.websocket import WebSocket
from gpt_trader_telemetry.integrations.client import COMPONENT, Client

_MOST_FEEDS: Final = 1_000


class Feed(NamedTuple):
    """One connection of those of a group."""

    group: Hashable
    number: int


class Feeds:
    """The connections of one client library. Nothing here raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._open: weakref.WeakKeyDictionary[object, Feed] = weakref.WeakKeyDictionary()
        """The feed of each connection that stands, by the library's object for it."""
        self._lost: set[Feed] = set()

    def connected(self, connection: object, group: Hashable) -> None:
        """Say that a connection stands."""
        with self._lock:
            if connection in self._open or len(self._open) + len(self._lost) >= _MOST_FEEDS:
                return
            feed = self._open[connection] = self._feed_of(group)
            self._lost.discard(feed)
        self._tell(lambda websocket: websocket.connected(feed))

    def message(self, *, heartbeat: bool = False, lag: float | None = None) -> None:
        """Say that a message came, or a heartbeat, ``lag`` seconds after it was sent where that is known."""
        self._tell(lambda websocket: websocket.heartbeat(lag) if heartbeat else websocket.message())

    def gap(self) -> None:
        """Say that a sequence number was missed."""
        self._tell(lambda websocket: websocket.gap())

    def lost(self, connection: object, error: BaseException | None = None) -> None:
        """Say that a connection was lost; a second time does nothing."""
        with self._lock:
            feed = self._open.pop(connection, None)
            if feed is None:
                return
            self._lost.add(feed)
        self._tell(lambda websocket: websocket.disconnected(error, feed))

    def refused(self, group: Hashable, error: BaseException | None = None) -> None:
        """Say that a connection could not be made."""
        with self._lock:
            if len(self._open) + len(self._lost) >= _MOST_FEEDS:
                return
            feed = self._feed_of(group)
            self._lost.add(feed)
        self._tell(lambda websocket: websocket.disconnected(error, feed))

    def closed(self, connection: object) -> None:
        """Say that the bot closed a connection."""
        with self._lock:
            feed = self._open.pop(connection, None)
        if feed is not None:
            self._tell(lambda websocket: websocket.given_up(feed))

    def forget(self, of: Callable[[Hashable], bool]) -> None:
        """Say that the bot does not want the lost connections of these groups back."""
        with self._lock:
            forgotten = {feed for feed in self._lost if of(feed.group)}
            self._lost -= forgotten
        for feed in forgotten:
            self._tell(partial(WebSocket.given_up, feed=feed))

    def _feed_of(self, group: Hashable) -> Feed:
        """Return the feed that a new connection of the group is: the first one lost, else another one."""
        lost = [feed.number for feed in self._lost if feed.group == group]
        taken = {feed.number for feed in self._open.values() if feed.group == group}
        free = lost or (number for number in range(len(taken) + 1) if number not in taken)
        return Feed(group, min(free))

    def _tell(self, say: Callable[[WebSocket], None]) -> None:
        recorder = self._client.recorder
        if recorder is None:
            return
        with recorder.faults.shield(COMPONENT, "a WebSocket event could not be recorded"):
            websocket = recorder.sites.get(WebSocket)
            if isinstance(websocket, WebSocket):
                say(websocket)
