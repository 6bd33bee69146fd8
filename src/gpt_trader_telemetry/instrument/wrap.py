"""Wrapping any kind of callable without changing what it takes, returns or raises.

Two shapes of a kind: with two clock reads and nothing else where every run that returns is a success, and with a
scope where the outcome depends on arguments or values. Kinds: functions, functions that return awaitables,
coroutine functions, generator functions and asynchronous generator functions; methods, static and class methods,
partials and callable objects are these underneath.
"""

import asyncio
import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from time import perf_counter
from types import CoroutineType, NoneType
from typing import Any, TypeVar, cast

import wrapt

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.site import Scope, Site

AnyCallable = Callable[..., Any]
F = TypeVar("F", bound=Callable[..., Any])


def wrap(function: F, make_site: Callable[[AnyCallable], Site]) -> F:
    """Return ``function`` recording into the site that ``make_site`` gives for the bare function.

    Raises:
        UsageError: for a class, a property or anything else that cannot be called.
    """
    if isinstance(function, staticmethod | classmethod):
        return cast("F", type(function)(wrap(function.__func__, make_site)))
    if isinstance(function, functools.partialmethod):
        inner = wrap(function.func, make_site)
        return cast("F", functools.partialmethod(inner, *function.args, **function.keywords))
    if isinstance(function, type) or not callable(function):
        raise UsageError(f"only functions and methods can be decorated, not {function!r}")
    site = make_site(function)
    timed, scoped = _shapes_of(function)
    wrapper = (scoped if site.judges_runs else timed)(function, site)
    functools.update_wrapper(wrapper, _innermost_function(function))
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    # Keeps the site alive as long as the function: the process default holds it only weakly.
    wrapper.__gpt_trader_site__ = site  # type: ignore[attr-defined]
    return cast("F", wrapper)


Shape = Callable[[AnyCallable, Site], AnyCallable]


def _shapes_of(function: AnyCallable) -> tuple[Shape, Shape]:
    bare = _innermost_function(function)
    kinds = (bare, None if inspect.isroutine(bare) else type(bare).__call__)
    if any(map(inspect.iscoroutinefunction, kinds)):
        return _timed_coroutine, _scoped_coroutine
    if any(map(inspect.isgeneratorfunction, kinds)):
        return _scoped_generator, _scoped_generator
    if any(map(inspect.isasyncgenfunction, kinds)):
        return _scoped_async_generator, _scoped_async_generator
    return _timed_function, _scoped_function


def _innermost_function(function: AnyCallable) -> AnyCallable:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _timed_function(function: AnyCallable, site: Site) -> AnyCallable:
    # Most functions return one type always: comparing with the last one seen that cannot be awaited spares the
    # look for `__await__`.
    plain: type = NoneType

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal plain
        start = perf_counter()
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            site.raised(error, perf_counter() - start)
            raise
        if type(value) is not plain:
            if hasattr(type(value), "__await__"):
                return when_awaited(value, site.open(args, kwargs).resumed(start))
            plain = type(value)
        site.succeeded(perf_counter() - start)
        return value

    return timed


def _timed_coroutine(function: AnyCallable, site: Site) -> AnyCallable:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            site.raised(error, perf_counter() - start)
            raise
        site.succeeded(perf_counter() - start)
        return value

    return timed


def _scoped_function(function: AnyCallable, site: Site) -> AnyCallable:
    plain: type = NoneType

    def scoped(*args: Any, **kwargs: Any) -> Any:
        nonlocal plain
        scope = site.open(args, kwargs).__enter__()
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            scope.finish(error)
            raise
        if type(value) is not plain:
            if hasattr(type(value), "__await__"):
                scope.leave()
                return when_awaited(value, scope)
            plain = type(value)
        scope.value = value
        scope.finish(None)
        return value

    return scoped


def _scoped_coroutine(function: AnyCallable, site: Site) -> AnyCallable:
    async def scoped(*args: Any, **kwargs: Any) -> Any:
        with site.open(args, kwargs) as scope:
            scope.value = value = await function(*args, **kwargs)
        return value

    return scoped


def _scoped_generator(function: AnyCallable, site: Site) -> AnyCallable:
    def scoped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with site.open(args, kwargs) as scope:
            scope.value = value = yield from function(*args, **kwargs)
        return value

    return scoped


def _scoped_async_generator(function: AnyCallable, site: Site) -> AnyCallable:
    async def scoped(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with site.open(args, kwargs):
            inner = function(*args, **kwargs)
            step = _first_step(inner)
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                thrown: BaseException | None = None
                sent = None
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:
                    thrown = error
                # Outside the handler, so that what the generator raises does not get `thrown` as its context.
                step = inner.asend(sent) if thrown is None else inner.athrow(thrown)
                del thrown

    return scoped


def _first_step(inner: AsyncGenerator[Any, Any]) -> Any:
    """Start ``inner`` without the event loop's hooks: the loop closes the wrapper, and that closes ``inner``."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def when_awaited(value: Any, scope: Scope) -> Any:
    """Return ``value`` such that ``scope`` is finished when it has been awaited.

    A future or task stays the object it is; a coroutine stays a coroutine; any other awaitable is proxied.
    """
    if isinstance(value, asyncio.Future):
        value.add_done_callback(functools.partial(_finish_with_future, scope))
        return value
    if isinstance(value, CoroutineType):
        awaited: Any = _awaited_coroutine(value, scope)
        awaited.__name__, awaited.__qualname__ = value.__name__, value.__qualname__
        return awaited
    return _Awaitable(value, scope)


def _finish_with_future(scope: Scope, future: "asyncio.Future[Any]") -> None:
    if future.cancelled():
        scope.finish(asyncio.CancelledError())
        return
    # Asking `exception()` would mark it as retrieved and so silence asyncio's own report of a lost one.
    error = getattr(future, "_exception", None)
    if error is None:
        scope.value = future.result()
    scope.finish(error)


async def _awaited_coroutine(coroutine: Any, scope: Scope) -> Any:
    with scope:
        scope.value = value = await coroutine
    return value


class _Awaitable(wrapt.ObjectProxy[Any]):
    """An awaitable that finishes its scope when it has been awaited or entered."""

    def __init__(self, wrapped: Any, scope: Scope) -> None:
        super().__init__(wrapped)
        self._self_scope = scope

    def __await__(self) -> Generator[Any, Any, Any]:
        with self._self_scope as scope:
            scope.value = value = yield from self.__wrapped__.__await__()
        return value

    async def __aenter__(self) -> Any:
        with self._self_scope as scope:
            scope.value = value = await self.__wrapped__.__aenter__()
        return value

    async def __aexit__(self, *raised: object) -> Any:
        return await self.__wrapped__.__aexit__(*raised)

    def __aiter__(self) -> Any:
        return self.__wrapped__.__aiter__()
