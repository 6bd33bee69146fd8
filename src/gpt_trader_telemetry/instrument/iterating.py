"""Generators, timed to exhaustion: every operation reaches the generator inside as it came.

``yield from`` would not do: it closes the inner generator where GeneratorExit was thrown, and so hides what that
one does with it. While a generator waits at a ``yield``, its scope is not that of the code that iterates.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from time import perf_counter
from typing import Any

from gpt_trader_telemetry.instrument.site import Place


def recorded_generator(function: Callable[..., Any], site: Place) -> Callable[..., Generator[Any, Any, Any]]:
    """Return a generator function that does what ``function`` does and records it."""

    def recorded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        # What else runs in a context asks only for these.
        steps_in = site.judges_runs or site.open_span is not None
        scope = site.open(args, kwargs)
        scope = scope.__enter__() if steps_in else scope.resumed(perf_counter())
        try:
            inner = function(*args, **kwargs)
            sent = thrown = None
            while True:
                try:
                    item = inner.send(sent) if thrown is None else inner.throw(thrown)
                except StopIteration as stop:
                    scope.returned(stop.value)
                    scope.finish(thrown if isinstance(thrown, GeneratorExit) else None)
                    return stop.value
                finally:
                    # An exception that is raised on refers to this frame: no circle.
                    thrown = None
                if steps_in:
                    scope.leave()
                try:
                    sent = yield item
                except BaseException as error:
                    thrown = error
                # Outside the handler, so that what the generator raises does not get `thrown` as its context.
                if steps_in:
                    scope.__enter__()
        except BaseException as error:
            try:
                scope.finish(error)
            except BaseException as interrupt:  # as in wrap
                scope.finish(interrupt)
                raise
            raise

    return recorded


def recorded_async_generator(function: Callable[..., Any], site: Place) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an asynchronous generator function that does what ``function`` does and records it."""

    async def recorded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps_in = site.judges_runs or site.open_span is not None
        scope = site.open(args, kwargs)
        scope = scope.__enter__() if steps_in else scope.resumed(perf_counter())
        try:
            inner = function(*args, **kwargs)
            step = _first_step(inner)
            thrown = None
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    scope.finish(thrown if isinstance(thrown, GeneratorExit) else None)
                    return
                finally:
                    # Both refer to an exception that is raised on, and it to this frame.
                    del step
                    thrown = None
                if steps_in:
                    scope.leave()
                sent = None
                try:
                    sent = yield item
                except BaseException as error:
                    thrown = error
                if steps_in:
                    scope.__enter__()
                step = inner.asend(sent) if thrown is None else inner.athrow(thrown)
        except BaseException as error:
            try:
                scope.finish(error)
            except BaseException as interrupt:  # as in wrap
                scope.finish(interrupt)
                raise
            raise

    return recorded


def _first_step(inner: AsyncGenerator[Any, Any]) -> Any:
    """Start ``inner`` without the event loop's hooks: the loop closes the wrapper, and that closes ``inner``."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)
