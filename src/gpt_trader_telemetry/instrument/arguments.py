"""Finding an argument of a call by its parameter's name."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gpt_trader_telemetry.instrument.site import NOTHING

ReadArgument = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""Gives the argument's value from a call's args and kwargs, or NOTHING."""


def argument_reader(function: Callable[..., Any], name: str) -> ReadArgument | None:
    """Return what reads the argument ``name`` of calls of ``function``; None where it has no such parameter."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    parameter = parameters.get(name)
    if parameter is None or parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        takes_any = any(item.kind is item.VAR_KEYWORD for item in parameters.values())
        return _reader(name, len(parameters), NOTHING, by_position=False) if takes_any else None
    by_position = parameter.kind is not parameter.KEYWORD_ONLY
    default = NOTHING if parameter.default is parameter.empty else parameter.default
    return _reader(name, list(parameters).index(name), default, by_position=by_position)


def _reader(name: str, position: int, default: Any, *, by_position: bool) -> ReadArgument:
    if not by_position:
        return lambda _args, kwargs: kwargs.get(name, default)

    def read(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return args[position] if len(args) > position else kwargs.get(name, default)

    return read
