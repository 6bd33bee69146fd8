"""What a check returns, what is known of it at one moment, and how the one becomes the other."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.scrub import scrub_details, scrub_text


class Status(StrEnum):
    """What is known of a check."""

    PASS = "pass"  # noqa: S105 - the playbook's word
    FAIL = "fail"
    PENDING = "pending"
    """Registered, and there is no result yet."""
    SKIPPED = "skipped"
    """Not run, because a check that it depends on failed or was skipped."""


class Severity(StrEnum):
    """What a failure means: a warning degrades the bot, a critical one makes it unhealthy and not ready."""

    WARNING = "warning"
    CRITICAL = "critical"


def severity_of(value: object) -> Severity:
    """Return the severity that ``value`` names.

    Raises:
        UsageError: it names none.
    """
    try:
        return Severity(str.__str__(value) if isinstance(value, str) else "")
    except ValueError:
        raise UsageError(f"a severity cannot be {scrub_text(repr(value), 100)}; it is warning or critical") from None


_NO_DETAILS: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """What a check found; unpacks as ``ok, details = result``.

    ``severity`` is for checks whose failures differ in weight: it stands for the registered one where given.

    Raises:
        UsageError: ``ok`` is no boolean, ``details`` no mapping, or the severity unknown.

    >>> ok, details = HealthCheckResult(False, {"stale": True}, severity="critical")
    >>> ok, dict(details)
    (False, {'stale': True})
    """

    ok: bool
    details: Mapping[str, Any] = field(default_factory=lambda: _NO_DETAILS)
    severity: str | None = None

    def __post_init__(self) -> None:
        if not _is_boolean(self.ok):
            raise UsageError(f"a result's ok cannot be of type {type(self.ok).__name__}; it is True or False")
        if not isinstance(self.details, Mapping):
            raise UsageError(f"a result's details cannot be of type {type(self.details).__name__}; they are a mapping")
        object.__setattr__(self, "ok", bool(self.ok))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))
        if self.severity is not None:
            object.__setattr__(self, "severity", severity_of(self.severity))

    def __iter__(self) -> Iterator[Any]:
        yield self.ok
        yield self.details


def _is_boolean(value: object) -> bool:
    # numpy's comparisons give a boolean of its own, which is no bool.
    kind = type(value)
    return isinstance(value, bool) or (kind.__module__ == "numpy" and kind.__name__ in {"bool", "bool_"})


def result_of(returned: object) -> HealthCheckResult:
    """Return what a check meant by what it returned.

    A HealthCheckResult, ``(ok, details)``, a boolean, or None for success; anything else is a failure whose
    details say so.

    >>> result_of(None).ok, result_of((False, {"lag": 3})).ok, result_of("fine").ok
    (True, False, False)
    """
    if isinstance(returned, HealthCheckResult):
        return returned
    if returned is None:
        return HealthCheckResult(ok=True)
    if _is_boolean(returned):
        return HealthCheckResult(ok=bool(returned))
    if isinstance(returned, tuple) and len(returned) == 2:  # noqa: PLR2004 - ok, details
        ok, details = returned
        if _is_boolean(ok) and (details is None or isinstance(details, Mapping)):
            return HealthCheckResult(ok=bool(ok), details=details or {})
    meant = "HealthCheckResult, (ok, details), True, False or None"
    error = f"the check returned {_kind(returned)}; it is to return {meant}"
    return HealthCheckResult(ok=False, details={"error": error, "error_type": "UsageError"})


def _kind(value: object) -> str:
    if isinstance(value, tuple):
        return f"a tuple of ({', '.join(type(item).__name__ for item in value[:5])})"
    return f"a value of type {type(value).__name__}"


def result_of_error(error: BaseException) -> HealthCheckResult:
    """Return the failure of a check that raised."""
    name = type(error).__name__
    return HealthCheckResult(ok=False, details={"error": scrub_text(error) or name, "error_type": name})


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is known of one check at one moment. Its details are JSON, bounded, and without secrets."""

    name: str
    status: Status
    severity: Severity
    details: Mapping[str, Any] = field(default_factory=lambda: _NO_DETAILS)
    checked_at: float | None = None
    """When the result came, in Unix seconds; None while there is none."""
    duration_ms: float | None = None
    """How long the check took; None where it was not run."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", MappingProxyType(scrub_details(self.details)))

    @property
    def ok(self) -> bool:
        """Whether it passes; pending and skipped do not."""
        return self.status is Status.PASS

    def as_json(self) -> dict[str, Any]:
        """Return what ``/health`` shows of it: ``checked_at`` as ISO 8601 in UTC."""
        return {
            "status": self.status.value,
            "severity": self.severity.value,
            "details": copy.deepcopy(dict(self.details)),
            "checked_at": None if self.checked_at is None else iso_time(self.checked_at),
            "duration_ms": None if self.duration_ms is None else round(self.duration_ms, 3),
        }


def iso_time(unix: float) -> str | None:
    """Return Unix seconds as ISO 8601 in UTC, to the millisecond; None for what no calendar has.

    >>> iso_time(1770336000.25)
    '2026-02-06T00:00:00.250Z'
    """
    try:
        moment = datetime.fromtimestamp(unix, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
