"""HTTP attempts of a client: how long each took, whether it was answered, and which were retries.

An answer of "no" is an answer: the order was refused, the API worked. An attempt is in error if there was no answer,
or one that is about the client and not about what it asked: a time-out, 429, 401, 5xx.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final

from gpt_trader_telemetry.catalog import API_LATENCY, API_REQUESTS, API_RETRIES
from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.innermost import is_finalizing
from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.method import PREVIEW
from gpt_trader_telemetry.integrations.rate_limits import REMAINING
from gpt_trader_telemetry.integrations.scopes import ClientCall, call_around
from gpt_trader_telemetry.reasons import Disposition, disposition_of, reason_of
from gpt_trader_telemetry.recording.recorder import INTERRUPTS, LabelSet, Observe, Recorder

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

_UNRECORDED: Final = "an HTTP attempt could not be recorded"

OTHER: Final = "other"
"""The category of a path that says nothing known."""


@functools.lru_cache(maxsize=512)
def category_of(address: str) -> str:
    """Return what a request to an address or a path is about, a value of the label ``category``.

    ``address`` has no query, where clients put their signatures.

    >>> addresses = ("https://orders.example/0/private/AddOrder", "https://orders.example/0/x", "api/v3/depth")
    >>> [category_of(address) for address in addresses]
    ['orders', 'other', 'market']
    """
    path, _, rest = address.partition("://")
    path = rest.partition("/")[2] if rest else path
    return next((category for category, words in _CATEGORIES if words.search(path.lower())), OTHER)


_failure: Final[ContextVar[str | None]] = ContextVar("gpt_trader_telemetry_failed_attempt", default=None)
"""Why the last attempt failed of the request that this code makes, if it did.

It is set only when one fails: that costs more than all else here.
"""


def telling_retries(request: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that makes attempts until one is answered, such that those after a failed one are retries."""
    if inspect.iscoroutinefunction(request):

        @functools.wraps(request)
        async def requested(*args: Any, **kwargs: Any) -> Any:
            around = _failure.get()
            if around is not None:
                _note_failure(None)
            try:
                return await request(*args, **kwargs)
            finally:
                if _failure.get() is not around:
                    _note_failure(around)
    else:

        @functools.wraps(request)
        def requested(*args: Any, **kwargs: Any) -> Any:
            around = _failure.get()
            if around is not None:
                _note_failure(None)
            try:
                return request(*args, **kwargs)
            finally:
                if _failure.get() is not around:
                    _note_failure(around)

    return requested


def _note_failure(failure: str | None) -> None:
    # A finalizer may set no variable of its context: see `innermost`.
    if not is_finalizing():
        _failure.set(failure)


class Attempts:
    """Records a method that makes one HTTP attempt. An attempt is no scope: nothing within it asks for one.

    Args:
        client: what it records by.
        position: where the address or path stands among the arguments.
        name: what it is called there.
        headers: reads those of the last answer from the object whose method it is, where the library keeps them.
        call_tells: whether the call around tells what an attempt is about where its path does not: some exchanges
            have one path for everything.
    """

    def __init__(
        self,
        client: Client,
        position: int,
        name: str,
        *,
        headers: Callable[[Any], Any] | None = None,
        call_tells: bool = False,
    ) -> None:
        self._client = client
        self._position = position
        self._name = name
        self._headers = headers
        self._call_tells = call_tells
        self._succeeded: dict[str, Observe] = {}
        """What takes the seconds of an attempt that was answered, by its category."""
        client.slot.subscribe(self)

    def attach(self, _recorder: Recorder | None) -> None:
        """Record into another recorder from now on: the client's."""
        self._succeeded = {}

    def recording(self, attempt: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method such that its attempts are recorded."""
        client = self._client
        if inspect.iscoroutinefunction(attempt):

            @functools.wraps(attempt)
            async def attempted(*args: Any, **kwargs: Any) -> Any:
                recorder = client.recorder
                if recorder is None:
                    return await attempt(*args, **kwargs)
                category = self._begun(recorder, args, kwargs)
                start = perf_counter()
                try:
                    value = await attempt(*args, **kwargs)
                except BaseException as error:
                    self._raised(recorder, category, args, error, perf_counter() - start)
                    raise
                self._returned(recorder, category, args, value, perf_counter() - start)
                return value
        else:

            @functools.wraps(attempt)
            def attempted(*args: Any, **kwargs: Any) -> Any:
                recorder = client.recorder
                if recorder is None:
                    return attempt(*args, **kwargs)
                category = self._begun(recorder, args, kwargs)
                start = perf_counter()
                try:
                    value = attempt(*args, **kwargs)
                except BaseException as error:
                    self._raised(recorder, category, args, error, perf_counter() - start)
                    raise
                self._returned(recorder, category, args, value, perf_counter() - start)
                return value

        return attempted

    def _begun(self, recorder: Recorder, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the category of an attempt that begins, and count it where it is a retry. Never raises."""
        category = OTHER
        try:
            address = args[self._position] if len(args) > self._position else kwargs[self._name]
            category = category_of(address.partition("?")[0])
            if category == OTHER and self._call_tells:
                category = _category_around(self._client)
            if failure := _failure.get():
                recorder.events((API_RETRIES, (("category", category), ("reason", failure))))(1)
                _note_failure(None)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, "an HTTP attempt could not be followed", fault)
        return category

    def _returned(
        self, recorder: Recorder, category: str, args: tuple[Any, ...], value: object, seconds: float
    ) -> None:
        """Record an attempt that returned. Never raises."""
        try:
            if value.__class__ is str and _is_page(value):
                self._page(recorder, category, seconds)
                return
            succeeded = self._succeeded.get(category)
            if succeeded is None:
                succeeded = self._succeeded[category] = _observer(recorder, category, "success")
            succeeded(seconds)
            headers = None if self._headers is None else self._headers(args[0])
            # The headers of `requests` go through three functions for each name; the dict that they are in does not.
            names = getattr(headers, "_store", None)
            if headers is not None and (names is None or not REMAINING.isdisjoint(names)):
                self._client.note_answer(headers)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, _UNRECORDED, fault)

    def _page(self, recorder: Recorder, category: str, seconds: float) -> None:
        """Record that a web page came though nothing was raised: not the API answered, and so the call failed."""
        _observer(recorder, category, "error")(seconds)
        around = call_around(self._client.slot)
        if isinstance(around, ClientCall):
            around.fail("exchange_unavailable")

    def _raised(
        self, recorder: Recorder, category: str, args: tuple[Any, ...], error: BaseException, seconds: float
    ) -> None:
        """Record an attempt that raised: there may have been an answer nevertheless. Never raises."""
        with recorder.faults.shield(COMPONENT, _UNRECORDED):
            reason = reason_of(error)
            _note_failure(reason)
            failed = disposition_of(reason) is Disposition.FAILED
            _observer(recorder, category, "error" if failed else "success")(seconds)
            headers = None if self._headers is None else self._headers(args[0])
            if headers is not None:
                self._client.note_answer(headers)
            if reason == "rate_limit":
                self._client.note_limit_reached()


def _is_page(text: Any) -> bool:
    return bool(text[:100].lstrip()[:1] == "<")


def _category_around(client: Client) -> str:
    """Return what the call is about that this code runs in."""
    around = call_around(client.slot)
    if around is None:
        return OTHER
    return "orders" if around.operation in _OF_ORDERS else category_of(around.operation)


def _observer(recorder: Recorder, category: str, result: str) -> Observe:
    labels: LabelSet = (("category", category), ("result", result))
    return recorder.events((API_LATENCY, labels), (API_REQUESTS, labels))
