"""The same app in somebody else's server: WSGI and ASGI, at the root and under a prefix."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
import warnings
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import fastapi
import pytest

from gpt_trader_telemetry.http.access import BearerToken
from gpt_trader_telemetry.http.app import App, Request, Response, json_response, metrics_route
from gpt_trader_telemetry.http.asgi import AsgiApp
from gpt_trader_telemetry.http.health_server import make_app
from gpt_trader_telemetry.http.limits import Limits
from gpt_trader_telemetry.http.page_routes import page_routes
from gpt_trader_telemetry.http.wsgi import WsgiApp

ROUTES = {
    **page_routes(),
    "/live": lambda _: json_response(200, {"status": "pass", "live": True}),
    "/ready": lambda _: json_response(503, {"status": "fail", "ready": False, "reason": "starting"}),
    "/echo": lambda request: json_response(200, {"query": request.query, **request.headers}),
    "/metrics": metrics_route(lambda accept: (f"text/plain; a={accept or 'none'}", b"orders_total 1\n" * 200)),
    "/broken": lambda _: 1 / 0,
    "/odd": lambda _: Response(299, {"content-type": "text/plain"}, b"odd"),
    "/größe": lambda _: json_response(200, {}),
}
PATHS = ["/live", "/ready", "/metrics", "/broken", "/odd", "/größe", "/nope", "/", "/page.js"]


@pytest.fixture
def app():
    """Routes of every kind."""
    return make_app(ROUTES)


def ask_wsgi(app, path, method="GET", query="", prefix="", **headers):
    told = {}
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": prefix.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }  # fmt: skip
    body = b"".join(WsgiApp(app)(environ, lambda status, headers: told.update(status=status, headers=headers)))
    return int(told["status"].split()[0]), {k.lower(): v for k, v in told["headers"]}, body


def ask_asgi(app, path, method="GET", query="", **more):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError("a body was asked for")

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in more.pop("headers", {}).items()]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers, **more
    }  # fmt: skip
    asyncio.run(AsgiApp(app)(scope, receive, send))
    start, body = sent
    return start["status"], {k.decode(): v.decode("latin-1") for k, v in start["headers"]}, body["body"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", PATHS)
def test_wsgi_and_asgi_answer_what_the_app_answers(app, path, method):
    """Status, headers and body, of whatever is asked."""
    expected = app(Request(method, path))
    told = (expected.status, dict(expected.headers), expected.body)
    assert ask_wsgi(app, path, method) == told
    assert ask_asgi(app, path, method) == told


@pytest.mark.parametrize("path", PATHS)
def test_under_a_prefix_the_answers_are_the_same(app, path):
    """Whether the server takes the prefix off the path (WSGI, older frameworks) or leaves it on (ASGI)."""
    expected = app(Request("GET", path))
    assert ask_wsgi(app, path, prefix="/ops/bot")[::2] == (expected.status, expected.body)
    for told in (
        ask_asgi(app, f"/ops/bot{path}", root_path="/ops/bot"),
        ask_asgi(app, f"/ops/bot{path}", root_path="/ops/bot/"),
        ask_asgi(app, path, root_path="/ops/bot"),
    ):
        assert told[::2] == (expected.status, expected.body)


def test_a_path_that_only_begins_like_the_prefix_is_not_below_it(app):
    """/botlive is not /bot followed by /live."""
    assert ask_asgi(app, "/botlive", root_path="/bot")[0] == 404


@pytest.mark.parametrize(
    ("prefix", "query", "location"),
    [
        ("/bot", "", "/bot/"),
        ("/ops/bot", "a=b&c=%20", "/ops/bot/?a=b&c=%20"),
        ("//evil.example", "", "/evil.example/"),
        ("/größe", "", "/gr%C3%B6%C3%9Fe/"),
        ("/bot", "a\r\nSet-Cookie: x", "/bot/?a%0D%0ASet-Cookie:%20x"),
    ],
)
def test_the_prefix_itself_leads_to_the_page_below_it(app, prefix, query, location):
    """With its query, on this host, and without a header of the client's."""
    for status, headers, _ in (
        ask_wsgi(app, "", query=query, prefix=prefix),
        ask_asgi(app, prefix, query=query, root_path=prefix),
    ):
        assert (status, headers["location"]) == (307, location)
    assert ask_wsgi(app, "", method="POST", prefix=prefix)[0] == 405
    assert ask_wsgi(app, "")[0] == 404


def test_headers_and_query_reach_the_app(app):
    """As they were sent, whichever way they came."""
    body = json.loads(ask_wsgi(app, "/echo", query="a=%20b", accept_encoding="gzip", x_own="1")[2])
    assert body == {"query": "a=%20b", "accept-encoding": "gzip", "x-own": "1"}
    headers = {"Accept-Encoding": "gzip", "x-own": "1"}
    assert json.loads(ask_asgi(app, "/echo", query="a=%20b", headers=headers)[2]) == body


def test_the_token_is_asked_for_wherever_the_app_is_mounted():
    """Probes and the page's files stay open."""
    app = make_app(ROUTES, token=BearerToken(b"correct-horse-battery-staple"))
    carried = {"authorization": "Bearer correct-horse-battery-staple"}
    assert ask_wsgi(app, "/metrics")[0] == ask_asgi(app, "/metrics")[0] == 401
    assert ask_wsgi(app, "/metrics", **carried)[0] == ask_asgi(app, "/metrics", headers=carried)[0] == 200
    assert ask_wsgi(app, "/live")[0] == ask_asgi(app, "/")[0] == 200


def test_another_servers_connection_is_left_to_it(app):
    """No Date and no Connection header, and a state that is not ours means nothing to us."""
    _, headers, _ = ask_asgi(app, "/metrics", headers={"content-length": "9"}, state={"seat": "14F"})
    assert not {"date", "connection", "server"} & set(headers)


def test_lifespan_is_answered_and_web_sockets_are_declined(app):
    """So that it can be the whole of an ASGI server's work too."""

    async def talk(kind, messages):
        sent, waiting = [], iter(messages)

        async def send(message):
            sent.append(message)

        async def receive():
            return next(waiting)

        await AsgiApp(app)({"type": kind}, receive, send)
        return sent

    lifespan = asyncio.run(talk("lifespan", [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]))
    assert [message["type"] for message in lifespan] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    closed = asyncio.run(talk("websocket", [{"type": "websocket.connect"}]))
    assert [message["type"] for message in closed] == ["websocket.close"]


def test_a_hung_route_stops_neither_the_loop_nor_live():
    """In another service's event loop as in our own; it is told 503 after a while."""
    released = threading.Event()
    app = App({"/hang": lambda _: released.wait(20) and None, "/live": ROUTES["/live"]}, fast=["/live"])

    async def ask(asgi, path):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        await asgi(scope, None, send)
        return sent[0]["status"]

    async def main():
        asgi = AsgiApp(app, limits=Limits(answer_seconds=0.3))
        hung = [asyncio.create_task(ask(asgi, "/hang")) for _ in range(4)]
        await asyncio.sleep(0.05)
        started = time.monotonic()
        assert await ask(asgi, "/live") == 200
        assert time.monotonic() - started < 0.2
        assert [await task for task in hung] == [503] * 4

    asyncio.run(main())
    released.set()


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *args):
        pass


def test_in_a_plain_wsgi_server_under_a_prefix(app):
    """With wsgiref's own validator around us, over real sockets."""
    checked = validator(WsgiApp(app))

    def service(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/bot"):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/bot", path.removeprefix("/bot")
            return checked(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the service's own"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = make_server("127.0.0.1", 0, service, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        assert get(f"{base}/")[1] == b"the service's own"
        assert get(f"{base}/bot/live?x=1") == (200, b'{"status": "pass", "live": true}')
        assert get(f"{base}/bot/ready")[0] == 503
        assert get(f"{base}/bot/gr%C3%B6%C3%9Fe")[0] == 200
        assert get(f"{base}/bot")[1] == get(f"{base}/bot/")[1] == app(Request("GET", "/")).body
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_as_the_whole_of_an_asgi_server(app, uvicorn_runs):
    """At the root, its lifespan included; uvicorn finds nothing to object to."""
    base = uvicorn_runs(AsgiApp(app))
    assert get(f"{base}/live?x=1") == (200, b'{"status": "pass", "live": true}')
    assert get(f"{base}/gr%C3%B6%C3%9Fe")[0] == 200
    assert get(f"{base}/") == (200, app(Request("GET", "/")).body)


def test_mounted_in_fastapi(app, uvicorn_runs):
    """Beside the service's own routes, and under a prefix behind a proxy's."""
    for prefix in ("", "/proxied"):
        service = fastapi.FastAPI()

        @service.get("/own")
        def own():
            return {"own": True}

        service.mount("/ops/bot", AsgiApp(app))
        base = uvicorn_runs(service, root_path=prefix)
        assert get(f"{base}/own") == (200, b'{"own":true}')
        assert get(f"{base}/ops/bot/live?x=1") == (200, b'{"status": "pass", "live": true}')
        assert get(f"{base}/ops/bot/ready")[0] == 503
        assert json.loads(get(f"{base}/ops/bot/nope")[1])["error"] == "Not found"
        assert get(f"{base}/ops/bot/metrics")[1] == b"orders_total 1\n" * 200
        assert get(f"{base}/ops/bot/")[1] == app(Request("GET", "/")).body
    assert get(f"{uvicorn_runs(mounted(app))}/bot")[1] == app(Request("GET", "/")).body


def mounted(app):
    service = fastapi.FastAPI()
    service.mount("/bot", AsgiApp(app))
    return service
