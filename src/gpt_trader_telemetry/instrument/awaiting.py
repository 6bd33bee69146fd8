"""What plain functions return to be awaited: a run of theirs ends when that has been awaited."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import wrapt

from gpt_trader_telemetry.instrument.site import Scope

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # not generic in all the releases that will do


def when_awaited(value: Any, scope: Scope) -> Any:
    """Return ``value`` such that ``scope`` is finished when it has been awaited. Never raises.

    A future or task stays the object it is; a coroutine stays a coroutine; any other awaitable is proxied.
    """
    if asyncio.isfuture(value):
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


def _finish_when_done(future: "asyncio.Future[Any]", scope: Scope) -> None:
    try:
        if future.done():  # a callback would need its event loop, which may be closed or another thread's
            _finish_with_future(scope, future)
        else:
            future.add_done_callback(functools.partial(_finish_with_future, scope))
    except Exception as fault:
        if scope.site.recorder is not None:
            scope.site.recorder.faults.note("instrument", "a future could not be followed", fault)


def _finish_with_future(scope: Scope, future: "asyncio.Future[Any]") -> None:
    if future.cancelled():
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
    with scope:
        value = await unstarted.coroutine
        scope.returned(value)
    return value


class _Awaitable(Proxy):
    """An awaitable that finishes its scope when it has been awaited the first time."""

    _self_scope: Scope | None

    def __init__(self, wrapped: Any, scope: Scope) -> None:
        super().__init__(wrapped)
        self._self_scope = scope

    def __await__(self) -> Generator[Any, Any, Any]:
        scope, self._self_scope = self._self_scope, None
        if scope is None:
            return (yield from self.__wrapped__.__await__())
        with scope:
            value = yield from self.__wrapped__.__await__()
            scope.returned(value)
        return value


class _CoroutineLike(_Awaitable):
    """An awaitable that is driven like a coroutine too, as a task does."""

    _self_started = False

    def send(self, value: Any) -> Any:
        return self._self_step(self.__wrapped__.send, value)

    def throw(self, *raised: Any) -> Any:
        return self._self_step(self.__wrapped__.throw, *raised)

    def close(self) -> None:
        if not self._self_started:
            self._self_scope = None
        self._self_step(self.__wrapped__.close)
        scope, self._self_scope = self._self_scope, None
        if scope is not None:
            scope.finish(GeneratorExit())

    def _self_step(self, step: Callable[..., Any], *given: Any) -> Any:
        scope = self._self_scope
        if scope is None:
            return step(*given)
        self._self_started = True
        scope.__enter__()
        try:
            return step(*given)
        except StopIteration as stop:
            self._self_scope = None
            scope.returned(stop.value)
            scope.finish(None)
            raise
        except BaseException as error:
            self._self_scope = None
            scope.finish(error)
            raise
        finally:
            scope.leave()


class _Manager(_Awaitable):
    """An awaitable that is an asynchronous context manager too."""

    async def __aenter__(self) -> Any:
        scope, self._self_scope = self._self_scope, None
        if scope is None:
            return await self.__wrapped__.__aenter__()
        with scope:
            value = await self.__wrapped__.__aenter__()
            scope.returned(value)
        return value

    async def __aexit__(self, *raised: object) -> Any:
        return await self.__wrapped__.__aexit__(*raised)


class _Iterable(_Awaitable):
    """An awaitable that can be iterated over asynchronously too."""

    def __aiter__(self) -> Any:
        return self.__wrapped__.__aiter__()

    def __anext__(self) -> Any:
        return self.__wrapped__.__anext__()


@functools.cache
def _proxy_for(coroutine: bool, manager: bool, iterable: bool) -> type[_Awaitable]:  # noqa: FBT001 - of one caller
    """Return a proxy class that can do what the awaitable can."""
    chosen = ((_CoroutineLike, coroutine), (_Manager, manager), (_Iterable, iterable))
    bases = tuple(base for base, wanted in chosen if wanted)
    return type("_Awaitable", bases, {}) if bases else _Awaitable
