"""HTTP attempts of a client: how long each took, whether it was answered, and which were retries.

An answer of "no" is an answer: the order was refused, the API worked. An attempt is in error if there was no answer,
or one that is about the client and not about what it asked: a time-out, 429, 401, 5xx.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, Self

from gpt_trader_telemetry.catalog import API_LATENCY, API_REQUESTS, API_RETRIES
from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.instrument.site import Scope, opened
from gpt_trader_telemetry.integrations.calls import (
    COMPONENT,
    PREVIEW,
    Arguments,
    Client,
    ClientSite,
    call_around,
    uncounted,
)
from gpt_trader_telemetry.reasons import Disposition, disposition_of, reason_of
from gpt_trader_telemetry.recording.recorder import INTERRUPTS

_CATEGORIES: Final = [
    (category, re.compile(words))
    for category, words in (
        ("market", "order_?-?book|best_bid_ask"),
        ("orders", "order|fills?(?![a-z])|algo|cancel"),
        ("market", "book|ticker|trades|depth|candle|kline|ohlc|spread|funding|mark_?price|quote"),
        ("accounts", "account|balance|wallet|ledger|position|margin|portfolio|fee|withdraw|deposit|transfer"),
        ("products", "asset|product|instrument|symbol|market|currenc|pair|exchange_?info|contract|coin"),
    )
]
"""Words in the path of a request and what it is about, in the order in which they are looked for."""

_OF_ORDERS: Final = frozenset({SUBMIT, PREVIEW, "edit"})
"""Operations that are about orders though their names do not say so."""


@lru_cache(maxsize=512)
def category_of(path: str) -> str:
    """Return what a request to ``path`` is about, a value of the label ``category``.

    ``path`` has no query, where clients put their signatures.

    >>> [category_of(path) for path in ("0/private/AddOrder", "api/v3/depth", "sapi/v1/account", "x")]
    ['orders', 'market', 'accounts', 'other']
    """
    path = path.lower()
    return next((category for category, words in _CATEGORIES if words.search(path)), "other")


def path_of_url(url: str) -> str:
    """Return the path of an address, without what is before and after it.

    >>> path_of_url("https://api.example.com/api/v3/order?signature=x")
    'api/v3/order'
    """
    return url.partition("?")[0].partition("://")[2].partition("/")[2]


_REMAINING_AND_LIMIT: Final = (
    ("ratelimit-remaining", "ratelimit-limit"),
    ("x-ratelimit-remaining", "x-ratelimit-limit"),
    ("x-bapi-limit-status", "x-bapi-limit"),
    ("gw-ratelimit-remaining", "gw-ratelimit-limit"),
    ("x-gate-ratelimit-requests-remain", "x-gate-ratelimit-limit"),
)


def rate_limit_usage(headers: Mapping[str, str]) -> float | None:
    """Return the share of the rate limit that is used up, from 0 to 1, where the answer's headers tell it.

    >>> rate_limit_usage({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "25"})
    0.75
    >>> rate_limit_usage({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "25"})
    0.75
    >>> rate_limit_usage({"RateLimit-Limit": "plenty", "RateLimit-Remaining": "25"}) is None
    True
    """
    pair = _pair_among(tuple(headers))
    if pair is None:
        return None
    remaining, limit = (_first_number(headers[name]) for name in pair)
    return min(1.0, max(0.0, 1 - remaining / limit)) if remaining is not None and limit else None


def _first_number(header: object) -> float | None:
    """Return the whole number that a header begins with: lists of windows follow it in some."""
    found = re.match(r"\s*(\d{1,15})\b", header) if isinstance(header, str) else None
    return None if found is None else float(found[1])


@lru_cache(maxsize=64)  # most answers have the headers of the one before
def _pair_among(names: tuple[str, ...]) -> tuple[str, str] | None:
    folded = {name.lower(): name for name in names}
    pairs = ((folded.get(remaining), folded.get(limit)) for remaining, limit in _REMAINING_AND_LIMIT)
    return next(((remaining, limit) for remaining, limit in pairs if remaining and limit), None)


class RequestSite(ClientSite):
    """A method that makes attempts until one is answered; those after the first are retries."""

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a request."""
        return uncounted() if self.recorder is None else opened(Request(), self)


class Request(Scope):
    """A request, whatever attempts it takes."""

    site: RequestSite
    failed: str | None = None
    """Why the last attempt failed, if it did."""

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record nothing: its attempts do."""


class AttemptSite(ClientSite):
    """A method that makes one HTTP attempt.

    Args:
        client: what it records by.
        path: reads the path, without a query, from the arguments.
        headers: of the answer, read from the arguments when it has come, where the library keeps them.
    """

    def __init__(self, client: Client, path: Arguments, headers: Arguments | None = None) -> None:
        super().__init__(client)
        self.path = path
        self.headers = headers

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin an attempt. Never raises."""
        recorder = self.recorder
        if recorder is None:
            return uncounted()
        try:
            attempt = opened(Attempt(), self)
            attempt.category = self._category(args, kwargs)
            attempt.arguments = (args, kwargs)
            attempt.request = request = _request_around(self.client)
            if request is not None and request.failed is not None:
                labels = (("category", attempt.category), ("reason", request.failed))
                recorder.events((API_RETRIES, labels))(1)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, "an HTTP attempt could not be followed", fault)
            return uncounted()
        return attempt

    def _category(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        category = category_of(self.path(args, kwargs))
        around = call_around(self.client.slot) if category == "other" else None
        if around is None:
            return category
        # Some exchanges have one path for everything; then it is what the call is about.
        return "orders" if around.operation in _OF_ORDERS else category_of(around.operation)


class Attempt(Scope):
    """One HTTP attempt."""

    site: AttemptSite
    category: str
    request: Request | None
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]]

    def __enter__(self) -> Self:
        self.start = self.start or perf_counter()
        return self

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the attempt."""
        recorder = self.site.recorder
        reason = None if error is None else reason_of(error)
        if self.request is not None:
            self.request.failed = reason
        if recorder is not None:
            failed = reason is not None and disposition_of(reason) is Disposition.FAILED
            labels = (("category", self.category), ("result", "error" if failed else "success"))
            recorder.events((API_LATENCY, labels), (API_REQUESTS, labels))(seconds)
            client = self.site.client
            client.note_rate_limit(self._usage())
            if reason == "rate_limit" and client.tells_rate_limit:
                client.note_rate_limit(1.0)

    def _usage(self) -> float | None:
        headers = None if self.site.headers is None else self.site.headers(*self.arguments)
        return rate_limit_usage(headers) if isinstance(headers, Mapping) else None


def _request_around(client: Client) -> Request | None:
    scope = open_scope()
    while scope is not None:
        if isinstance(scope, Request) and not scope.closed and scope.site.client is client:
            return scope
        scope = scope.outer
    return None
