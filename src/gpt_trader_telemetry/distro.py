"""``opentelemetry-instrument python bot.py``: the process's Telemetry from the environment, with no change to the bot.

Loaded by its entry points alone, and only where ``opentelemetry-instrumentation`` is installed.
"""

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_CONFIGURATOR, OTEL_PYTHON_DISTRO

from gpt_trader_telemetry.configuring import configure_from_outside
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.settings import environment, prefer

NAME: Final = "gpt_trader"
"""What ``OTEL_PYTHON_DISTRO`` chooses it by."""

_logger = logging.getLogger("gpt_trader_telemetry")


class Distro(BaseDistro):  # type: ignore[misc]
    """What ``opentelemetry-instrument`` sets a program up by: itself needs nothing but its configurator.

    Where another distribution is installed too and none was chosen by name, this one gives way to it.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return this distribution, or the one it gives way to."""
        other = _preferred("opentelemetry_distro", OTEL_PYTHON_DISTRO)
        return super().__new__(cls, *args, **kwargs) if other is None else other.load()()

    def _configure(self, **_kwargs: Any) -> None:
        prefer(OTEL_PYTHON_CONFIGURATOR, NAME)


class Configurator:
    """Makes the process's Telemetry, whose providers become OpenTelemetry's global ones."""

    def configure(self, **kwargs: Any) -> None:
        """Configure from the environment. What it cannot mean is logged: the bot runs all the same."""
        other = _preferred("opentelemetry_configurator", OTEL_PYTHON_CONFIGURATOR)
        if other is not None:
            other.load()().configure(**kwargs)
            return
        try:
            configure_from_outside()
        except ConfigurationError as error:
            _logger.error("nothing is recorded or served: %s", error)  # noqa: TRY400 - the message says it all


def _preferred(group: str, variable: str) -> EntryPoint | None:
    """Return what is to be loaded in our place: another one's, where nobody chose ours by name."""
    if environment(variable).get(variable):
        return None
    return next((point for point in entry_points(group=group) if point.name != NAME), None)
