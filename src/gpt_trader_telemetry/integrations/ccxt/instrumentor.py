"""The instrumentor of ccxt.

Nearly every exchange of ccxt defines its methods anew, and so may the bot's subclasses, at any time. So a class is
instrumented, with the classes it derives from, when its first object is made; ``__init__`` also copies every method
under its camelCase name, which then copies the recording one.
"""

import functools
import weakref
from operator import attrgetter
from types import FunctionType, ModuleType
from typing import Any, Final

from gpt_trader_telemetry.instrument.wrap import wrap
from gpt_trader_telemetry.integrations.attempts import Attempts, telling_retries
from gpt_trader_telemetry.integrations.calls import CallSite, counts_orders
from gpt_trader_telemetry.integrations.ccxt.methods import call_site, operation_of
from gpt_trader_telemetry.integrations.ccxt.streams import patch_connections, patch_exchanges
from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.feeds import Feeds
from gpt_trader_telemetry.integrations.instrumentor import ClientInstrumentor
from gpt_trader_telemetry.integrations.patching import Patches
from gpt_trader_telemetry.interrupts import INTERRUPTS

_headers: Final = attrgetter("last_response_headers")
_SYNC: Final = "ccxt.base.exchange"
_ASYNC: Final = "ccxt.async_support.base.exchange"
_ALIAS: Final = "loadMarkets"
_WEBSOCKET: Final = "ccxt.async_support.base.ws.client"


class CcxtInstrumentor(ClientInstrumentor):
    """Records what a bot does through ccxt: its orders, its HTTP attempts, its WebSocket connections.

    ``CcxtInstrumentor().instrument()`` before or after ``import ccxt``; ``uninstrument()`` takes everything out.
    Nothing is imported, and nothing of the bot has to change.
    """

    requirement = "ccxt >= 4.5, < 5"

    def hook(self, client: Client, patches: Patches) -> None:
        """Have ccxt patched when it is imported."""
        feeds = Feeds(client)
        classes = ExchangeClasses(client)
        patches.when_imported(_SYNC, lambda module: _patch_exchange(_base(module), client, classes, patches))
        patches.when_imported(_ASYNC, lambda module: _patch_requests(_base(module), client, patches))
        patches.when_imported(_ASYNC, lambda module: patch_exchanges(_base(module), feeds, patches))
        patches.when_imported(_WEBSOCKET, lambda module: patch_connections(module.Client, feeds, patches))
        patches.at_undo(classes.restore)


def _base(module: ModuleType) -> type:
    found: type = vars(module).get("BaseExchange") or module.Exchange
    return found


def _patch_exchange(base: type, client: Client, classes: "ExchangeClasses", patches: Patches) -> None:
    def constructing(construct: Any) -> Any:
        @functools.wraps(construct)
        def constructed(exchange: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                classes.instrument(type(exchange))
            except INTERRUPTS:
                raise
            except BaseException as fault:
                client.note_fault("a class of exchanges could not be instrumented", fault)
            return construct(exchange, *args, **kwargs)

        return constructed

    classes.base = base
    _patch_requests(base, client, patches)
    patches.replace(base, "__init__", constructing)
    # Of classes that are there already objects may have been made.
    classes.instrument_below(base)


def _patch_requests(base: type, client: Client, patches: Patches) -> None:
    patches.replace(base, "fetch", Attempts(client, 1, "url", headers=_headers, call_tells=True).recording)
    patches.replace(base, "fetch2", telling_retries)


class ExchangeClasses:
    """The classes of exchanges whose methods record."""

    def __init__(self, client: Client) -> None:
        self.base: type | None = None
        """What all exchanges derive from, once it is imported."""
        self._client = client
        self._done: weakref.WeakSet[type] = weakref.WeakSet()
        self._wrappers: weakref.WeakSet[Any] = weakref.WeakSet()
        """What was put in the place of methods: what the bot wraps around that has our marks too."""

    def instrument(self, kind: type) -> None:
        """Have the methods of a class record, and those of the classes that it derives from."""
        if kind in self._done or self._client.released:
            return
        for owner in kind.__mro__:
            # What else the bot derives from is not an exchange, and may be of use elsewhere.
            if self.base is not None and issubclass(owner, self.base) and owner not in self._done:
                self._done.add(owner)
                self._instrument_one(owner)

    def instrument_below(self, base: type) -> None:
        """Do so for all the classes that derive from ``base`` and have had objects: those have aliases."""
        kind: type
        for kind in base.__subclasses__():
            if _ALIAS in vars(kind):
                self.instrument(kind)
            self.instrument_below(kind)

    def _instrument_one(self, owner: type) -> None:
        made: dict[FunctionType, Any] = {}
        for name, value in list(vars(owner).items()):
            if not isinstance(value, FunctionType) or self._is_counted(value):
                continue
            # An alias has the name of what it stands for; what a decorator of the bot's made may have any name.
            known = next(filter(operation_of, (value.__name__, name)), None)
            if known is not None and value not in made:
                made[value] = wrap(value, functools.partial(call_site, self._client, known))
                self._wrappers.add(made[value])
            if value in made:
                setattr(owner, name, made[value])

    def _is_counted(self, function: FunctionType) -> bool:
        return self._records(function) or counts_orders(function)

    def _records(self, function: object) -> bool:
        site = getattr(function, "__gpt_trader_site__", None)
        return isinstance(site, CallSite) and site.client is self._client

    def restore(self) -> None:
        """Give all methods back, under every name that they stand under by now."""
        for owner in list(self._done):
            for name, value in list(vars(owner).items()):
                if isinstance(value, FunctionType) and value in self._wrappers:
                    setattr(owner, name, value.__wrapped__)  # type: ignore[attr-defined]
        self._done.clear()
