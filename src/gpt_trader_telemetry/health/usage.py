"""What a check may be registered with: anything else is an error that names it."""

import math
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.attempt import Check, CheckCallable
from gpt_trader_telemetry.health.performance import PERFORMANCE
from gpt_trader_telemetry.health.scrub import scrub_text

_MAX_NAME: Final = 100


def check_name(name: object) -> str:
    """Return the name of a check.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise UsageError(
            f"a check cannot be named {scrub_text(repr(name), 150)}; a name is a text of 1 to {_MAX_NAME} characters"
        )
    if name == PERFORMANCE:
        raise UsageError(f"the check name {PERFORMANCE!r} belongs to the process's own performance; use another")
    return name


def check_callable(name: str, check: object) -> CheckCallable:
    """Return what can be called.

    Raises:
        UsageError: it is something else.
    """
    if not callable(check):
        raise UsageError(f"the check {name!r} cannot be of type {type(check).__name__}; it is a callable")
    return check


def duration(what: str, value: object) -> float:
    """Return a number of seconds above 0.

    Raises:
        UsageError: it is something else.
    """
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"{what} cannot be {scrub_text(repr(value), 100)}; it is a number of seconds above 0")
    return number


def names(what: str, value: object) -> tuple[str, ...]:
    """Return distinct names in their order; one text is one name.

    Raises:
        UsageError: it is something else.
    """
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"{what} cannot hold {scrub_text(repr(name), 100)}; it is a collection of names")
    return tuple(dict.fromkeys(names))


def check_dependencies(check: Check, registered: Mapping[str, Check]) -> None:
    """See that what a check depends on is registered, and that nothing comes to depend on itself.

    Raises:
        UsageError: it is something else.
    """
    known = ", ".join(map(repr, registered)) or "none"
    for name in check.depends_on:
        if name not in registered and name != check.name:
            raise UsageError(f"the check {check.name!r} cannot depend on {name!r}; registered checks: {known}")
    graph = {name: other.depends_on for name, other in registered.items()} | {check.name: check.depends_on}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(map(str, error.args[1]))
        raise UsageError(f"the check {check.name!r} cannot depend on itself: {circle}") from None
