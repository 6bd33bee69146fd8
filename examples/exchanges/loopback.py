"""Bringing clients that insist on https to a server on this machine."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter


class _WithoutTls(HTTPAdapter):
    """Sends over http what was meant for https."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send it."""
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **options)


def over_loopback(session: requests.Session) -> None:
    """Have a session of requests reach a paper exchange, whatever proxies the environment names."""
    session.mount("https://127.0.0.1:", _WithoutTls())
    session.trust_env = False
