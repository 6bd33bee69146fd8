"""What this package raises, and only at decoration or configuration, never from inside a running bot.

TelemetryError
├── ConfigurationError   a setting or an environment variable that cannot be meant
└── UsageError           a decorator, metric or label that is used wrongly
"""

__all__ = ["ConfigurationError", "TelemetryError", "UsageError"]


class TelemetryError(Exception):
    """The base of every error that this package raises."""


class ConfigurationError(TelemetryError, ValueError):
    """A setting or an environment variable that cannot be meant; the message names it and its value."""


class UsageError(TelemetryError, ValueError):
    """A decorator, metric or label that is used wrongly; the message names what was given and what fits."""
