"""The HTTP listener: a pure app, and the guarded server that it runs in.

``app`` imports nothing beyond the standard library; ``server.start`` imports uvicorn when it is called.
"""
