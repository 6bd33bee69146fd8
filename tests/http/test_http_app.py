"""The pure app: every answer without a socket."""

import gzip
import json
import math
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.http.app import App, Request, Response, compressed, json_response, metrics_route

ROUTES = {
    "/live": lambda _: json_response(200, {"live": True}),
    "/down": lambda _: json_response(503, {"live": False}),
    "/headers": lambda _: Response(200, {"Cache-Control": "max-age=9", "X-Own": "1"}, b"own"),
}


def ask(path="/live", method="GET", app=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return (app or App(ROUTES))(Request(method, path, "", headers))


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/live", 200, {"live": True}),
        ("GET", "/down", 503, {"live": False}),
        ("GET", "/nope", 404, {"error": "Not found", "hint": "Paths: /down, /headers, /live"}),
        ("GET", "/live/", 404, {"error": "Not found", "hint": "Paths: /down, /headers, /live"}),
        ("GET", "", 404, {"error": "Not found", "hint": "Paths: /down, /headers, /live"}),
        ("POST", "/live", 405, {"error": "Method not allowed", "hint": "Use GET or HEAD"}),
        ("DELETE", "/nope", 405, {"error": "Method not allowed", "hint": "Use GET or HEAD"}),
        ("get", "/live", 405, {"error": "Method not allowed", "hint": "Use GET or HEAD"}),
        ("OPTIONS", "*", 405, {"error": "Method not allowed", "hint": "Use GET or HEAD"}),
    ],
)
def test_each_request_has_its_answer(method, path, status, body):
    """Status and JSON body, for what is served and what is not."""
    response = ask(path, method)
    assert (response.status, json.loads(response.body)) == (status, body)
    assert response.headers["content-type"] == "application/json"


def test_405_names_the_methods_that_are_allowed():
    """As HTTP demands."""
    assert ask(method="PUT").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/live", "/down", "/nope", "/headers"])
def test_head_is_get_without_its_body(path):
    """The same status and headers, the length included."""
    got, head = ask(path), ask(path, "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
    assert head.headers["content-length"] == str(len(got.body))


def test_every_answer_has_the_safe_headers_and_a_handler_may_set_its_own():
    """Nothing is cached or guessed at, unless a route says so itself."""
    assert ask().headers["cache-control"] == "no-store"
    assert ask("/nope").headers["x-content-type-options"] == "nosniff"
    headers = ask("/headers").headers
    assert (headers["cache-control"], headers["x-own"], headers["content-length"]) == ("max-age=9", "1", "3")


@pytest.mark.parametrize("error", [RuntimeError("s3cret"), SystemExit("s3cret"), BaseException("s3cret")])
def test_a_handler_that_raises_is_a_500_without_its_words(error):
    """The exception's text may hold a secret: it goes to on_error alone."""

    def raises(_request):
        raise error

    seen = []
    response = App({"/": raises}, on_error=seen.append)(Request("GET", "/"))
    assert response.status == 500
    assert b"s3cret" not in response.body
    assert json.loads(response.body)["error"] == "Internal server error"
    assert seen == [error]


def test_an_on_error_that_raises_changes_nothing():
    """The answer is the same 500."""

    def worse(_error):
        raise SystemExit

    assert App({"/": lambda _: 1 / 0}, on_error=worse)(Request("GET", "/")).status == 500


@pytest.mark.parametrize(
    "response",
    [
        None,
        "text",
        Response(200, {}, "text"),
        Response(99, {}, b""),
        Response(999, {}, b""),
        Response(200, {"x-own": "a\r\nset-cookie: b"}, b""),
        Response(200, {"x own": "a"}, b""),
        Response(200, {"x-own": "a\x00"}, b""),
        Response(200, {"x-own": "€"}, b""),
        Response(200, {"x-own": 1}, b""),
    ],
)
def test_what_is_no_response_is_a_500(response):
    """A handler cannot smuggle a header, a body or nothing at all past the app."""
    seen = []
    assert App({"/": lambda _: response}, on_error=seen.append)(Request("GET", "/")).status == 500
    assert len(seen) == 1


def test_ctrl_c_passes_through():
    """The one exception that is not the handler's."""

    def interrupted(_request):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        App({"/": interrupted})(Request("GET", "/"))


def test_fast_are_the_fast_routes_and_the_refusals():
    """Only a slow route is worth a thread."""
    app = App(ROUTES, fast=["/live"])
    assert app.slow_paths == ("/down", "/headers")
    assert app.is_fast(Request("GET", "/live"))
    assert app.is_fast(Request("GET", "/nope"))
    assert app.is_fast(Request("POST", "/down"))
    assert not app.is_fast(Request("GET", "/down"))


def test_a_fast_path_that_is_no_route_is_named():
    """At construction, not at the first request."""
    with pytest.raises(UsageError, match=r"'/alive' is called fast and is no route; routes: /down"):
        App(ROUTES, fast=["/live", "/alive"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"equity": math.nan, "all": [math.inf, (1.5, -math.inf)]},
            '{"equity": null, "all": [null, [1.5, null]]}',
        ),
        ({"amount": Decimal("1.10")}, '{"amount": "1.10"}'),
        (["é"], '["\\u00e9"]'),
    ],
)
def test_json_is_strict_json(value, text):
    """NaN is not JSON: what is not known is null."""
    assert json_response(200, value).body.decode() == text


def test_metrics_without_a_renderer_say_how_to_enable_them():
    """The playbook's words, or the caller's own."""
    disabled = metrics_route(None)(Request("GET", "/metrics"))
    assert disabled.status == 404
    assert json.loads(disabled.body) == {
        "error": "Metrics endpoint disabled",
        "hint": "Set GPT_TRADER_METRICS_ENDPOINT_ENABLED=1",
    }
    other = metrics_route(None, error="No reader", hint="Add one")(Request("GET", "/metrics"))
    assert json.loads(other.body) == {"error": "No reader", "hint": "Add one"}


def test_metrics_are_rendered_for_the_accept_header():
    """It decides on the format; a missing one is empty."""
    app = App({"/metrics": metrics_route(lambda accept: (f"text/{accept or 'plain'}", b"x 1\n"))})
    response = ask("/metrics", app=app, accept="openmetrics")
    assert (response.headers["content-type"], response.body) == ("text/openmetrics", b"x 1\n")
    assert ask("/metrics", app=app).headers["content-type"] == "text/plain"
    assert response.headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("br;q=1.0, x-gzip", True),
        ("*", True),
        ("gzip; q=0.001", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=nonsense", False),
        ("gzip;q=nan", False),
        ("gzipped", False),
        (",;=,", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(accepted, zipped):
    """As the weights of Accept-Encoding say."""
    body = b"orders_total 1\n" * 200
    app = App({"/metrics": metrics_route(lambda _: ("text/plain", body))})
    response = ask("/metrics", app=app, accept_encoding=accepted)
    assert ("content-encoding" in response.headers) is zipped
    assert (gzip.decompress(response.body) if zipped else response.body) == body
    assert response.headers["vary"] == "Accept, Accept-Encoding"
    assert response.headers["content-length"] == str(len(response.body))


def test_a_small_body_is_not_worth_compressing():
    """Up to a kilobyte fits into one packet anyway."""
    response = compressed(Request("GET", "/", "", {"accept-encoding": "gzip"}), Response(200, {}, b"x" * 1024))
    assert (response.headers, len(response.body)) == ({"vary": "Accept-Encoding"}, 1024)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", ""]) | st.text(),
    path=st.sampled_from(["/metrics", "/live"]) | st.text(),
    query=st.text(),
    headers=st.dictionaries(st.sampled_from(["accept-encoding", "accept", "host"]), st.text()),
)
def test_no_request_makes_the_app_raise(method, path, query, headers):
    """Whatever is asked, there is an answer, and its length is told truly."""
    app = App({**ROUTES, "/metrics": metrics_route(lambda _: ("text/plain", b"x 1\n" * 500))})
    response = app(Request(method, path, query, headers))
    assert response.status in {200, 404, 405}
    assert response.body == b"" if method == "HEAD" else response.headers["content-length"] == str(len(response.body))


def test_the_app_is_imported_without_uvicorn():
    """Nor does importing the server bring it in: only serving does."""
    code = (
        "import sys, gpt_trader_telemetry.http.app, gpt_trader_telemetry.http.server;"
        "sys.exit(bool({'uvicorn', 'h11'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
