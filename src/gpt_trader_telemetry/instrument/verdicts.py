"""What a classifier or the caller says about a run, and how wrong use of an instrument is told."""

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.catalog import REASONS
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.site import NOTHING, Scope
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.reasons import (
    Disposition,
    Failed,
    Rejected,
    disposition_of,
    normal_reason,
    reason_of,
    reason_of_code,
)

Verdict: TypeAlias = str | Rejected | Failed | None
"""None for success, or a reason, ``Rejected(reason)`` or ``Failed(reason)``."""

_ANSWERS: Final[dict[str, Rejected | Failed]] = {
    reason: Rejected(reason) if disposition_of(reason) is Disposition.REJECTED else Failed(reason) for reason in REASONS
}

Classify: TypeAlias = Callable[[Any], Any]
"""Judges a returned value."""


def judged(scope: Scope, classify: Classify | None) -> Any:
    """Return the verdict on what a run returned; a classifier that fails gives none, and that is counted.

    Raises only what a signal handler raises, which may come while the classifier runs.
    """
    value = scope.value
    if classify is None or value is NOTHING:
        return None
    verdict = None
    try:
        verdict = classify(value)
    except BaseException as fault:
        if interrupts(fault):
            raise
        if scope.site.recorder is not None:
            scope.site.recorder.faults.note("instrument", "a classifier raised; its run counts as a success", fault)
    scope.value = NOTHING
    return verdict


def failing_reason(said: object) -> str:
    """Return the reason that a word of the caller's tells, or the broker's own code; ``error`` if it tells none.

    >>> (
    ...     failing_reason("Post-Only"),
    ...     failing_reason("INSUFFICIENT_FUND"),
    ...     failing_reason("no idea"),
    ...     failing_reason("none"),
    ... )
    ('post_only', 'insufficient_funds', 'error', 'error')
    """
    reason = normal_reason(said)
    if reason == "none":
        return "error"
    code = said.value if isinstance(said, Enum) else said
    if reason != "error" or not isinstance(code, str):
        return reason
    try:
        return reason_of_code(code) or "error"
    except Exception as fault:  # a text of somebody else's class
        if interrupts(fault):
            raise
        return "error"


def told(verdict: Any) -> Rejected | Failed | None:
    """Return what a verdict on a call to the broker says about the order in it, its reason of the closed set.

    >>> told("INSUFFICIENT_FUND"), told("timeout"), told(None)
    (Rejected(reason='insufficient_funds'), Failed(reason='timeout'), None)
    """
    if verdict is None:
        return None
    if isinstance(verdict, Rejected | Failed):
        return type(verdict)(failing_reason(verdict.reason))
    return _ANSWERS[failing_reason(verdict)]


def raised(error: BaseException) -> Rejected | Failed:
    """Return what an exception that a call to the broker raised says about the order in it."""
    return _ANSWERS[reason_of(error)]


def misuse_of_name(what: str, example: str, name: object) -> UsageError | None:
    """Tell what is wrong with a name that an instrument was given, if anything.

    Raises:
        UsageError: a function or class, since then the parentheses of a decorator were forgotten.
    """
    if isinstance(name, str) and name.strip():
        return None
    error = UsageError(f'{what}, such as "{example}", not {shown(name)}')
    if callable(name) or inspect.isroutine(name):
        raise error
    return error


def misuse_of_classifier(classify: object) -> UsageError | None:
    """Tell whether a classifier cannot be called."""
    return (
        None
        if classify is None or callable(classify)
        else UsageError(f"classify must be callable, not {shown(classify)}")
    )


def shown(value: object) -> str:
    """Return ``repr(value)``, cut, or its type where that cannot be had."""
    try:
        return f"{value!r:.200}"
    except BaseException as fault:
        if interrupts(fault):
            raise
        return f"a {type(value).__name__}"
