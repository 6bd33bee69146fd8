"""What the signals say at one moment: each one judged, and all of them in one word."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gpt_trader_telemetry.health.measures import Measure
from gpt_trader_telemetry.thresholds import UNITS, Limits


class SignalStatus(StrEnum):
    """What a signal says."""

    OK = "OK"
    WARN = "WARN"
    CRIT = "CRIT"
    UNKNOWN = "UNKNOWN"
    """Too few samples, no source, or a source that gave nothing: not good news, and not bad."""


STATUS_NUMBERS: Final[Mapping[SignalStatus, int]] = {
    SignalStatus.OK: 0,
    SignalStatus.WARN: 1,
    SignalStatus.CRIT: 2,
    SignalStatus.UNKNOWN: -1,
}
"""The values of ``gpt_trader_signal_status``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal, judged."""

    name: str
    limits: Limits
    measure: Measure
    required: bool = False
    """Declared in ``Thresholds.required``."""
    known_before: bool = False
    """Whether it was known at any earlier evaluation of this process."""

    @property
    def value(self) -> float | None:
        """Return the value in ``unit``; None while it is not known."""
        return self.measure.value

    @property
    def unit(self) -> str:
        """The value's unit: ``ratio``, ``ms``, ``s`` or ``count``."""
        return UNITS[self.name]

    @property
    def status(self) -> SignalStatus:
        """Judge the value: strictly greater than a threshold is beyond it."""
        value = self.measure.value
        if value is None or math.isnan(value):
            return SignalStatus.UNKNOWN
        if value > self.limits.crit:
            return SignalStatus.CRIT
        return SignalStatus.WARN if value > self.limits.warn else SignalStatus.OK

    @property
    def is_missed(self) -> bool:
        """Tell whether it is unknown though it should be known: it was before, or it is required."""
        return self.status is SignalStatus.UNKNOWN and (self.known_before or self.required)

    def as_json(self) -> dict[str, Any]:
        """Return what ``/health`` shows of it."""
        measure = self.measure
        why = {"unknown": measure.unknown} if measure.unknown else {}
        return {
            "name": self.name,
            "status": self.status.value,
            "value": self.value,
            "threshold_warn": self.limits.warn,
            "threshold_crit": self.limits.crit,
            "unit": self.unit,
            "details": {**why, **measure.details},
        }


@dataclass(frozen=True, slots=True)
class SignalsReport:
    """All signals at one moment."""

    signals: tuple[Signal, ...]

    def __getitem__(self, name: str) -> Signal:
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise KeyError(name)

    @property
    def status(self) -> SignalStatus:
        """Sum up: the worst of all; UNKNOWN where nothing is known or a signal is missed, else OK.

        A signal that is unknown and not missed says nothing either way.
        """
        statuses = {signal.status for signal in self.signals}
        for status in (SignalStatus.CRIT, SignalStatus.WARN):
            if status in statuses:
                return status
        missed = any(signal.is_missed for signal in self.signals)
        return SignalStatus.OK if SignalStatus.OK in statuses and not missed else SignalStatus.UNKNOWN

    @property
    def health_status(self) -> SignalStatus:
        """Say what the signals mean for ``/health``.

        CRIT is unhealthy and WARN is degraded. A missed signal (unknown, though known before or required) is as
        bad as WARN. OK and UNKNOWN are neutral; UNKNOWN means that nothing is known, and nothing is missed.
        """
        status = self.status
        if status is SignalStatus.UNKNOWN and any(signal.is_missed for signal in self.signals):
            return SignalStatus.WARN
        return status

    @property
    def message(self) -> str:
        """Name what is wrong, the worst first, then what is not known."""
        parts = [
            f"{signal.name} {status}: {signal.value:.6g} {signal.unit}"
            for status in (SignalStatus.CRIT, SignalStatus.WARN)
            for signal in self.signals
            if signal.status is status and signal.value is not None
        ]
        known = sum(signal.status is not SignalStatus.UNKNOWN for signal in self.signals)
        if not parts:
            parts.append(f"{known} of {len(self.signals)} signals are OK" if known else "no signal is known")
        for missed, words in ((True, "missed"), (False, "not known")):
            names = [
                signal.name
                for signal in self.signals
                if signal.status is SignalStatus.UNKNOWN and signal.is_missed is missed
            ]
            if names and (known or missed):
                parts.append(f"{words}: {', '.join(names)}")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the ``signals`` part of ``/health``."""
        return {
            "status": self.status.value,
            "message": self.message,
            "signals": [signal.as_json() for signal in self.signals],
        }
