"""HTTP/1.1 on one connection: uvicorn's protocol, kept to one bodiless request at a time and to silence."""

import asyncio
import logging

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gpt_trader_telemetry.http.guard import ConnectionGuard, Phase, Seat

__all__ = ["GuardedProtocol"]


class _Silent(logging.Logger):
    """A logger outside of logging's tree: uvicorn's own belongs to the uvicorn that the bot may run."""

    def __init__(self) -> None:
        super().__init__("silent", logging.CRITICAL + 1)
        self.disabled = True


_SILENT = _Silent()


class _HeadsOnly(h11.Connection):
    """Reads requests without their bodies: no route takes one, and a body of tiny chunks is costly to take apart.

    The app ends a connection after the answer to a request with a body, so that nothing behind it is missed.
    """

    def __init__(self, size: int) -> None:
        super().__init__(h11.SERVER, size)
        self.body_follows = False

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.body_follows:
            return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.body_follows = any(
                name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
                for name, value in event.headers
            )
        return event


class GuardedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol that tells the guard how far each request is."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        loop: asyncio.AbstractEventLoop,
        guard: ConnectionGuard,
        seat: Seat,
    ) -> None:
        super().__init__(config=config, server_state=state, app_state={"seat": seat}, _loop=loop)
        self.logger = _SILENT
        self.access_log = False
        self._guard = guard
        self._seat = seat
        self._slice = config.h11_max_incomplete_event_size or 16 * 1024
        self.conn = self._heads = _HeadsOnly(self._slice)
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless the client has gone already."""
        try:
            super().connection_made(transport)
        except OSError:
            transport.abort()
        self._guard.connected(self._seat, self, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and give the seat back whatever happens."""
        try:
            super().connection_lost(exc)
        finally:
            self._guard.release(self._seat)

    def data_received(self, data: bytes) -> None:
        """Feed h11 in slices: it looks at a head's size only between two of them."""
        self._guard.head_begins(self._seat)
        try:
            for start in range(0, len(data), self._slice):
                super().data_received(data[start : start + self._slice])
                if self._heads.body_follows:
                    self.flow.pause_reading()
                    return
                if self.transport.is_closing():
                    return
        except Exception:
            self._guard.counts.malformed += 1
            self.transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Note that the client has said all it will; it may still want its answer (true keeps it open)."""
        self._ended = True
        # Over TLS there is no such thing as half a connection.
        return self._seat.phase is Phase.ANSWER and self.scheme == "http"

    def handle_events(self) -> None:
        """Look for requests in what has come."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._guard.head_complete(self._seat)

    def on_response_complete(self) -> None:
        """Wait for the next request, or end: with a client that has ended, or that did not wait for its answer.

        A server may refuse pipelining, which would let a client queue requests by the thousand without ever waiting.
        """
        self._guard.answered(self._seat)
        if self._ended or self.conn.trailing_data[0]:
            self.transport.close()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._guard.counts.malformed += 1
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # an answer is under way already
            self.transport.abort()
