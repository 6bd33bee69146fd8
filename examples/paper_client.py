"""A client of the paper exchange, as plain as a broker's own client library."""

import http.client
import json
from typing import Any, Final

TIMEOUT: Final = 0.5
"""Seconds to wait for an answer."""


class BrokerError(Exception):
    """The broker answered with an HTTP error.

    The telemetry reads why from ``status_code`` and ``error_code``, as with the errors of real clients.
    """

    def __init__(self, status_code: int, error_code: str) -> None:
        super().__init__(f"{status_code} {error_code}")
        self.status_code = status_code
        self.error_code = error_code


class Client:
    """Sends requests to the exchange at ``host``, each over a connection of its own."""

    def __init__(self, host: str) -> None:
        self.host = host

    def request(self, method: str, path: str, **fields: object) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises BrokerError for an HTTP error, and OSError (TimeoutError among them) where no answer came.
        """
        connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT)
        try:
            connection.request(method, path, json.dumps(fields))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status >= 400:
            raise BrokerError(response.status, answer["error"])
        return answer
