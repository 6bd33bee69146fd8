"""What the instrumentors of client libraries have in common; needs the package opentelemetry-instrumentation."""

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.patching import Patches
from gpt_trader_telemetry.recording.current import DEFAULT

try:
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
except ModuleNotFoundError as absent:
    raise ModuleNotFoundError(
        f"{absent.name} is not installed; install gpt-trader-telemetry with its extra `ccxt` or `coinbase`",
        name=absent.name,
    ) from absent


class ClientInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # untyped
    """Instruments one client library, now or when the bot imports it.

    ``instrument()`` records into the process default; ``instrument(telemetry=...)`` into one Telemetry.
    """

    requirement: ClassVar[str]
    """The library and its versions, as in a requirements file."""

    _client: Client | None = None
    _patches: Patches | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the library that is instrumented."""
        return (self.requirement,)

    @abstractmethod
    def hook(self, client: Client, patches: Patches) -> None:
        """Have the library patched when it is imported, to record by ``client``."""

    def _instrument(self, **kwargs: Any) -> None:
        telemetry = kwargs.get("telemetry")
        self._client = Client(DEFAULT if telemetry is None else telemetry._slot)
        self._patches = Patches()
        self.hook(self._client, self._patches)

    def _uninstrument(self, **kwargs: Any) -> None:
        if self._patches is not None and self._client is not None:
            self._client.release()
            self._patches.undo()
        self._client = self._patches = None
