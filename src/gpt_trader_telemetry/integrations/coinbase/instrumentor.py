"""Instruments ``coinbase-advanced-py``."""

from typing import ClassVar

from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.coinbase.feed import patch_websocket
from gpt_trader_telemetry.integrations.coinbase.rest import patch_rest
from gpt_trader_telemetry.integrations.instrumentor import ClientInstrumentor
from gpt_trader_telemetry.integrations.patching import Patches


class CoinbaseInstrumentor(ClientInstrumentor):
    """Records what ``coinbase-advanced-py`` does: its ``RESTClient``, ``WSClient`` and ``WSUserClient``.

    Instrument before a WebSocket client is opened: one that is open already is followed from its next connection on.

    >>> CoinbaseInstrumentor().instrument()
    >>> CoinbaseInstrumentor().uninstrument()
    """

    requirement: ClassVar[str] = "coinbase-advanced-py >= 1.7, < 2"

    def hook(self, client: Client, patches: Patches) -> None:
        """Have both halves of the library patched when the bot imports them."""
        patches.when_imported("coinbase.rest", lambda rest: patch_rest(client, patches, rest))
        patches.when_imported("coinbase.websocket", lambda websocket: patch_websocket(client, patches, websocket))
