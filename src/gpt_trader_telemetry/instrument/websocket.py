"""The WebSocket feed: connected or not, how old the last message is, reconnects and gaps."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from gpt_trader_telemetry.catalog import (
    WEBSOCKET_RECONNECTS,
    WS_CONNECTED,
    WS_GAP_COUNT,
    WS_HEARTBEAT_LAG,
    WS_HEARTBEAT_STALE,
    WS_LAST_CLOSE_AGE,
    WS_LAST_ERROR_AGE,
    WS_LAST_HEARTBEAT_AGE,
    WS_LAST_MESSAGE_AGE,
    WS_MESSAGE_STALE,
    WS_RECONNECT_COUNT,
    Metric,
)
from gpt_trader_telemetry.instrument.record import as_number
from gpt_trader_telemetry.recording.current import Slot

Clock = Callable[[], float]
"""Seconds of a clock that only goes forward."""


class WebSocket:
    """What the bot says of its WebSocket feed.

    Ages are computed when they are collected, so they grow while nothing happens; what has not been seen yet is
    absent. A bot with several connections tells them apart by ``feed``, any value of its own: it is connected while
    none of them is down.
    """

    def __init__(
        self,
        slot: Slot,
        *,
        message_stale_after: float = 30.0,
        heartbeat_stale_after: float = 30.0,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self._slot = slot
        self._clock = clock
        self._wall = wall
        self._message_stale_after = message_stale_after
        self._heartbeat_stale_after = heartbeat_stale_after
        self.reset()
        if slot.recorder is not None:
            slot.recorder.sites[WebSocket] = self
            for metric, read in self._reads().items():
                slot.recorder.watch(metric, (), read)

    def reset(self) -> None:
        """Forget everything seen, as in a forked child."""
        # Reentrant: a signal handler of the bot may come in between.
        self._counting = threading.RLock()
        self._feeds: dict[Hashable, bool] = {}
        """Whether each connection stands."""
        self._met: set[Hashable] = set()
        """Those that have stood before."""
        self._reconnects = self._gaps = 0
        self._connected_at: float | None = None
        self._message_at: float | None = None
        self._heartbeat_at: float | None = None
        self._closed_at: float | None = None
        self._error_at: float | None = None

    def connected(self, feed: Hashable = None) -> None:
        """Say that the feed is connected; each time after the first is a reconnect."""
        recorder = self._slot.recorder
        with self._counting:
            # An attempt that failed was no connection.
            again = feed in self._met
            self._reconnects += again
            self._met.add(feed)
            self._feeds[feed] = True
            self._connected_at = self._clock()
        if again and recorder is not None:
            recorder.events((WEBSOCKET_RECONNECTS, ()))(1)

    @property
    def _connected(self) -> bool | None:
        feeds = list(self._feeds.values())
        if feeds:
            return all(feeds)
        return None if self._closed_at is None else False

    def message(self) -> None:
        """Say that a message came. One clock read: fit for every tick."""
        self._message_at = self._clock()

    def heartbeat(self, lag: Any = None) -> None:
        """Say that a heartbeat came, ``lag`` seconds after it was sent where that is known."""
        self._heartbeat_at = self._clock()
        recorder = self._slot.recorder
        if lag is None or recorder is None:
            return
        with recorder.faults.shield("recording", "a heartbeat's lag could not be recorded"):
            # Clocks differ: a heartbeat from the future is on time.
            seconds = max(0.0, float(as_number(WS_HEARTBEAT_LAG.name, lag)))
            recorder.events((WS_HEARTBEAT_LAG, ()))(seconds)

    def gap(self) -> None:
        """Say that a sequence number was missed."""
        with self._counting:
            self._gaps += 1

    def disconnected(self, error: BaseException | None = None, feed: Hashable = None) -> None:
        """Say that the feed is disconnected, by ``error`` if there was one."""
        now = self._clock()
        self._feeds[feed] = False
        self._closed_at = now
        if error is not None:
            self._error_at = now

    def given_up(self, feed: Hashable = None) -> None:
        """Say that the bot closed the feed and does not need it; if it comes back, that is a first connection."""
        with self._counting:
            self._feeds.pop(feed, None)
            self._met.discard(feed)
            self._closed_at = self._clock()

    def staleness(self) -> float | None:
        """Return the seconds since the last message, or since the connection if none came; None before that."""
        return self._age(self._latest(self._message_at, self._connected_at))

    def get_ws_health(self) -> Mapping[str, Any]:
        """Return what ``check_ws_freshness`` asks: it takes this object for the broker. Empty before any connection."""
        if self._connected is None:
            return {}
        heartbeat = self._age(self._heartbeat_at)
        now, silent = self._wall(), self.staleness()
        return {
            "connected": self._connected,
            "last_message_ts": None if silent is None else now - silent,
            "last_heartbeat_ts": None if heartbeat is None else now - heartbeat,
            "gap_count": self._gaps,
            "reconnect_count": self._reconnects,
        }

    def _reads(self) -> dict[Metric, Callable[[], float | None]]:
        return {
            WS_CONNECTED: lambda: None if self._connected is None else float(self._connected),
            WS_RECONNECT_COUNT: lambda: None if self._connected is None else self._reconnects,
            WS_GAP_COUNT: lambda: None if self._connected is None else self._gaps,
            WS_LAST_MESSAGE_AGE: lambda: self._age(self._message_at),
            WS_LAST_HEARTBEAT_AGE: lambda: self._age(self._heartbeat_at),
            WS_LAST_CLOSE_AGE: lambda: self._age(self._closed_at),
            WS_LAST_ERROR_AGE: lambda: self._age(self._error_at),
            WS_MESSAGE_STALE: lambda: self._stale(
                self._latest(self._message_at, self._connected_at), self._message_stale_after
            ),
            WS_HEARTBEAT_STALE: lambda: self._stale(self._heartbeat_at, self._heartbeat_stale_after),
        }

    def _age(self, since: float | None) -> float | None:
        return None if since is None else max(0.0, self._clock() - since)

    def _stale(self, since: float | None, limit: float) -> float | None:
        age = self._age(since)
        return None if age is None else float(age > limit)

    @staticmethod
    def _latest(*times: float | None) -> float | None:
        # A feed that connected and then said nothing is stale from its connection on.
        return max((moment for moment in times if moment is not None), default=None)
