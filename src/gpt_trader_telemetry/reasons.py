"""Any exception, code or word -> a reason of the closed set, and what that reason says about an order.

Clients are recognised by the names of their exception classes and by attributes, so none is ever imported.
Evidence is heard in the order of ``_evidence``. Broad verdicts (``invalid_order``, ``network``) stand unless
later evidence says the same more exactly. Words come last, since brokers echo requests and addresses in them.

>>> reason_of(TimeoutError("no answer")), reason_of(RuntimeError("Strategy not found"))
('timeout', 'error')
>>> disposition_of("insufficient_funds").value
'rejected'
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple

from gpt_trader_telemetry.catalog import REASONS, text_of


class Disposition(StrEnum):
    """What a reason says about an order that did not succeed."""

    REJECTED = "rejected"
    """The broker answered no to this order."""
    FAILED = "failed"
    """No answer, or one that is not about the order."""
    BLOCKED = "blocked"
    """Refused on our side, before the broker was asked."""


REJECTED_REASONS: Final[tuple[str, ...]] = (
    "not_found", "insufficient_funds", "invalid_size", "invalid_price", "invalid_order", "post_only",
    "market_closed", "broker_rejected",
)  # fmt: skip
BLOCKED_REASONS: Final[tuple[str, ...]] = (
    "reduce_only", "slippage_guard", "mark_staleness", "order_preview", "missing_decision_id",
    "quantity_zero", "paused", "guard",
)  # fmt: skip
FAILED_REASONS: Final[tuple[str, ...]] = tuple(
    reason for reason in REASONS if reason not in {"none", *REJECTED_REASONS, *BLOCKED_REASONS}
)
_DISPOSITIONS = dict.fromkeys(REJECTED_REASONS, Disposition.REJECTED)
_DISPOSITIONS |= dict.fromkeys(BLOCKED_REASONS, Disposition.BLOCKED)


def disposition_of(reason: str) -> Disposition:
    """Return what ``reason`` says about an order; what is neither rejected nor blocked has failed."""
    return _DISPOSITIONS.get(reason, Disposition.FAILED)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A classifier's answer: the broker said no to this order."""

    reason: str = "broker_rejected"


@dataclass(frozen=True, slots=True)
class Failed:
    """A classifier's answer: there was no answer, or none about this order."""

    reason: str = "error"


_TEXT_CAP = 2_000  # characters of a message that are looked at
_CODE_CAP = 200  # characters of a code, and of a message inside a body
_LINKS = 5  # an exception and the causes behind it
_MEMBERS: Final = {reason: reason for reason in REASONS}  # a plain str, whatever subclass was asked


def normal_reason(value: object) -> str:
    """Return the reason that ``value`` spells, or ``error``; never raises.

    >>> normal_reason("Insufficient-Funds"), normal_reason("no idea"), normal_reason(None)
    ('insufficient_funds', 'error', 'error')
    """
    try:
        if value is None or (isinstance(value, str) and len(value) > _CODE_CAP):
            return "error"
        folded = text_of(value).strip().casefold()
        return _MEMBERS.get(folded.replace("-", "_").replace(" ", "_"), "error")
    except Exception:
        return "error"


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
    except Exception:
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
            yield _MEMBERS.get(own)
    yield traits.reason
    if traits.mute:
        return
    response = _read(error, "response")
    for source in (error, response):
        for name in ("status_code", "status", "code") if source is not None else ():
            yield _reason_of_status(_read(source, name, traits.unread))
    if traits.rpc:
        yield _reason_of_rpc(error)
    bodies = [body for body in (response, *_arguments(error)[:4]) if isinstance(body, dict)]
    bodies += [body for name in _CODE_ATTRIBUTES if (body := _read(error, name, traits.unread)) is not None]
    if bodies:
        yield from map(reason_of_code, _codes(bodies))
    yield from _heard(_message(error, traits))


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
    except Exception:  # a property of somebody else's
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
        "rate_limit": "RateLimitExceeded DDoSProtection RateLimit TooManyRequests",
        "auth": "Authentication Auth PermissionDenied Unauthorized InvalidNonce RestrictedLocation",
        "insufficient_funds": "InsufficientFunds InsufficientFund InsufficientBalance InsufficientMargin",
        "not_found": "OrderNotFound OrderNotCached NotFound",
        "post_only": "OrderImmediatelyFillable",
        "market_closed": "MarketClosed ContractUnavailable",
        "invalid_order": "InvalidOrder BadRequest InvalidRequest ArgumentsRequired NotSupported",
        "broker_rejected": "OperationRejected OrderRejected OrderNotFillable",
        "exchange_unavailable": "OnMaintenance",
        "cancelled": "FutureCancelled ExchangeClosedByUser",
        "error": "Checksum LocalProtocol UnsupportedProtocol",
        "": "HTTP InvalidURL InvalidURI InvalidStatus InvalidStatusCode",
    }.items()
    for stem in stems.split()
}
# These say so little that everything else is heard first, causes included.
_LAST = {"ExchangeNotAvailable": "exchange_unavailable", "BadResponse": "exchange_unavailable",
         "InvalidHandshake": "network"}  # fmt: skip
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


_STATUSES = {
    400: "invalid_order", 401: "auth", 403: "auth", 404: "not_found", 407: "auth", 408: "timeout",
    409: "invalid_order", 410: "not_found", 418: "rate_limit", 422: "invalid_order", 429: "rate_limit",
    451: "auth", 504: "timeout", 511: "auth",
}  # fmt: skip
_SERVER_ERRORS = range(500, 600)


def _reason_of_status(status: object) -> str | None:
    if not isinstance(status, int):
        return None
    return _STATUSES.get(status) or ("exchange_unavailable" if status in _SERVER_ERRORS else None)


def _reason_of_rpc(error: object) -> str | None:
    """Judge a gRPC error by its code; one whose call has not ended would block when asked for it."""
    done, code = _read(error, "done"), _read(error, "code")
    ended = done() if callable(done) else True
    name = str(_read(code(), "name")) if ended and callable(code) else ""
    return {"UNAVAILABLE": "network", "CANCELLED": "cancelled"}.get(name) or reason_of_code(name)


_CODE_ATTRIBUTES = (
    "new_order_failure_reason", "preview_failure_reason", "edit_failure_reason", "failure_reason",
    "error_code", "code", "error", "error_response", "errors", "body",
)  # fmt: skip
_FIELDS = frozenset(_CODE_ATTRIBUTES) | {
    "errs", "errorCode", "err_code", "error_details", "error_description", "message", "msg", "retMsg",
    "err_msg", "detail", "data", "result", "results",
}  # fmt: skip


def _codes(found: object, depth: int = 4) -> Iterator[str]:
    """Find the texts in the error fields of a body, and nothing of the request that it may echo."""
    if isinstance(found, Enum):
        yield found.value if isinstance(found.value, str) else found.name
    elif isinstance(found, str):
        yield found
    elif isinstance(found, dict) and depth:
        for key in islice(found, 50):
            if key in _FIELDS:
                yield from _codes(found[key], depth - 1)
    elif isinstance(found, list) and depth:
        for item in islice(found, len(_FIELDS)):
            yield from _codes(item, depth - 1)


_MONEY = "(?:funds?|balances?|margin|buying power|collateral|equity|cash|assets?)"
_AMOUNTS = ("size", "quantity", "qty", "amount", "notional", "volume")
_IS_BAD = (
    r"(?: of \S{1,40})?(?: is| was)?"
    " (?:too |below |under |above |less |greater |exceeds |must be |out of |precision|increment|invalid)"
)
# What brokers say, in the order in which it is looked for. Each phrase has plain letters near its start: to
# search for those first rules most of them out.
_PHRASES = (
    ("rate_limit", "rate ?limit(?:s|ed|ing)?", "too many (?:requests|429 error)", "throttled",
     "request frequency", "access frequency", "resource exhausted"),
    ("timeout", "timed out", "request timeout", "read timeout", "connection timeout", "gateway timeout",
     "deadline exceeded"),
    ("network", "connection (?:refused|reset|aborted|closed|lost|broken)", "connect call failed",
     "cannot connect to host", "failed to establish", "name or service not known", "name resolution",
     "network is unreachable", "no route to host", "broken pipe"),
    ("insufficient_funds", rf"insufficient (?:\w+ ){{0,3}}?{_MONEY}", rf"not enough (?:\w+ ){{0,3}}?{_MONEY}",
     rf"exceeds (?:\w+ ){{0,2}}?{_MONEY}", "balance (?:is )?(?:too low|low|not enough|insufficient)"),
    ("market_closed", "market (?:is )?(?:currently )?(?:closed|halted|suspended)", "order entry disabled",
     "trading (?:is )?(?:currently )?(?:closed|halted|suspended|disabled)", r"outside (?:\w+ )?trading hours",
     "untradable product", "trading session"),
    ("auth", "unauthorized", "unauthenticated", "authentication (?:failed|error)", "missing required scopes",
     r"invalid (?:\w+ )?(?:key|signature|nonce|token|scopes?|credentials)", "access denied"),
    ("exchange_unavailable", "service (?:is )?(?:temporarily )?unavailable", "internal (?:server )?error",
     r"too many 5\d\d error", "bad gateway", "(?:under|undergoing|scheduled) maintenance"),
    ("not_found", r"order (?:\w+ ){0,5}?(?:not found|not exist)", "unknown (?:cancel )?order(?! type)",
     "no such order"),
    ("post_only", "post only(?! not)", "would immediately (?:match|execute|fill|take)"),
    ("invalid_price", rf"price{_IS_BAD}", "invalid (?:limit |stop |order )?price", "min(?:imum)? price",
     "price filter", "percent price", "tick size", "would trigger immediately"),
    ("invalid_size", *(word + _IS_BAD for word in _AMOUNTS), f"invalid (?:order )?(?:{'|'.join(_AMOUNTS)})",
     f"min(?:imum)? (?:order |trade )?(?:{'|'.join(_AMOUNTS)})", "lot size", "order minimum"),
)  # fmt: skip
# In a code, which is no prose, single words tell as much.
_CODE_PHRASES = (
    ("timeout", "timeout"),
    ("network", "network(?: error)?$", "connection error"),
    ("auth", "auth$", "authentication", "permission denied", "forbidden", "missing (?:permission|credentials)"),
    ("exchange_unavailable", "unavailable$", "maintenance", "internal$", "server error"),
    ("not_found", "not found"),
    ("invalid_price", "price (?!book)", "(?<= )prices?$"),
    ("invalid_size", *(f"(?<= ){word}|{word} " for word in _AMOUNTS)),
    ("invalid_order", "invalid", "bad request", "unsupported", "duplicate", "not (?:supported|allowed with)",
     r"missing (?:\w+ ){0,2}(?:param|argument)"),
    ("broker_rejected", "rejected", "breached", "restriction", "liquidation", "disabled", "not allowed",
     "missing"),
)  # fmt: skip
_ADDRESS = re.compile(r"(?:\b[a-z]{2,8}://|\burl: )\S*")
_FLAG = re.compile(r"""(?<![\w-])[\w-]++["']?\s*+[:=]\s*+["']?(?:true|false|null|none)\b""")  # post_only: false
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LETTERS = re.compile(r"[a-z ]{2,}(?!\?)")

_Phrase = tuple[str, str, re.Pattern[str]]


def _compiled(rows: Iterable[tuple[str, ...]]) -> list[_Phrase]:
    return [
        (reason, _LETTERS.findall(phrase)[0], re.compile(rf"\b(?:{phrase})\b"))
        for reason, *phrases in rows
        for phrase in phrases
    ]


_IN_PROSE = _compiled(_PHRASES)
_IN_CODE = _compiled(_PHRASES + _CODE_PHRASES)


def _reason_of_words(text: str, phrases: list[_Phrase] = _IN_PROSE) -> str | None:
    text = text.lower()
    if ":" in text or "=" in text:
        text = _FLAG.sub(" ", _ADDRESS.sub(" ", text))
    text = " ".join(text.replace("_", " ").replace("-", " ").split())
    return next((reason for reason, cue, phrase in phrases if cue in text and phrase.search(text)), None)


def reason_of_code(code: str) -> str | None:
    """Return the reason that a broker's error code tells, or None where it tells none.

    Codes are read in any case (``OrderNotFound``, ``order_not_found``); what has spaces is read as a message.
    The answer is never a reason of our own side, since it is the broker who speaks.

    >>> reason_of_code("PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"), reason_of_code("INVALID_SIZE_PRECISION")
    ('post_only', 'invalid_size')
    >>> reason_of_code("UNKNOWN_FAILURE_REASON") is None
    True
    """
    code = code[:_CODE_CAP].strip()
    return _reason_of_words(code) if " " in code else _reason_of_words(_HUMP.sub("_", code), _IN_CODE)


# ccxt: "binance POST https://... 404 Not Found {body}"; requests: "429 Client Error: ...".
_STATUS_IN_TEXT = re.compile(
    r"\S{1,40} (?:GET|POST|PUT|PATCH|DELETE) \S+ ([45]\d\d)\b|([45]\d\d) (?:Client|Server) Error"
)
_BODY = re.compile(r"[\[{]\s*[{\"']")
_FIELD = re.compile(rf"""(["'])(?:{"|".join(sorted(_FIELDS))})\1\s*+:\s*+\[?\s*+(["'])((?:(?!\2).){{1,{_CODE_CAP}}})""")
_CODE = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)+")


def _heard(message: str) -> Iterator[str | None]:
    """Tell what a message says: a status, then the error fields of a body that it quotes, then its words."""
    status = _STATUS_IN_TEXT.match(message)
    if status:
        yield _reason_of_status(int(status[1] or status[2]))
    body = _BODY.search(message)
    if body:
        fields = _FIELD.finditer(message, body.start())
        yield from (reason_of_code(field[3]) for field in islice(fields, len(_FIELDS)))
        message = message[: body.start()]
    yield reason_of_code(message) if _CODE.fullmatch(message) else _reason_of_words(message)


def _message(error: BaseException, traits: _Traits) -> str:
    """Return the start of the message; only a ``__str__`` of its own may cost more than what is looked at."""
    try:
        if traits.speaks:
            text = str(error)
        else:
            text = " ".join(arg[:_TEXT_CAP] for arg in _arguments(error)[:4] if isinstance(arg, str))
        return str.__getitem__(text or _read(error, "message"), slice(_TEXT_CAP))
    except Exception:
        return ""
