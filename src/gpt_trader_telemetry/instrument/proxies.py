"""Proxies of what is no plain function or coroutine. Few bots have such, and only they load this and wrapt."""

import copy
import operator
from collections.abc import Callable, Generator
from types import MethodType
from typing import TYPE_CHECKING, Any

import wrapt

from gpt_trader_telemetry.instrument.site import Scope

AnyCallable = Callable[..., Any]

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # not generic in all the releases that will do


class CallableProxy(Proxy):
    """A callable that is no function, recording when it is called."""

    __gpt_trader_proxy__ = True

    def __init__(self, wrapped: AnyCallable, record: Callable[[AnyCallable], AnyCallable]) -> None:
        super().__init__(wrapped)
        self._self_record = record
        self._self_run = record(wrapped)

    # A property, so that what looks at `__call__` sees what runs: a coroutine function where it is one.
    __call__ = property(operator.attrgetter("_self_run"))

    def __copy__(self) -> "CallableProxy":
        return type(self)(copy.copy(self.__wrapped__), self._self_record)

    def __deepcopy__(self, memo: dict[int, Any]) -> "CallableProxy":
        return type(self)(copy.deepcopy(self.__wrapped__, memo), self._self_record)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # What another process loads records nothing there.
        return self.__wrapped__.__reduce_ex__(protocol)


class CallableDescriptor(CallableProxy):
    """A callable that may be bound where it stands in the body of a class."""

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None or self.__wrapped__.__get__(instance, owner) is self.__wrapped__:
            return self
        return MethodType(self, instance)


class Awaitable(Proxy):
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


class CoroutineLike(Awaitable):
    """An awaitable that is driven like a coroutine too, as a task does."""

    _self_started = False

    def send(self, value: Any) -> Any:
        """Go on with ``value``, as a coroutine does."""
        return self._self_step(self.__wrapped__.send, value)

    def throw(self, *raised: Any) -> Any:
        """Go on with an exception, as a coroutine does."""
        return self._self_step(self.__wrapped__.throw, *raised)

    def close(self) -> None:
        """Close it, as a coroutine is; what was never begun is no run."""
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


class AwaitableManager(Awaitable):
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


class AwaitableIterable(Awaitable):
    """An awaitable that can be iterated over asynchronously too."""

    def __aiter__(self) -> Any:
        return self.__wrapped__.__aiter__()

    def __anext__(self) -> Any:
        return self.__wrapped__.__anext__()
