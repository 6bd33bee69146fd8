"""What plain functions return to be awaited: a run of theirs ends when that has been awaited."""

import functools
import inspect
from collections.abc import Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from gpt_trader_telemetry.instrument.site import Scope
from gpt_trader_telemetry.interrupts import interrupts

if TYPE_CHECKING:
    import asyncio

    from gpt_trader_telemetry.instrument.proxies import Awaitable


def when_awaited(value: Any, scope: Scope) -> Any:
    """Return ``value`` such that ``scope`` is finished when it has been awaited. Never raises.

    A future or task stays the object it is; a coroutine stays a coroutine; any other awaitable is proxied.
    """
    if _is_future(value):
        _finish_when_done(value, scope)
        return value
    if type(value) is CoroutineType:
        awaited: Any = _awaited(_Unstarted(value), scope)
        awaited.__name__, awaited.__qualname__ = value.__name__, value.__qualname__
        return awaited
    kind = type(value)
    return _proxy_for(
        isinstance(value, Coroutine), hasattr(kind, "__aenter__"), hasattr(kind, "__aiter__")
    )(value, scope)  # fmt: skip


def _is_future(value: Any) -> bool:
    # What asyncio.isfuture() asks; asyncio is not loaded where the bot has not loaded it.
    return hasattr(value.__class__, "_asyncio_future_blocking") and value._asyncio_future_blocking is not None


def _finish_when_done(future: "asyncio.Future[Any]", scope: Scope) -> None:
    try:
        if future.done():  # a callback would need its event loop, which may be closed or another thread's
            _finish_with_future(scope, future)
        else:
            future.add_done_callback(functools.partial(_finish_with_future, scope))
    except Exception as fault:
        if interrupts(fault):
            raise
        if scope.site.recorder is not None:
            scope.site.recorder.faults.note("instrument", "a future could not be followed", fault)


def _finish_with_future(scope: Scope, future: "asyncio.Future[Any]") -> None:
    if future.cancelled():
        import asyncio  # noqa: PLC0415 - loaded, since there is a future

        scope.finish(asyncio.CancelledError())
        return
    # Asking `exception()` would mark it as retrieved and so silence asyncio's own report of a lost one.
    error = getattr(future, "_exception", None)
    if error is None:
        scope.returned(future.result())
    scope.finish(error)


class _Unstarted:
    """Holds a coroutine until it is awaited.

    Where that never happens, the caller's coroutine is the one to be warned of, or to be closed in silence.
    """

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        if inspect.getcoroutinestate(self.coroutine) == inspect.CORO_CREATED:
            self.coroutine.close()


async def _awaited(unstarted: _Unstarted, scope: Scope) -> Any:
    scope.__enter__()
    try:
        value = await unstarted.coroutine
        scope.returned(value)
        scope.finish(None)
    except BaseException as error:
        try:
            scope.finish(error)
        except BaseException as interrupt:  # as in wrap
            scope.finish(interrupt)
            raise
        raise
    return value


@functools.cache
def _proxy_for(coroutine: bool, manager: bool, iterable: bool) -> type["Awaitable"]:  # noqa: FBT001 - of one caller
    """Return a proxy class that can do what the awaitable can."""
    from gpt_trader_telemetry.instrument.proxies import (  # noqa: PLC0415 - loads wrapt
        Awaitable,
        AwaitableIterable,
        AwaitableManager,
        CoroutineLike,
    )

    chosen = ((CoroutineLike, coroutine), (AwaitableManager, manager), (AwaitableIterable, iterable))
    bases = tuple(base for base, wanted in chosen if wanted)
    return type("_Awaitable", bases, {}) if bases else Awaitable
