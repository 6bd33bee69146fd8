"""A pure HTTP app: request in, response out, without a socket, a thread or an event loop."""

import gzip
import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from gpt_trader_telemetry.errors import UsageError

__all__ = ["App", "Gate", "Handler", "Request", "Response", "compressed", "json_response", "metrics_route"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_SMALL: Final = 1024
_METHODS: Final = frozenset({"GET", "HEAD"})
_STATUSES: Final = range(200, 600)
_HEADER_NAME: Final = re.compile(r"[a-z0-9-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\xa0-\xff]*")
# What is served changes from one request to the next, and is never a document to be guessed at.
_ALWAYS: Final[Mapping[str, str]] = MappingProxyType({"cache-control": "no-store", "x-content-type-options": "nosniff"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked; header names are in lower case, repeated headers joined by commas."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Response:
    """What a client is told."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes = b""


Handler = Callable[[Request], Response]
Gate = Callable[[Request], Response | None]
"""Refuses a request, or lets it pass; it waits for nothing."""


class App:
    """Routes by exact path; answers GET and HEAD, and never raises.

    A path in ``fast`` promises to answer without waiting for anything: the server runs it in the event loop,
    where it goes on answering while the other routes hang. ``gate`` is asked about every request first, what is
    no route included. ``on_error`` is told what a handler raised; the client is not, since the text of an
    exception may hold a secret.

    >>> app = App({"/live": lambda request: json_response(200, {"live": True})}, fast=["/live"])
    >>> app(Request("GET", "/live")).body
    b'{"live": true}'
    """

    def __init__(
        self,
        routes: Mapping[str, Handler],
        *,
        fast: Collection[str] = (),
        gate: Gate | None = None,
        on_error: Callable[[BaseException], None] | None = None,
    ) -> None:
        unknown = set(fast) - set(routes)
        if unknown:
            known = ", ".join(sorted(routes))
            raise UsageError(f"{min(unknown)!r} is called fast and is no route; routes: {known}")
        self._routes = MappingProxyType(dict(routes))
        self._fast = frozenset(fast)
        self._gate = gate
        self._on_error = on_error

    @property
    def slow_paths(self) -> tuple[str, ...]:
        """The routes that may take their time."""
        return tuple(sorted(set(self._routes) - self._fast))

    def is_fast(self, request: Request) -> bool:
        """Whether the answer waits for nothing: a fast route, or a refusal."""
        return request.path in self._fast or self._refusal(request) is not None

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            refusal = self._refusal(request)
            return self.finished(request, refusal or self._routes[request.path](request))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a handler does not end the listener
            self.report(error)
            return self.failed(request)

    def entrance(self, request: Request, prefix: str) -> Response | None:
        """Send on who asks for the prefix that this app is mounted under, and means the page in it.

        The links of a page at ``/prefix`` would lead beside the prefix; those of ``/prefix/`` lead below it.
        """
        if request.path or not prefix or request.method not in _METHODS:
            return None
        # One slash at its start: two would name another host.
        target = f"/{prefix.strip('/')}/" + (f"?{request.query}" if request.query else "")
        location = quote(target, safe="/?%:@!$&'()*+,;=~")
        return self.finished(request, Response(307, {"location": location, "content-type": "text/plain"}))

    def finished(self, request: Request, response: Response) -> Response:
        """Complete a response: the headers that every one has, its length, and no body for HEAD."""
        _check(response)
        headers = dict(_ALWAYS)
        for name, value in response.headers.items():
            headers[name.lower()] = value
        headers["content-length"] = str(len(response.body))
        _check_headers(headers)
        return Response(response.status, headers, b"" if request.method == "HEAD" else response.body)

    def failed(self, request: Request) -> Response:
        """Say that something of ours went wrong, and no more."""
        failure = {"error": "Internal server error", "hint": "The bot's log says what went wrong"}
        return self.finished(request, json_response(500, failure))

    def unavailable(self, request: Request, hint: str) -> Response:
        """Say that there is no answer for the moment."""
        return self.finished(request, json_response(503, {"error": "Service unavailable", "hint": hint}))

    def report(self, error: BaseException) -> None:
        """Hand an error to ``on_error``, whatever that does with it."""
        if self._on_error is not None:
            with suppress(BaseException):
                self._on_error(error)

    def _refusal(self, request: Request) -> Response | None:
        if self._gate is not None and (refused := self._gate(request)) is not None:
            return refused
        if request.method not in _METHODS:
            refusal = json_response(405, {"error": "Method not allowed", "hint": "Use GET or HEAD"})
            return replace(refusal, headers={**refusal.headers, "allow": "GET, HEAD"})
        if request.path not in self._routes:
            hint = f"Paths: {', '.join(sorted(self._routes)) or 'none'}"
            return json_response(404, {"error": "Not found", "hint": hint})
        return None


def json_response(status: int, obj: object) -> Response:
    """Return ``obj`` as JSON; a number that is not finite becomes null, for which JSON has no word."""
    try:
        text = json.dumps(obj, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(obj), default=str, allow_nan=False)
    return Response(status, {"content-type": "application/json"}, text.encode())


def metrics_route(
    render: Callable[[str], tuple[str, bytes]] | None,
    *,
    error: str = "Metrics endpoint disabled",
    hint: str = "Set GPT_TRADER_METRICS_ENDPOINT_ENABLED=1",
) -> Handler:
    """Make the handler of ``/metrics``.

    ``render`` takes the Accept header (empty if there is none) and returns the content type and the body;
    without it the answer is 404 with ``error`` and ``hint``.
    """
    if render is None:
        return lambda _request: json_response(404, {"error": error, "hint": hint})

    def metrics(request: Request) -> Response:
        content_type, body = render(request.headers.get("accept", ""))
        response = Response(200, {"content-type": content_type, "vary": "Accept"}, body)
        return compressed(request, response)

    return metrics


def compressed(request: Request, response: Response) -> Response:
    """Return the response in gzip where the client takes it and it is worth the time."""
    vary = response.headers.get("vary")
    headers = {**response.headers, "vary": f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"}
    if len(response.body) <= _SMALL or not _accepts_gzip(request.headers.get("accept-encoding", "")):
        return replace(response, headers=headers)
    headers["content-encoding"] = "gzip"
    # The lowest level: a scrape shares the processor with the bot, and such text shrinks tenfold anyway.
    return Response(response.status, headers, gzip.compress(response.body, compresslevel=1, mtime=0))


def _accepts_gzip(accepted: str) -> bool:
    weights: dict[str, float] = {}
    for item in accepted.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding] = _weight(parameters)
    for coding in ("gzip", "x-gzip", "*"):
        if coding in weights:
            return weights[coding] > 0
    return False


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            # What cannot be read is no consent: an answer in plain text is right for everybody.
            return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip()) else 0.0
    return 1.0


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _check(response: Response) -> None:
    if not isinstance(response, Response):
        raise TypeError(f"a handler returned {type(response).__name__}, not a Response")
    if response.status not in _STATUSES or not isinstance(response.body, bytes):
        raise ValueError("a response needs a status from 200 to 599 and a body of bytes")


def _check_headers(headers: Mapping[str, str]) -> None:
    # A value with a line break would become a header of its own, or a body.
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"a response header cannot be sent: {name!r}")
