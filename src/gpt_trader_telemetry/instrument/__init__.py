"""What a bot decorates: one way of wrapping callables, and small rooms for broker calls, orders, guards ..."""

from gpt_trader_telemetry.instrument import broker, cycle, guards, orders, record

__all__ = ["broker", "cycle", "guards", "orders", "record"]
