"""What the calls of one instrumented client are recorded by."""

from collections.abc import Mapping
from typing import Final

from gpt_trader_telemetry.catalog import RATE_LIMIT_USAGE
from gpt_trader_telemetry.instrument.broker import BrokerCallSite
from gpt_trader_telemetry.instrument.orders import OrderSite
from gpt_trader_telemetry.instrument.site import discard
from gpt_trader_telemetry.integrations.rate_limits import rate_limit_usage
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Observe, Recorder

COMPONENT: Final = "integration"
"""What an inner error of an integration counts as."""


class Client:
    """A site for each operation, made once, and what is known of the client beside its calls."""

    def __init__(self, slot: Slot = DEFAULT) -> None:
        self.slot = slot
        self.recorder: Recorder | None = None
        """The recorder, while there is one and the client is instrumented."""
        self.released = False
        self._setter: tuple[Recorder | None, Observe] = (None, discard)
        """What shows how much of the rate limit is used, and whose it is; made when first it is told."""
        self._broker_calls: dict[str, BrokerCallSite] = {}
        self._orders: OrderSite | None = None
        self._tells_rate_limit = False
        """Whether an answer told how much of the limit is used: else none corrects what is taken from a refusal."""
        slot.subscribe(self)

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""
        self.recorder = None if self.released else recorder

    def release(self) -> None:
        """Record nothing any more: methods that the bot took hold of stay wrapped for ever."""
        self.released = True
        self.recorder = None

    def broker_call(self, operation: str) -> BrokerCallSite:
        """Return the site of an operation."""
        site = self._broker_calls.get(operation)
        if site is None:
            site = self._broker_calls[operation] = BrokerCallSite(operation, None, of_client=True)
            self.slot.subscribe(site)
        return site

    def orders(self) -> OrderSite:
        """Return the site of order submissions; from then on they are shown at zero."""
        if self._orders is None:
            self._orders = OrderSite(lambda _args, _kwargs: None, None, None)
            self.slot.subscribe(self._orders)
        return self._orders

    def note_fault(self, what: str, fault: BaseException) -> None:
        """Count an error that is kept from the bot."""
        if self.recorder is not None:
            self.recorder.faults.note(COMPONENT, what, fault)

    def note_answer(self, headers: Mapping[str, str]) -> bool:
        """Record the share of the rate limit that is used, if an answer's headers tell it; return whether they do."""
        usage = rate_limit_usage(headers)
        if usage is None:
            return False
        self._tells_rate_limit = True
        self._set_usage(usage)
        return True

    def note_limit_reached(self) -> None:
        """Record that all of the rate limit is used, where answers to come will tell when that is over."""
        if self._tells_rate_limit:
            self._set_usage(1.0)

    def _set_usage(self, usage: float) -> None:
        recorder = self.recorder
        if recorder is None:
            return
        known, setter = self._setter
        if known is not recorder:
            setter = recorder.setter(RATE_LIMIT_USAGE, ())
            self._setter = (recorder, setter)
        setter(usage)
