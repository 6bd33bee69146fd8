"""Finding an argument of a call by its parameter's name: an order's side and decision id too."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import ORDER_SUBMISSION
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.site import NOTHING

_SIDE: Final = ORDER_SUBMISSION.labels[2]

ReadArgument = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""Gives the argument's value from a call's args and kwargs, or NOTHING."""


class ArgumentAt:
    """Reads the argument of a parameter that is given by position or by name, the kind that most are.

    On a hot path the position is looked at before this is called.
    """

    __slots__ = ("_default", "_name", "position")

    def __init__(self, position: int, name: str, default: object) -> None:
        self.position = position
        self._name = name
        self._default = default

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Read it from the arguments of a call."""
        return args[self.position] if len(args) > self.position else kwargs.get(self._name, self._default)


def argument_reader(function: Callable[..., Any], name: str) -> ReadArgument | None:
    """Return what reads the argument ``name`` of calls of ``function``; None where it has no such parameter."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    parameter = parameters.get(name)
    if parameter is None or parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        given = _given_to_partial(function, name)
        if any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
            return lambda _args, kwargs: kwargs.get(name, given)
        return None if given is NOTHING else lambda _args, _kwargs: given
    default = NOTHING if parameter.default is parameter.empty else parameter.default
    position = list(parameters).index(name)
    if parameter.kind is parameter.KEYWORD_ONLY:
        return lambda _args, kwargs: kwargs.get(name, default)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return lambda args, _kwargs: args[position] if len(args) > position else default
    return ArgumentAt(position, name, default)


def _given_to_partial(function: Callable[..., Any], name: str) -> Any:
    """Return the argument that a partial was made with, which is no parameter of the partial any more."""
    if not isinstance(function, functools.partial):
        return NOTHING
    given = inspect.signature(function.func).bind_partial(*function.args, **function.keywords)
    return {**given.kwargs, **given.arguments}.get(name, NOTHING)


def side_reader(function: Callable[..., Any], side: object, side_of: Callable[..., object] | None) -> ReadArgument:
    """Return what finds an order's side; a UsageError where it cannot be found."""
    if side_of is not None:
        return lambda args, kwargs: side_of(*args, **kwargs)
    read = argument_reader(function, side if isinstance(side, str) else "side")
    if read is not None and (side is None or isinstance(side, str)):
        return read
    spelled = "unknown" if side is None else _SIDE.spell(side)
    if spelled == "unknown":
        wanted = "parameter 'side'" if side is None else f"parameter {side!r}, which is neither buy nor sell"
        raise UsageError(
            f"order_submission: {name_of(function)} has no {wanted}; name the parameter that holds the side, "
            'give "buy" or "sell", or side_of=callable'
        )
    return lambda _args, _kwargs: spelled


def id_reader(function: Callable[..., Any], decision_id: object) -> ReadArgument | None:
    """Return what finds an order's decision id, where one is declared; a UsageError where it cannot be found."""
    if decision_id is NOTHING or decision_id is None:
        return None
    read = argument_reader(function, decision_id) if isinstance(decision_id, str) else None
    if read is None:
        raise UsageError(f"order_submission: {name_of(function)} has no parameter {decision_id!r} for decision_id")
    return read


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function for messages."""
    return getattr(function, "__qualname__", repr(function))
