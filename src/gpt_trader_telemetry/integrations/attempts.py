"""HTTP attempts of a client: how long each took, whether it was answered, and which were retries.

An answer of "no" is an answer: the order was refused, the API worked. An attempt is in error if there was no answer,
or one that is about the client and not about what it asked: a time-out, 429, 401, 5xx.
"""

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter
from types import FrameType
from typing import Any, Final

from gpt_trader_telemetry.catalog import API_LATENCY, API_REQUESTS, API_RETRIES
from gpt_trader_telemetry.instrument.innermost import is_finalizing
from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.error_rate import ErrorRate
from gpt_trader_telemetry.integrations.method import OF_ORDERS
from gpt_trader_telemetry.integrations.scopes import ClientCall, call_around
from gpt_trader_telemetry.interrupts import INTERRUPTS
from gpt_trader_telemetry.reasons import Disposition, disposition_of, reason_of
from gpt_trader_telemetry.recording.recorder import LabelSet, Observe, Recorder

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

_OF_ORDERS: Final = OF_ORDERS | {"edit"}
"""Operations that are about orders though their names do not say so."""

_MOST_ENDPOINTS: Final = 512
_UNTOLD: Final = 16
"""An address whose last so many answers did not tell of a rate limit is looked at once in so many from then on."""

_FRAMES: Final = 16
"""How far above an attempt its request is looked for: a subclass of the bot's may stand between."""

_UNRECORDED: Final = "an HTTP attempt could not be recorded"

OTHER: Final = "other"
"""The category of a path that says nothing known."""


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


def _is_in_request() -> bool:
    """Tell whether this code runs in a request that tells its retries. It takes a while: for attempts that failed."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame is None:
            return False
        if frame.f_code.co_name == "requested" and frame.f_code.co_filename == __file__:
            return True
        frame = frame.f_back
    return False


def _note_failure(failure: str | None) -> None:
    # A finalizer may set no variable of its context: see `innermost`.
    if not is_finalizing():
        _failure.set(failure)


class Endpoint:
    """What is asked at one address, and what takes the seconds of an attempt that was answered there."""

    __slots__ = ("category", "succeeded", "untold")

    def __init__(self, recorder: Recorder, category: str) -> None:
        self.category = category
        self.succeeded = _observer(recorder, category, "success")
        self.untold = 0
        """Answers since the last that told how much of the rate limit is used."""


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
        self._recorder: Recorder | None = None
        self._note: Callable[[tuple[float, bool]], object] = ErrorRate().note
        self._endpoints: dict[str, Endpoint] = {}
        """By address, or by operation where the call tells; they record into the recorder alone."""
        client.slot.subscribe(self)

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""
        # In this order: who has found the new endpoints does not find the old recorder.
        self._recorder = None
        self._endpoints = {}
        if recorder is not None:
            self._note = ErrorRate.of(recorder).note
        self._recorder = recorder

    def recording(self, attempt: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method such that its attempts are recorded."""
        client = self._client
        if inspect.iscoroutinefunction(attempt):

            @functools.wraps(attempt)
            async def attempted(*args: Any, **kwargs: Any) -> Any:
                recorder = client.recorder
                if recorder is None:
                    return await attempt(*args, **kwargs)
                endpoint = self._begun(recorder, args, kwargs)
                start = perf_counter()
                try:
                    value = await attempt(*args, **kwargs)
                except BaseException as error:
                    self._raised(recorder, endpoint, args, error, start)
                    raise
                self._returned(recorder, endpoint, args, value, start)
                return value
        else:

            @functools.wraps(attempt)
            def attempted(*args: Any, **kwargs: Any) -> Any:
                recorder = client.recorder
                if recorder is None:
                    return attempt(*args, **kwargs)
                endpoint = self._begun(recorder, args, kwargs)
                start = perf_counter()
                try:
                    value = attempt(*args, **kwargs)
                except BaseException as error:
                    self._raised(recorder, endpoint, args, error, start)
                    raise
                self._returned(recorder, endpoint, args, value, start)
                return value

        return attempted

    def _begun(self, recorder: Recorder, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Endpoint:
        """Return what an attempt asks that begins, and count it where it is a retry. Never raises."""
        try:
            address = (args[self._position] if len(args) > self._position else kwargs[self._name]).partition("?")[0]
            endpoint = self._endpoints.get(address) or self._met(recorder, address, category_of(address))
            if self._call_tells and endpoint.category == OTHER:
                endpoint = self._told_by_call(recorder) or endpoint
            if failure := _failure.get():
                _note_failure(None)
                recorder.events((API_RETRIES, (("category", endpoint.category), ("reason", failure))))(1)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, "an HTTP attempt could not be followed", fault)
            return Endpoint(recorder, OTHER)
        return endpoint

    def _told_by_call(self, recorder: Recorder) -> Endpoint | None:
        around = call_around(self._client.slot)
        if around is None:
            return None
        operation = around.operation
        category = "orders" if operation in _OF_ORDERS else category_of(operation)
        return self._endpoints.get(operation) or self._met(recorder, operation, category)

    def _met(self, recorder: Recorder, asked: str, category: str) -> Endpoint:
        endpoint, endpoints = Endpoint(recorder, category), self._endpoints
        if len(endpoints) >= _MOST_ENDPOINTS:  # where ids are in paths
            endpoints.clear()
        if self._recorder is recorder:
            endpoints[asked] = endpoint
        return endpoint

    def _returned(
        self, recorder: Recorder, endpoint: Endpoint, args: tuple[Any, ...], value: object, start: float
    ) -> None:
        """Record an attempt that returned. Never raises."""
        seconds = perf_counter() - start
        try:
            if value.__class__ is str and _is_page(value):
                self._page(recorder, endpoint.category, start, seconds)
                return
            endpoint.succeeded(seconds)
            self._note((start, False))
            untold = endpoint.untold
            endpoint.untold = untold + 1
            if self._headers is not None and (untold < _UNTOLD or untold % _UNTOLD == 0):
                self._read_headers(endpoint, args[0])
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, _UNRECORDED, fault)

    def _read_headers(self, endpoint: Endpoint, asked: object) -> None:
        headers = None if self._headers is None else self._headers(asked)
        if headers is not None and self._client.note_answer(headers):
            endpoint.untold = 0

    def _page(self, recorder: Recorder, category: str, start: float, seconds: float) -> None:
        """Record that a web page came though nothing was raised: not the API answered, and so the call failed."""
        _observer(recorder, category, "error")(seconds)
        self._note((start, True))
        around = call_around(self._client.slot)
        if isinstance(around, ClientCall):
            around.fail("exchange_unavailable")

    def _raised(
        self, recorder: Recorder, endpoint: Endpoint, args: tuple[Any, ...], error: BaseException, start: float
    ) -> None:
        """Record an attempt that raised: there may have been an answer nevertheless. Never raises."""
        seconds = perf_counter() - start
        with recorder.faults.shield(COMPONENT, _UNRECORDED):
            reason = reason_of(error)
            if _is_in_request():
                _note_failure(reason)
            failed = disposition_of(reason) is Disposition.FAILED
            _observer(recorder, endpoint.category, "error" if failed else "success")(seconds)
            self._note((start, failed))
            self._read_headers(endpoint, args[0])
            if reason == "rate_limit":
                self._client.note_limit_reached()


def _is_page(text: Any) -> bool:
    return bool(text[:100].lstrip()[:1] == "<")


def _observer(recorder: Recorder, category: str, result: str) -> Observe:
    labels: LabelSet = (("category", category), ("result", result))
    return recorder.events((API_LATENCY, labels), (API_REQUESTS, labels))
