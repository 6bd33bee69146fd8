"""Every kind of callable that a bot may decorate, each around the same body.

A kind decorates a callable of its kind that does ``body()``, and runs it: ``run(decorate, body)`` returns what came
out. With ``bare`` for ``decorate`` it is the callable as it was.
"""

import asyncio
import functools
import types
from collections.abc import Callable, Coroutine
from typing import Any

Body = Callable[[], object]
Decorate = Callable[[Any], Any]
Kind = Callable[[Decorate, Body], object]


def bare(function: Any) -> Any:
    """Decorate with nothing."""
    return function


@types.coroutine
def pause():
    """Give way to the event loop once."""
    yield


def a_function(decorate: Decorate, body: Body) -> object:
    @decorate
    def act() -> object:
        return body()

    return act()


def a_lambda(decorate: Decorate, body: Body) -> object:
    return decorate(lambda: body())()  # noqa: PLW0108 - a lambda is what this is about


def a_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        def act(self, given: object) -> object:
            assert isinstance(self, Bot)
            assert given == 1
            return body()

    return Bot().act(1)


def a_static_method_above(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        @staticmethod
        def act(given: object) -> object:
            assert given == 1
            return body()

    assert Bot.act.__name__ == "act"
    return Bot().act(1)


def a_static_method_below(decorate: Decorate, body: Body) -> object:
    class Bot:
        @staticmethod
        @decorate
        def act(given: object) -> object:
            assert given == 1
            return body()

    return Bot.act(given=1)


def a_class_method_above(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        @classmethod
        def act(cls, given: object) -> object:
            assert cls is Bot
            assert given == 1
            return body()

    return Bot().act(1)


def a_class_method_below(decorate: Decorate, body: Body) -> object:
    class Bot:
        @classmethod
        @decorate
        def act(cls, given: object) -> object:
            assert cls is Bot
            return body()

    return Bot.act(given=1)


def a_bound_method(decorate: Decorate, body: Body) -> object:
    class Client:
        def act(self, given: object) -> object:
            assert isinstance(self, Client)
            assert given == 1
            return body()

    return decorate(Client().act)(1)


def a_bound_method_in_the_body_of_a_class(decorate: Decorate, body: Body) -> object:
    class Client:
        def act(self, given: object) -> object:
            assert isinstance(self, Client)
            assert given == 1
            return body()

    class Bot:
        act = decorate(Client().act)

    return Bot().act(1)


def a_partial(decorate: Decorate, body: Body) -> object:
    def act(first: object, second: object, *, third: object) -> object:
        assert (first, second, third) == (1, 2, 3)
        return body()

    return decorate(functools.partial(act, 1, third=3))(2)


def a_partial_in_the_body_of_a_class(decorate: Decorate, body: Body) -> object:
    def send(first: object, second: object) -> object:
        assert (first, second) == (1, 2)
        return body()

    decorated = decorate(functools.partial(send, 1))

    class Bot:
        # From Python 3.13 on, a bare partial warns here that it will be a method one day.
        act = staticmethod(decorated) if hasattr(functools.partial, "__get__") else decorated

    return Bot().act(2)


def a_partial_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        def _act(self, first: object, second: object, *, third: object) -> object:
            assert isinstance(self, Bot)
            assert (first, second, third) == (1, 2, 3)
            return body()

        act = decorate(functools.partialmethod(_act, 1, third=3))

    return Bot().act(2)


def a_callable_object(decorate: Decorate, body: Body) -> object:
    class Act:
        def __call__(self, given: object) -> object:
            assert isinstance(self, Act)
            assert given == 1
            return body()

    return decorate(Act())(1)


def a_callable_object_in_the_body_of_a_class(decorate: Decorate, body: Body) -> object:
    class Act:
        def __call__(self, given: object) -> object:
            assert given == 1
            return body()

    class Bot:
        act = decorate(Act())

    return Bot().act(1)


def a_cached_function(decorate: Decorate, body: Body) -> object:
    @decorate
    @functools.lru_cache
    def act(given: object) -> object:
        assert given == 1
        return body()

    assert act.cache_info().misses == 0
    return act(1)


def a_cached_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        @functools.lru_cache  # noqa: B019 - the bot is not kept for long
        def act(self, given: object) -> object:
            assert isinstance(self, Bot)
            assert given == 1
            return body()

    return Bot().act(1)


def a_coroutine_function(decorate: Decorate, body: Body) -> object:
    @decorate
    async def act() -> object:
        await pause()
        return body()

    return asyncio.run(act())


def a_coroutine_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        async def act(self, given: object) -> object:
            assert isinstance(self, Bot)
            await asyncio.sleep(0)
            assert given == 1
            return body()

    return asyncio.run(Bot().act(1))


def a_static_coroutine_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        @staticmethod
        async def act() -> object:
            await pause()
            return body()

    return asyncio.run(Bot.act())


def a_partial_of_a_coroutine_function(decorate: Decorate, body: Body) -> object:
    async def act(given: object) -> object:
        await pause()
        assert given == 1
        return body()

    return asyncio.run(decorate(functools.partial(act, 1))())


def an_asynchronous_callable_object(decorate: Decorate, body: Body) -> object:
    class Act:
        async def __call__(self) -> object:
            await pause()
            return body()

    return asyncio.run(decorate(Act())())


def a_function_made_a_coroutine(decorate: Decorate, body: Body) -> object:
    @decorate
    @types.coroutine
    def act():
        yield
        return body()

    async def main() -> object:
        return await act()

    return asyncio.run(main())


def a_function_that_returns_a_coroutine(decorate: Decorate, body: Body) -> object:
    async def acting() -> object:
        await pause()
        return body()

    async def main() -> object:
        return await decorate(lambda: acting())()  # noqa: PLW0108 - it would be a coroutine function

    return asyncio.run(main())


def a_function_that_returns_a_task(decorate: Decorate, body: Body) -> object:
    async def acting() -> object:
        await pause()
        return body()

    async def main() -> object:
        task = decorate(lambda: asyncio.get_running_loop().create_task(acting()))()
        assert isinstance(task, asyncio.Task)
        return await task

    return asyncio.run(main())


def a_function_that_returns_a_future(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        loop = asyncio.get_running_loop()
        made = loop.create_future()

        def end() -> None:
            try:
                made.set_result(body())
            except asyncio.CancelledError:
                made.cancel()
            except Exception as error:
                made.set_exception(error)

        future = decorate(lambda: made)()
        assert future is made
        loop.call_soon(end)
        return await future

    return asyncio.run(main())


def a_function_that_returns_a_done_future(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        made = asyncio.get_running_loop().create_future()
        try:
            made.set_result(body())
        except Exception as error:
            made.set_exception(error)
        return await decorate(lambda: made)()

    return asyncio.run(main())


class Awaitable:
    """An awaitable of somebody's own."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __await__(self):
        yield
        return self._body()


def a_function_that_returns_an_awaitable(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        awaitable = decorate(Awaitable)(body) if decorate is bare else decorate(lambda: Awaitable(body))()
        assert isinstance(awaitable, Awaitable)
        return await awaitable

    return asyncio.run(main())


class Request(Coroutine):
    """What aiohttp's ``session.get()`` returns: a coroutine by its methods, an asynchronous context manager too."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self._coroutine = coroutine
        self.left = False

    def send(self, value: object) -> Any:
        return self._coroutine.send(value)

    def throw(self, *raised: Any) -> Any:
        return self._coroutine.throw(*raised)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self):
        return self._coroutine.__await__()

    async def __aenter__(self) -> object:
        return await self._coroutine

    async def __aexit__(self, *raised: object) -> None:
        self.left = True


def _request(body: Body) -> Request:
    async def acting() -> object:
        await pause()
        return body()

    return Request(acting())


def a_request_that_is_awaited(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        return await decorate(lambda: _request(body))()

    return asyncio.run(main())


def a_request_that_is_entered(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        request = decorate(lambda: _request(body))()
        async with request as result:
            assert not request.left
        assert request.left
        return result

    return asyncio.run(main())


def a_request_that_is_made_a_task(decorate: Decorate, body: Body) -> object:
    async def main() -> object:
        return await asyncio.get_running_loop().create_task(decorate(lambda: _request(body))())

    return asyncio.run(main())


def _drained(generator: Any) -> object:
    items = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as stop:
            assert items == [1, 2]
            return stop.value


def a_generator_function(decorate: Decorate, body: Body) -> object:
    @decorate
    def act():
        yield 1
        yield 2
        return body()

    return _drained(act())


def a_generator_method(decorate: Decorate, body: Body) -> object:
    class Bot:
        @decorate
        def act(self, given: object):
            assert isinstance(self, Bot)
            yield given
            yield 2
            return body()

    return _drained(Bot().act(1))


def a_generator_that_is_delegated_to(decorate: Decorate, body: Body) -> object:
    @decorate
    def act():
        yield 1
        yield 2
        return body()

    def outer():
        return (yield from act())

    return _drained(outer())


def a_partial_of_a_generator_function(decorate: Decorate, body: Body) -> object:
    def act(first: object, second: object):
        yield first
        yield second
        return body()

    return _drained(decorate(functools.partial(act, 1))(2))


def a_generating_callable_object(decorate: Decorate, body: Body) -> object:
    class Act:
        def __call__(self):
            yield 1
            yield 2
            return body()

    return _drained(decorate(Act())())


async def _drained_async(generator: Any, results: list[object]) -> object:
    assert [item async for item in generator] == [1, 2]
    return results.pop()


def an_asynchronous_generator_function(decorate: Decorate, body: Body) -> object:
    results: list[object] = []

    @decorate
    async def act():
        yield 1
        await pause()
        yield 2
        results.append(body())

    return asyncio.run(_drained_async(act(), results))


def an_asynchronous_generator_method(decorate: Decorate, body: Body) -> object:
    results: list[object] = []

    class Bot:
        @decorate
        @classmethod
        async def act(cls):
            assert cls is Bot
            await pause()
            yield 1
            yield 2
            results.append(body())

    return asyncio.run(_drained_async(Bot().act(), results))


def an_asynchronously_generating_callable_object(decorate: Decorate, body: Body) -> object:
    results: list[object] = []

    class Act:
        async def __call__(self):
            yield 1
            yield 2
            results.append(body())

    return asyncio.run(_drained_async(decorate(Act())(), results))


KINDS: list[Kind] = [
    kind for name, kind in globals().items() if name.startswith(("a_", "an_")) and isinstance(kind, types.FunctionType)
]
