"""What a classifier says about a returned value."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.site import NOTHING, Site
from gpt_trader_telemetry.reasons import Failed, Rejected

Verdict: TypeAlias = str | Rejected | Failed | None
"""None for success, or a reason, ``Rejected(reason)`` or ``Failed(reason)``."""

Classify: TypeAlias = Callable[[Any], Any]
"""Judges a returned value."""


def check_classifier(classify: object) -> None:
    """Raise UsageError for what cannot be called."""
    if classify is not None and not callable(classify):
        raise UsageError(f"classify must be callable, not {classify!r}")


def judged(site: Site, classify: Classify | None, value: Any) -> Any:
    """Return the verdict on ``value``; a classifier that fails gives none, and that is counted."""
    if classify is None or value is NOTHING:
        return None
    try:
        return classify(value)
    except Exception as fault:
        if site.recorder is not None:
            site.recorder.faults.note("instrument", "a classifier raised", fault)
        return None
