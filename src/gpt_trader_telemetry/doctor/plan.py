"""What the doctor is asked to look at."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["LIVELY_SECONDS", "Plan", "Server", "spoken"]

LIVELY_SECONDS: Final = 300.0
"""Age from which what a bot wrote last says that it writes no more; the daily report's liveness has the same."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server to ask.

    ``given``: somebody named it. One that nobody named is looked for at its usual address, and is not missed when
    nobody listens there.
    """

    address: str
    given: bool = False

    @property
    def url(self) -> SplitResult:
        """The address in its parts."""
        return urlsplit(self.address)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where to look, and for how long; durations are in seconds."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    bot: Server
    exporter: Server = Server("http://127.0.0.1:9000")
    prometheus: Server = Server("http://127.0.0.1:9090")
    alertmanager: Server = Server("http://127.0.0.1:9093")
    job: str = "gpt-trader"
    """Prometheus' name for what it scrapes."""
    token: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    timeout: float = 3.0
    """For each question over the network."""
    wait: float = 2.0
    """Between the two scrapes that are compared."""
    runtime_root: Path = Path()
    profile: str | None = None
    """A folder of ``runtime_data``; None for all that are there."""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    @property
    def headers(self) -> dict[str, str]:
        """What the bot wants to be sent."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def spoken(seconds: float) -> str:
    """Return a duration as people say it.

    >>> spoken(4), spoken(200), spoken(90_000)
    ('4 s', '3 min', '25 h')
    """
    for size, unit in ((172_800, 86_400), (7200, 3600), (120, 60)):
        if seconds >= size:
            return f"{seconds / unit:.0f} { {86_400: 'days', 3600: 'h', 60: 'min'}[unit] }"
    return f"{max(seconds, 0):.0f} s"
