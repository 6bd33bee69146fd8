"""The page's own files: the same for everybody, without a word about the bot, so that they need no token.

What they show comes from ``/status.json``, which does.
"""

from functools import cache
from importlib import resources
from typing import Final

from gpt_trader_telemetry.http.app import Handler, Request, Response, compressed

__all__ = ["PAGE_PATHS", "page_routes"]

_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/dom.js": ("dom.js", "text/javascript; charset=utf-8"),
    "/plots.js": ("plots.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
}
PAGE_PATHS: Final = tuple(_FILES)
"""The paths of these files; they answer without waiting for anything."""

_SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def page_routes() -> dict[str, Handler]:
    """Return the routes of the page's files, which are read here."""
    return {path: _file_route(name, kind) for path, (name, kind) in _FILES.items()}


def _file_route(name: str, kind: str) -> Handler:
    response = Response(200, {"content-type": kind, **_SECURITY}, _content(name))

    def file(request: Request) -> Response:
        return compressed(request, response)

    return file


@cache
def _content(name: str) -> bytes:
    return resources.files("gpt_trader_telemetry.http").joinpath("page", name).read_bytes()
