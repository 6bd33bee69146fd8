"""Any exception -> a reason of the closed set.

Clients are recognised by the names of their exception classes and by attributes, so none is ever imported.
Evidence is heard in the order of ``_evidence``. Broad verdicts (``invalid_order``, ``network``) stand unless
later evidence says the same more exactly.
"""

from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.reasons.dispositions import MEMBERS, REJECTED_REASONS
from gpt_trader_telemetry.reasons.words import CODE_ATTRIBUTES, codes, heard, reason_of_code, reason_of_status

_TEXT_CAP = 2_000  # characters of a message that are looked at
_LINKS = 5  # an exception and the causes behind it
_EXACT = frozenset(REJECTED_REASONS) - {"invalid_order", "broker_rejected"}
_SHARPER: Final = {
    "invalid_order": _EXACT | {"auth", "rate_limit"},
    "broker_rejected": _EXACT,
    "network": frozenset({"timeout", "rate_limit", "exchange_unavailable"}),
    "auth": frozenset({"insufficient_funds", "market_closed", "rate_limit"}),
}
"""Each broad verdict, and what may take its place when more is heard; every other verdict is final."""


def reason_of(error: BaseException) -> str:
    """Return why ``error`` came, as a reason of the closed set other than ``none``; never raises.

    An attribute ``telemetry_reason`` or ``reason`` that holds a reason of the set decides.

    >>> class BrokerError(Exception):
    ...     reason = "paused"
    >>> reason_of(BrokerError()), reason_of(ValueError("insufficient USD balance"))
    ('paused', 'insufficient_funds')
    """
    try:
        return _judge(error)
    except Exception as fault:
        if interrupts(fault):
            raise
        return "error"


def _judge(error: BaseException) -> str:
    held = last = ""
    link: object = error
    for _ in range(_LINKS):
        if not isinstance(link, BaseException):
            break
        kind: Any = type(link)
        traits = _traits(kind)
        for reason in _evidence(link, traits):
            if reason and (not held or reason in _SHARPER[held]):
                held = reason
                if reason not in _SHARPER:
                    return reason
        last = last or traits.last
        link = _behind(link, traits)
    return held or last or "error"


def _evidence(error: BaseException, traits: "_Traits") -> Iterator[str | None]:
    """Tell what one exception says, without its causes, the best evidence first."""
    if isinstance(error, CancelledError) or not isinstance(error, Exception):
        yield "cancelled"
    for name in ("telemetry_reason", "reason"):
        own = _read(error, name, traits.unread)
        if isinstance(own, str) and own != "none":
            yield MEMBERS.get(own)
    yield traits.reason
    if traits.mute:
        return
    response = _read(error, "response")
    for source in (error, response):
        for name in ("status_code", "status", "code") if source is not None else ():
            yield reason_of_status(_read(source, name, traits.unread))
    if traits.rpc:
        yield _reason_of_rpc(error)
    bodies = [body for body in (response, *_arguments(error)[:4]) if isinstance(body, dict)]
    bodies += [body for name in CODE_ATTRIBUTES if (body := _read(error, name, traits.unread)) is not None]
    if bodies:
        yield from map(reason_of_code, codes(bodies))
    yield from heard(_message(error, traits))


def _behind(error: BaseException, traits: "_Traits") -> object:
    """Return what is behind an exception: its cause, or one it carries (urllib, requests, groups of one)."""
    members = _read(error, "exceptions")
    alone = members if isinstance(members, tuple) and len(members) == 1 else ()
    carried = (error.__cause__, _read(error, "reason", traits.unread), *_arguments(error)[:1], *alone)
    return next((found for found in carried if isinstance(found, BaseException)), None)


_arguments = vars(BaseException)["args"].__get__  # the real ones, whatever a class calls `args`


def _read(source: object, name: str, unread: frozenset[str] = frozenset()) -> Any:
    try:
        return None if name in unread else getattr(source, name, None)
    except Exception as fault:  # a property of somebody else's
        if interrupts(fault):
            raise
        return None


# Class names without Error or Exception at their end: ccxt, requests, urllib3, httpx, aiohttp, websockets,
# websocket-client, grpc, the standard library. The nearest in the MRO decides, so exceptions to a base stand
# beside it; "" leaves the verdict to status, codes and words, though a base would have one.
_CLASSES: Final = {
    stem: reason
    for reason, stems in {
        "timeout": "Timeout RequestTimeout ConnectTimeout ReadTimeout WriteTimeout PoolTimeout ServerTimeout"
        " ConnectionTimeout SocketTimeout FutureTimeout WebSocketTimeout",
        "network": "Network Connection ClientConnection ClientPayload ConnectionClosed NewConnection MaxRetry"
        " ChunkedEncoding IncompleteRead InvalidChunkLength Protocol Transport Proxy SSL URL gaierror herror"
        " BrokenResource http.client.HTTPException WebSocketConnectionClosed WebSocketAddress WebSocketProxy",
        "rate_limit": "RateLimitExceeded RateLimit TooManyRequests",
        "auth": "Authentication Auth PermissionDenied Unauthorized InvalidNonce RestrictedLocation",
        "insufficient_funds": "InsufficientFunds InsufficientFund InsufficientBalance InsufficientMargin",
        "not_found": "OrderNotFound OrderNotCached NotFound",
        "market_closed": "MarketClosed ContractUnavailable",
        "invalid_order": "InvalidOrder BadRequest InvalidRequest ArgumentsRequired NotSupported",
        "broker_rejected": "OperationRejected OrderRejected OrderNotFillable CancelPending InvalidAddress",
        "cancelled": "FutureCancelled ExchangeClosedByUser",
        "error": "Checksum LocalProtocol UnsupportedProtocol",
        "": "HTTP InvalidURL InvalidURI InvalidStatus InvalidStatusCode",
    }.items()
    for stem in stems.split()
}
# These say so little that everything else is heard first, causes included.
_LAST = {"ExchangeNotAvailable": "exchange_unavailable", "OnMaintenance": "exchange_unavailable",
         "BadResponse": "exchange_unavailable", "DDoSProtection": "rate_limit",
         "OrderImmediatelyFillable": "post_only", "InvalidHandshake": "network"}  # fmt: skip
# Built-in exceptions that people raise with words of their own; the others are bugs and their words data.
_SPEAKING = frozenset({Exception, RuntimeError, ValueError, OSError, ExceptionGroup})
_WARNING = frozenset({"aiohttp", "websockets"})  # to read their `code` or `reason` warns of deprecation


class _Traits(NamedTuple):
    """What the class of an exception tells."""

    reason: str
    last: str
    mute: bool
    speaks: bool  # its __str__ is its own
    rpc: bool
    unread: frozenset[str]


@lru_cache(maxsize=1_024)
def _traits(kind: type[Any]) -> _Traits:
    pairs = ((f"{owner.__module__}.{owner.__name__}", _stem(owner)) for owner in kind.__mro__)
    names = [name for pair in pairs for name in pair]
    nearest = next((name for name in names if name in _CLASSES or name in _LAST), "")
    reason = _CLASSES.get(nearest, "")
    return _Traits(
        reason=reason,
        last=_LAST.get(nearest, ""),
        mute=kind.__module__ == "builtins" and not reason and kind not in _SPEAKING,
        speaks=_home(kind, "__str__") != "builtins",
        rpc="Rpc" in names,
        unread=frozenset(name for name in ("code", "reason") if _home(kind, name) in _WARNING),
    )


def _stem(kind: type) -> str:
    return kind.__name__.removesuffix("Error").removesuffix("Exception")


def _home(kind: type, name: str) -> str:
    """Return the package whose class gives ``kind`` its attribute ``name``."""
    owner = next((owner for owner in kind.__mro__ if name in vars(owner)), object)
    return str(owner.__module__).partition(".")[0]


def _reason_of_rpc(error: object) -> str | None:
    """Judge a gRPC error by its code; one whose call has not ended would block when asked for it."""
    done, code = _read(error, "done"), _read(error, "code")
    ended = done() if callable(done) else True
    name = str(_read(code(), "name")) if ended and callable(code) else ""
    return {"UNAVAILABLE": "network", "CANCELLED": "cancelled"}.get(name) or reason_of_code(name)


def _message(error: BaseException, traits: _Traits) -> str:
    """Return the start of the message; only a ``__str__`` of its own may cost more than what is looked at."""
    try:
        if traits.speaks:
            text = str(error)
        else:
            text = " ".join(arg[:_TEXT_CAP] for arg in _arguments(error)[:4] if isinstance(arg, str))
        return str.__getitem__(text or _read(error, "message"), slice(_TEXT_CAP))
    except Exception as fault:
        if interrupts(fault):
            raise
        return ""
