"""What the doctor says about one thing: how it stands, and what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from gpt_trader_telemetry.health.scrub import scrub_text

__all__ = ["Finding", "Status", "ok", "printable", "problem", "skipped", "warning"]


class Status(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look at it."""
    PROBLEM = "problem"
    """It does not work."""
    SKIPPED = "skipped"
    """It was not asked for, or cannot be told while something else is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    status: Status
    name: str
    said: str
    """What was seen."""
    do: str = ""
    """What to do about it; for warnings and problems."""
    area: str = ""
    """What it belongs to, such as the bot or Prometheus."""

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {**asdict(self), "status": str(self.status)}


def ok(name: str, said: str) -> Finding:
    """Say that all is well."""
    return Finding(Status.OK, name, said)


def warning(name: str, said: str, do: str) -> Finding:
    """Say that it works, and that somebody should look at it."""
    return Finding(Status.WARNING, name, said, do)


def problem(name: str, said: str, do: str) -> Finding:
    """Say that it does not work."""
    return Finding(Status.PROBLEM, name, said, do)


def skipped(name: str, said: str) -> Finding:
    """Say that nothing can be told."""
    return Finding(Status.SKIPPED, name, said)


def printable(text: object, most: int = 200) -> str:
    r"""Return a server's words as one line of bounded length, which holds no secret and steers no terminal.

    >>> printable("up\x1b[2J\ndown http://me:secret@bot")
    'up [2J down http://[redacted]@bot'
    """
    shown = "".join(character if character.isprintable() else " " for character in scrub_text(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"
