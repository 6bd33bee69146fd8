"""Broker clients that nobody decorated: their calls, HTTP attempts and feeds, recorded from outside.

``calls`` counts logical calls, ``attempts`` HTTP attempts, ``feeds`` connections; ``patching`` puts them into a
library when the bot imports it, and takes them out again. None of them imports a client.
"""
