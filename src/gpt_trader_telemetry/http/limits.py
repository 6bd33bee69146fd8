"""What a client may take of the listener, and the count of those that took more."""

from dataclasses import dataclass

__all__ = ["Counts", "Limits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The bounds of one listener; durations are in seconds.

    Requests that wait for us number at most ``threads_per_route + queued_per_route`` for each slow route, and
    at most half of ``connections`` in all; those beyond are told 503 at once.
    """

    connections: int = 64
    """Open connections, handshakes of TLS included."""
    head_seconds: float = 5.0
    """From a connection's start (or the first byte of a later request) to the end of the request's head."""
    request_seconds: float = 30.0
    """From the same start to the end of the answer, as far as the client takes it."""
    idle_seconds: float = 5.0
    """Between two requests on one connection."""
    head_bytes: int = 16 * 1024
    """About how large a request's head may be."""
    backlog: int = 256
    """Connections that the kernel holds until they are accepted; they cost the bot no descriptor."""
    answer_seconds: float = 10.0
    """How long a slow route may take, its wait in the queue included, before the client is told 503."""
    threads_per_route: int = 2
    """Worker threads of each slow route; a route that hangs holds up no other."""
    queued_per_route: int = 14
    """Requests that may wait for these threads."""


@dataclass(slots=True)
class Counts:
    """What happened to the connections of one listener since its start."""

    accepted: int = 0
    refused: int = 0
    """Turned away at the cap, since every other connection was waiting for us."""
    evicted: int = 0
    """Cut off at the cap to make room for a newcomer."""
    timed_out: int = 0
    malformed: int = 0
    """Not HTTP, or not TLS where TLS is spoken."""
    starved: int = 0
    """Times that the process had no descriptor left to accept with."""
