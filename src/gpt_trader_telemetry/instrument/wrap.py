"""Wrapping any kind of callable without changing what it takes, returns or raises.

Two shapes of a kind: with two clock reads and nothing else where every run that returns is a success, and with a
scope where the outcome depends on arguments or values, or where runs have spans. Kinds: functions, functions that
return awaitables, coroutine functions, generator functions and asynchronous generator functions; methods, static and
class methods, partials and callable objects are these underneath.
"""

import functools
import inspect
import types
from collections.abc import Callable
from time import perf_counter
from types import CodeType, FunctionType, MethodType, NoneType
from typing import Any, Final, TypeVar, cast

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.awaiting import when_awaited
from gpt_trader_telemetry.instrument.iterating import recorded_async_generator, recorded_generator
from gpt_trader_telemetry.instrument.site import Place, Site

AnyCallable = Callable[..., Any]
F = TypeVar("F", bound=Callable[..., Any])


def wrap(function: F, make_site: Callable[[AnyCallable], Place]) -> F:
    """Return ``function`` recording into the site that ``make_site`` gives for the bare function.

    A function stays a function. Every other callable (a bound method, a partial, an object with ``__call__``) is
    proxied: it keeps its attributes, its type for ``isinstance`` and how it behaves in the body of a class.

    Raises:
        UsageError: for a class, a property or anything else that cannot be called.
    """
    kind = type(function)
    if issubclass(kind, staticmethod | classmethod):
        return cast("F", kind(wrap(function.__func__, make_site)))  # type: ignore[attr-defined]
    if isinstance(function, functools.partialmethod):
        inner = wrap(function.func, make_site)
        return cast("F", functools.partialmethod(inner, *function.args, **function.keywords))
    if isinstance(function, type | staticmethod | classmethod) or not callable(function):
        raise UsageError(_refusal(function))
    site = make_site(function)
    record = functools.partial(_recording, site=site, shape=_shape_of(function, site))
    if kind is not FunctionType:
        from gpt_trader_telemetry.instrument.proxies import CallableDescriptor, CallableProxy  # noqa: PLC0415 - wrapt

        return cast("F", (CallableDescriptor if hasattr(kind, "__get__") else CallableProxy)(function, record))
    wrapper = record(function)
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
    # Keeps the site alive as long as the function: the process default holds it only weakly.
    wrapper.__gpt_trader_site__ = site  # type: ignore[attr-defined]
    return cast("F", wrapper)


def _refusal(function: object) -> str:
    if isinstance(function, property | functools.cached_property):
        hint = "; decorate its getter, below the line that makes it a property"
    elif isinstance(function, type):
        hint = "; decorate its methods"
    elif isinstance(function, staticmethod | classmethod):
        hint = "; decorate below what proxies it"
    else:
        hint = ""
    return f"only functions and methods can be decorated, not {function!r:.200}{hint}"


Shape = Callable[[AnyCallable, Any], AnyCallable]

_KINDS: Final = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def _shape_of(function: AnyCallable, site: Place) -> Shape:
    code = getattr(_code_of(function), "__code__", None)
    flags = code.co_flags if type(code) is CodeType else 0
    kind = flags & _KINDS
    if kind == inspect.CO_COROUTINE:
        return _scoped_coroutine if site.judges_runs else _coroutine
    if kind == inspect.CO_GENERATOR:
        return _awaitable_generator if flags & inspect.CO_ITERABLE_COROUTINE else recorded_generator
    if kind == inspect.CO_ASYNC_GENERATOR:
        return recorded_async_generator
    return _scoped_function if site.judges_runs else _function


def _code_of(function: AnyCallable) -> Any:
    """Return the function that runs when ``function`` is called: below partials, methods and objects."""
    below = _innermost(function)
    # Mocks say of themselves that they are functions, and of anything that it is what it should be.
    return below if type(getattr(below, "__code__", None)) is CodeType else _innermost(type(below).__call__)


def _innermost(function: Any) -> Any:
    while True:
        if hasattr(type(function), "__gpt_trader_proxy__"):
            function = function.__call__
        elif isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, MethodType):
            function = function.__func__
        else:
            return function


def _recording(function: AnyCallable, *, site: Place, shape: Shape) -> AnyCallable:
    """Return a function that does what ``function`` does and records it, named like it."""
    return functools.update_wrapper(shape(function, site), _code_of(function))


def _function(function: AnyCallable, site: Site) -> AnyCallable:
    wrapper = _timed_function(function, site)
    site.adopt(wrapper, _scoped_function(function, site).__code__)
    return wrapper


def _coroutine(function: AnyCallable, site: Site) -> AnyCallable:
    wrapper = _timed_coroutine(function, site)
    site.adopt(wrapper, _scoped_coroutine(function, site).__code__)
    return wrapper


def _timed_function(function: AnyCallable, site: Site) -> FunctionType:
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

    return cast("FunctionType", timed)


def _timed_coroutine(function: AnyCallable, site: Site) -> FunctionType:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            site.raised(error, perf_counter() - start)
            raise
        site.succeeded(perf_counter() - start)
        return value

    return cast("FunctionType", timed)


# A signal may strike at every call and raise what the bot's handler raises, at the entry of our own functions too. So
# everything from `begin` on is in the `try`, and what ends a run is tried again: the second time does nothing if the
# first had begun to. A scope left open would be around all that follows in its context, which then counts no more.


def _scoped_function(function: AnyCallable, site: Place) -> FunctionType:
    plain: type = NoneType

    def scoped(*args: Any, **kwargs: Any) -> Any:
        nonlocal plain
        scope = None
        try:
            scope = site.begin(args, kwargs)
            value = function(*args, **kwargs)
            if type(value) is not plain:
                if hasattr(type(value), "__await__"):
                    scope.leave()
                    return when_awaited(value, scope)
                plain = type(value)
            if site.judges_values:
                scope.value = value
            scope.finish(None)
        except BaseException as error:
            if scope is not None:
                try:
                    scope.finish(error)
                except BaseException as interrupt:
                    scope.finish(interrupt)
                    raise
            raise
        return value

    return cast("FunctionType", scoped)


def _scoped_coroutine(function: AnyCallable, site: Place) -> FunctionType:
    async def scoped(*args: Any, **kwargs: Any) -> Any:
        scope = None
        try:
            scope = site.begin(args, kwargs)
            value = await function(*args, **kwargs)
            if site.judges_values:
                scope.value = value
            scope.finish(None)
        except BaseException as error:
            if scope is not None:
                try:
                    scope.finish(error)
                except BaseException as interrupt:
                    scope.finish(interrupt)
                    raise
            raise
        return value

    return cast("FunctionType", scoped)


def _awaitable_generator(function: AnyCallable, site: Place) -> AnyCallable:
    return types.coroutine(recorded_generator(function, site))
