"""WSGI around the pure app, so that a service with a server of its own can mount it, under a prefix too."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from gpt_trader_telemetry.http.app import App, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

__all__ = ["WsgiApp"]

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class WsgiApp:
    """Runs an App as WSGI (PEP 3333), each request in the thread that the server calls it on.

    >>> from gpt_trader_telemetry.http.app import json_response
    >>> wsgi = WsgiApp(App({"/live": lambda request: json_response(200, {"live": True})}))
    >>> wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/live"}, lambda status, headers: print(status))
    200 OK
    [b'{"live": true}']
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request. Its body is left unread: no route takes one."""
        request = _request(environ)
        response = self._app.entrance(request, _text(environ.get("SCRIPT_NAME", ""))) or self._app(request)
        start_response(
            f"{response.status} {_PHRASES.get(response.status, 'Unknown')}",
            [(name.title(), value) for name, value in response.headers.items()],
        )
        return [response.body]


def _request(environ: dict[str, Any]) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Request(
        environ["REQUEST_METHOD"], _text(environ.get("PATH_INFO", "")), environ.get("QUERY_STRING", ""), headers
    )


def _text(path: str) -> str:
    # WSGI hands over the bytes of a path as if they were Latin-1.
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
