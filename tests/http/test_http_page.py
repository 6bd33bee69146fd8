"""The page for a person: what it is made of, and what a real browser makes of it."""

import dataclasses
import html.parser
import itertools
import json
import re
from importlib import resources

import pytest

from gpt_trader_telemetry.http.app import App, Request, json_response
from gpt_trader_telemetry.http.health_routes import HealthView, health_routes
from gpt_trader_telemetry.http.health_server import Access, start_health_server
from gpt_trader_telemetry.http.page_routes import PAGE_PATHS, page_routes
from support.bots import explain_of, status_of
from support.browser import Browser, find_chromium

FOLDER = resources.files("gpt_trader_telemetry.http").joinpath("page")
FILES = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}
SCRIPTS = {name: text for name, text in FILES.items() if name.endswith(".js")}


# What it is made of


def test_each_file_is_served_with_its_type_and_the_strict_policy():
    """Every file of the folder, and nothing else."""
    app = App(page_routes())
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
    served = {}
    for path in PAGE_PATHS:
        response = app(Request("GET", path))
        name = path.strip("/") or "index.html"
        served[name] = response.body.decode()
        assert response.headers["content-type"] == f"{kinds[name.rpartition('.')[2]]}; charset=utf-8"
        policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'",
            "img-src": "data:", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'", "trusted-types": "'none'",
        }  # fmt: skip
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
    assert served == FILES


class Parsed(html.parser.HTMLParser):
    """Collects the page's elements, links and inline code."""

    def __init__(self):
        super().__init__()
        self.tag, self.attributes, self.inline = "", [], []

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        self.tag = tag

    def handle_data(self, data):
        if self.tag in {"script", "style"} and data.strip():
            self.inline.append(data)


def test_nothing_comes_from_elsewhere_and_nothing_is_inline():
    """Relative addresses alone, so that it works under any prefix; no handler, script or style in the markup."""
    page = Parsed()
    page.feed(FILES["index.html"])
    assert page.inline == []
    for name, value in page.attributes:
        assert not name.startswith(("on", "style"))
        if name in {"href", "src"}:
            assert value == "data:," or re.fullmatch(r"[a-z]+(\.[a-z]+)?", value)
    for name, text in FILES.items():
        outside = set(re.findall(r"[a-z]+://[^\"'`\s]+", text)) - {"http://www.w3.org/2000/svg"}
        assert outside == set(), name
        assert not re.search(r"@import|url\(", text), name
    for name, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )
        for imported in re.findall(r'from "([^"]+)"', text):
            assert imported.removeprefix("./") in FILES


def test_a_file_of_the_page_can_be_read_in_one_sitting():
    """As the rest of the house."""
    assert {name: len(text.splitlines()) for name, text in FILES.items() if len(text.splitlines()) > 320} == {}


# What a browser makes of it


@pytest.fixture(scope="module")
def chromium():
    """One browser for all tests of this file."""
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    browser = Browser(program)
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium):
    """The browser with nothing to complain of, before and after."""
    chromium.problems.clear()
    chromium.size(1280, 900)
    chromium.scheme("light")
    yield chromium
    chromium.open("about:blank")


@dataclasses.dataclass
class Bot:
    """A bot in a certain state, and its server."""

    state: str = "healthy"
    changes: dict = dataclasses.field(default_factory=dict)
    clock: itertools.count = dataclasses.field(default_factory=lambda: itertools.count(1_770_000_000))

    def document(self):
        document = status_of(self.state, float(next(self.clock)))
        document["health"] |= self.changes
        return document

    def routes(self, prefix=""):
        view = HealthView(
            live=lambda: True, ready=lambda: (True, ""), health=lambda: self.document()["health"],
            explain=lambda: explain_of(self.state), status=self.document,
        )  # fmt: skip
        return {f"{prefix}{path}": handler for path, handler in (health_routes(view) | page_routes()).items()}


@pytest.fixture
def bot():
    return Bot()


@pytest.fixture
def serve(bot):
    """Serve the bot; what is started is stopped at the end."""
    servers = []

    def serve(prefix="", port=0, **access):
        routes = {**bot.routes(prefix), "/live": lambda _: json_response(200, {}), "/ready": lambda _: None}
        servers.append(start_health_server(routes, host="127.0.0.1", port=port, access=Access(**access)))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


HEARD = "document.body?.dataset.state === 'heard'"


def show(browser, url, until=HEARD):
    browser.open(f"{url}/")
    browser.until(f"location.href.startsWith({json.dumps(url)}) && {until}")


def level(browser, selector):
    return browser.run(f"document.querySelector({json.dumps(selector)}).dataset.level")


@pytest.mark.parametrize(
    ("state", "word", "shape", "words"),
    [
        ("healthy", "Healthy", "ok", ["Application ready", "Ready", "Live", "7 of 7 known", "7 registered", "success"]),
        ("degraded", "Degraded", "warn", ["no message for 42 s", "above the warning threshold of 5", "1 of 7 failing"]),
        ("unhealthy", "Unhealthy", "crit", ["Not ready", "no result within 5 s", "Critical", "broker is failing"]),
        ("starting", "Starting", "wait", ["Warming up candles", "Pending", "too few samples", "No orders"]),
        ("empty", "Starting", "wait", ["Not ready to trade yet", "No checks are registered", "No signals"]),
    ],
)
def test_each_state_is_told_by_word_shape_and_reason(*, browser, bot, serve, state, word, shape, words):
    """Status, probes, checks and signals; nothing violates the policy, fails to load or throws."""
    bot.state = state
    show(browser, serve().url)
    assert browser.run("document.querySelector('h1').textContent") == word
    assert level(browser, "#overall") == shape
    assert browser.run("document.title") == f"{word} · gpt-trader"
    assert browser.run("document.querySelector('link[rel=icon]').href").startswith("data:image/svg+xml,%3Csvg")
    text = browser.text().replace("\u00a0", " ")
    for expected in words:
        assert expected in text, text
    assert browser.run("violations") == browser.problems == []


def test_every_check_and_signal_has_its_row(browser, bot, serve):
    """Ages, durations, bars against both thresholds, and fifteen minutes of history."""
    bot.state = "unhealthy"
    show(browser, serve().url)
    health = bot.document()["health"]
    names = browser.run("[...document.querySelectorAll('#checks details')].map((row) => row.id.slice(6))")
    assert sorted(names) == sorted(health["checks"])
    assert names[:2] == ["broker", "ws_freshness"]  # the worst first
    assert re.search(r"\b(9|1\d) s ago", browser.run("document.getElementById('check-broker').innerText"))
    for signal in health["signals"]["signals"]:
        row = f"document.getElementById('signal-{signal['name']}')"
        assert (
            level(browser, f"#signal-{signal['name']}")
            == {"OK": "ok", "WARN": "warn", "CRIT": "crit"}[signal["status"]]
        )
        assert browser.run(f"{row}.querySelectorAll('.gauge u').length") == 2
        filled = float(browser.run(f"parseFloat({row}.querySelector('.track b').style.width)"))
        low, high = {"OK": (0, 50), "WARN": (50, 80), "CRIT": (80, 100)}[signal["status"]]
        assert low <= filled <= high
        assert browser.run(f"{row}.querySelectorAll('.spark path').length") == 2
    assert browser.run("document.querySelectorAll('#orders rect.success').length") > 30
    assert browser.run("document.querySelectorAll('#latency path').length") == 6  # three lines and their keys


def test_it_refreshes_itself_and_keeps_what_the_reader_opened(browser, bot, serve):
    """A row stays open across answers, and shows the sentence behind the number."""
    show(browser, serve().url)
    browser.run("document.querySelector('#signal-order_error_rate').open = true")
    browser.run("document.querySelector('#check-account').open = true")
    bot.state = "degraded"
    browser.until("document.querySelector('h1').textContent === 'Degraded'")
    browser.until("document.body.innerText.includes('The sentence about order_error_rate.')")
    assert browser.run(
        "document.querySelector('#signal-order_error_rate').open && document.querySelector('#check-account').open"
    )
    assert "equity" in browser.text()


def test_a_lost_bot_is_shown_as_lost_and_found_again(browser, bot, serve):
    """With how long ago it was last heard; what is shown below is called old."""
    bot.state = "degraded"
    server = serve()
    show(browser, server.url)
    assert server.stop()
    browser.until("document.body.dataset.state === 'lost'")
    assert browser.run("document.querySelector('h1').textContent") == "Lost contact"
    assert re.search(r"Last heard \d+ s ago, when it was degraded", browser.text())
    assert re.search(r"Lost, last heard \d+ s ago", browser.text())
    assert browser.run("document.title") == "Lost contact · gpt-trader"
    assert level(browser, "#overall") == "lost"
    browser.until("getComputedStyle(document.getElementById('facts')).filter === 'grayscale(1)'")
    serve(port=server.port)
    browser.until(HEARD)
    assert browser.run("document.querySelector('h1').textContent") == "Degraded"
    assert browser.run("violations") == []


def test_an_answer_that_stands_still_is_a_lost_bot_too(browser, bot, serve):
    """A proxy's stale copy is no sign of life."""
    show(browser, serve().url)
    bot.clock = itertools.repeat(1_770_000_000)
    browser.until("document.body.dataset.state === 'lost'")
    assert "The same old answer" in browser.text()


def test_the_token_is_asked_for_once_and_kept_in_the_tab(browser, serve, tmp_path):
    """A wrong one is refused; the right one outlives a reload, and is nowhere but in this tab's session."""
    (tmp_path / "token").write_text("correct-horse-battery-staple")
    (tmp_path / "token").chmod(0o600)
    url = serve(token_file=tmp_path / "token").url
    show(browser, url, "document.body?.dataset.state === 'locked'")
    assert "gpt-trader" not in browser.text()

    def enter(token):
        browser.run(f"document.getElementById('token').value = {json.dumps(token)}")
        browser.run("document.querySelector('#locked button').click()")

    enter("wrong")
    browser.until("document.body.innerText.includes('That token was not accepted')")
    enter(" correct-horse-battery-staple ")
    browser.until(HEARD)
    show(browser, url)
    kept = "Object.values(sessionStorage).includes('correct-horse-battery-staple')"
    assert browser.run(f"{kept} && localStorage.length === 0 && document.cookie === '' && location.search === ''")
    assert "correct-horse" not in browser.run("document.documentElement.outerHTML")
    assert browser.run("violations") == []


def test_what_a_bot_says_is_never_markup(browser, bot, serve):
    """Names, errors and details are text, whatever they hold."""
    bad = "<img src=x onerror='window.hacked=1'>\"'&#39;</script>"
    signal = {"name": bad, "status": bad, "unit": bad, "value": 1, "threshold_warn": 1, "threshold_crit": 2}
    bot.changes = {
        "status": "unhealthy",
        "reason": bad,
        "checks": {bad: {"status": "fail", "severity": "critical", "details": {bad: [bad], "error": bad}}},
        "signals": {"signals": [signal]},
    }  # fmt: skip
    show(browser, serve().url)
    browser.run("for (const row of document.querySelectorAll('details')) row.open = true")
    assert browser.text().count("<img src=x") >= 5
    assert browser.run("window.hacked === undefined && document.images.length === 0")
    assert browser.run("violations") == browser.problems == []


def test_the_policy_is_enforced(browser, serve):
    """A style that somebody smuggles in is refused, as is a request to elsewhere."""
    show(browser, serve().url)
    browser.run("document.body.setAttribute('style', 'color: red')")
    browser.run("fetch('http://127.0.0.1:1/').catch(() => 0)")
    browser.until("violations.length === 2")
    assert [text.split()[0] for text in browser.run("violations")] == ["style-src-attr", "connect-src"]


@pytest.mark.parametrize("state", ["unhealthy", "empty"])
def test_nothing_sticks_out_on_a_phone(browser, bot, serve, state):
    """No sideways scrolling, and everything that is shown is inside."""
    bot.state = state
    browser.size(320, 844, phone=True)
    show(browser, serve().url)
    widest = "Math.max(...[...document.querySelectorAll('main *')].map((node) => node.getBoundingClientRect().right))"
    for width in (320, 390, 768):
        browser.size(width, 844, phone=True)
        browser.until(f"innerWidth === {width}")
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert float(browser.run(widest)) <= width + 1


def test_light_and_dark_both_can_be_read(browser, bot, serve):
    """Text stands out from its ground by 4.5 to 1 at least, the smallest and faintest included."""
    bot.state = "unhealthy"
    url = serve().url
    grounds = []
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        show(browser, url)
        grounds.append(browser.run("getComputedStyle(document.body).backgroundColor"))
        poor = [(text, ratio) for text, ratio in browser.run(CONTRASTS) if ratio < 4.5]
        assert poor == []
    assert grounds[0] != grounds[1]


CONTRASTS = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(node).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = new Map();
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.offsetParent) continue;
    const [one, other] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
    found.set(node.textContent.trim().slice(0, 30), (one + 0.05) / (other + 0.05));
  }
  return [...found];
})()
"""


def test_under_a_prefix_it_finds_its_files_and_the_bot(browser, serve):
    """As it is mounted in another service."""
    show(browser, serve("/ops/bot").url + "/ops/bot")
    assert browser.run("document.querySelector('h1').textContent") == "Healthy"
    assert browser.run("violations") == browser.problems == []
