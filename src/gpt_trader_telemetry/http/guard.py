"""Keeps hostile and broken clients from taking more of the listener than their share.

The rule at the cap: a connection that waits for its client (an unfinished head, an unread answer, nothing
asked) gives way to a newcomer; one that a slow route holds does not. Of the address with the most connections
the oldest goes first. Since few requests can be held at a time, a probe gets through however many connections
are kept open against it.
"""

import asyncio
import enum
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gpt_trader_telemetry.http.limits import Counts, Limits

if TYPE_CHECKING:
    from gpt_trader_telemetry.http.protocol import GuardedProtocol

__all__ = ["ConnectionGuard", "Phase", "Seat"]


class Phase(enum.Enum):
    """How far a connection is: a request's head, its answer, or the time until the next."""

    HEAD = enum.auto()
    ANSWER = enum.auto()
    NEXT = enum.auto()


class Seat:
    """One accepted connection: what it waits for, since when, and how long it may."""

    __slots__ = ("deadline", "held", "peer", "phase", "protocol", "since", "sock", "transport")

    def __init__(self, sock: socket.socket, peer: str, since: float, deadline: float) -> None:
        self.sock = sock
        self.peer = peer
        self.since = since
        self.deadline = deadline
        self.phase = Phase.HEAD
        self.held = False
        """A slow route is at work on its request: the only time that the client waits for us."""
        self.transport: asyncio.Transport | None = None
        self.protocol: GuardedProtocol | None = None

    def abort(self) -> None:
        """Cut the connection off without a word."""
        if self.transport is not None:
            self.transport.abort()
            return
        # During a TLS handshake asyncio keeps the transport to itself; it sees the end of the stream instead.
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def finish(self, on_error: Callable[[BaseException], None]) -> None:
        """Close the connection once the answer under way, if any, has been taken."""
        try:
            if self.protocol is None:
                self.abort()
            else:
                self.protocol.shutdown()
        except Exception as error:
            self.abort()
            with suppress(Exception):  # the others are to be closed as well
                on_error(error)


class ConnectionGuard:
    """Who is connected, and who must go. Everything here runs on the listener's own thread."""

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.counts = Counts()
        self.on_empty: Callable[[], None] | None = None
        self._limits = limits
        self._loop = loop
        self._seated: dict[Seat, None] = {}
        # Cut off, yet not closed before the event loop's next rounds; these do not count against the cap.
        self._leaving: dict[Seat, None] = {}
        self._sweep_every = min(0.5, max(0.02, limits.head_seconds / 10))
        self._sweeping = False

    @property
    def seats(self) -> list[Seat]:
        """Every connection whose descriptor is still open."""
        return [*self._seated, *self._leaving]

    def admit(self, sock: socket.socket, peer: str) -> Seat | None:
        """Give a new connection its seat, or None if it is to be closed."""
        if len(self._seated) >= self._limits.connections:
            victim = self._victim()
            if victim is None:
                self.counts.refused += 1
                return None
            self.counts.evicted += 1
            self._drop(victim)
        now = self._loop.time()
        seat = Seat(sock, peer, now, now + self._limits.head_seconds)
        self._seated[seat] = None
        self.counts.accepted += 1
        self._keep_sweeping()
        return seat

    def release(self, seat: Seat) -> None:
        """Forget a connection that is closed."""
        self._seated.pop(seat, None)
        self._leaving.pop(seat, None)
        if self.on_empty is not None and not self._seated and not self._leaving:
            self.on_empty()

    def connected(self, seat: Seat, protocol: "GuardedProtocol", transport: asyncio.Transport) -> None:
        """Take note that HTTP begins on this connection (after the handshake, where TLS is spoken)."""
        seat.protocol, seat.transport = protocol, transport
        if not self.is_seated(seat):  # cut off during its handshake
            transport.abort()

    def head_begins(self, seat: Seat) -> None:
        """Take note of a byte from the client: the first one after an answer starts the next request."""
        if seat.phase is Phase.NEXT:
            seat.phase = Phase.HEAD
            seat.since = self._loop.time()
            seat.deadline = seat.since + self._limits.head_seconds

    def head_complete(self, seat: Seat) -> None:
        """Take note of a request."""
        self.head_begins(seat)
        seat.phase = Phase.ANSWER
        seat.deadline = seat.since + self._limits.request_seconds

    def answered(self, seat: Seat) -> None:
        """Take note that the answer is written. The deadline stays: the client has yet to take it."""
        seat.phase = Phase.NEXT

    def is_seated(self, seat: Seat) -> bool:
        """Whether a connection is there by right, not only until the event loop gets to closing it."""
        return seat in self._seated

    def abort_all(self) -> None:
        """Cut off every connection."""
        for seat in list(self._seated):
            self._drop(seat)

    def _victim(self) -> Seat | None:
        # Who floods from one address sends away his own: a probe from another is not among them.
        taken = Counter(seat.peer for seat in self._seated if not seat.held)
        if not taken:
            return None
        greediest = max(taken, key=taken.__getitem__)
        mine = (seat for seat in self._seated if not seat.held and seat.peer == greediest)
        return min(mine, key=lambda seat: seat.since)

    def _drop(self, seat: Seat) -> None:
        self._seated.pop(seat, None)
        self._leaving[seat] = None
        seat.abort()

    def _keep_sweeping(self) -> None:
        # No timer runs while nobody is connected: an idle listener costs the bot nothing.
        if self._seated and not self._sweeping:
            self._sweeping = True
            self._loop.call_later(self._sweep_every, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = self._loop.time()
        for seat in [seat for seat in self._seated if seat.deadline <= now]:
            self.counts.timed_out += 1
            self._drop(seat)
        self._keep_sweeping()
