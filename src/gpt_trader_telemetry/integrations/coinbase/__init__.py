"""Coinbase Advanced Trade: the calls and WebSocket feeds of ``coinbase-advanced-py``, recorded from outside."""
