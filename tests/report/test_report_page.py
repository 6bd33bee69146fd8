"""The page: one file that runs nothing, whatever it is made of."""

import re
import xml.etree.ElementTree as ET

import pytest

from support.browser import Browser, find_chromium
from support.runtime_bots import END

EVIL = (
    "<script>document.title='owned'</script>", "<img src=x onerror=document.title='owned'>", "</style><b>bold",
    '"><svg onload=document.title="owned">', "</title><h1>x", "{{7*7}}", "a&amp;b", "javascript:alert(1)",
)  # fmt: skip


@pytest.fixture
def page(bot, command):
    """Return the page of a bot whose every name is hostile."""
    events = [("runtime_start", END - 80_000, {name: name for name in EVIL})]
    for number, name in enumerate(EVIL * 6):
        at = END - 80_000 + 1600 * number
        events += [
            ("fill", at, {"symbol": name, "pnl": number % 5 - 2, "regime": name}),
            ("guard_triggered", at, {"guard": name}),
            ("cycle_metrics", at, {"equity": 1000 + number % 9}),
            ("circuit_breaker_triggered", at, {"rule": name, "action": name}),
        ]
    bot.database(*events)
    asked = ("--date", "2026-02-28", "--now", END + 60, "--report-format", "html")
    code, _, err = command("report", "daily", "--runtime-root", bot.root, *asked)
    assert code == 0, err
    return bot.paths.reports / "daily_report_2026-02-28.html"


def test_names_are_text_and_nothing_else(page):
    """Escaped wherever they stand; no markup of theirs, no script, no style attribute, no address to fetch."""
    text = page.read_text()
    for name in EVIL:
        if set(name) & set("<>\"'&"):
            assert name not in text
    body = text.partition("<body>")[2]
    assert set(re.findall(r"<([a-z0-9]+)", body)) <= {
        "main", "header", "h1", "h2", "p", "section", "div", "span", "ul", "li", "svg", "title", "path", "rect", "table",
        "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "footer",
    }  # fmt: skip
    assert not re.search(r"<[^>]*\s(?:on\w+|style|href|src)\s*=", text)
    assert "default-src &#x27;none&#x27;; style-src &#x27;sha256-" in text


def test_every_chart_is_there_and_well_formed(page):
    """Equity, running sum and drawdown, each with a description, and a bar for each symbol."""
    drawings = [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page.read_text())]
    charts = [drawing for drawing in drawings if drawing.get("role") == "img"]
    assert len(charts) == 3
    for chart in charts:
        assert chart.findtext("title")
        lines = [path.get("d") for path in chart.findall("path") if path.get("class") == "line"]
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", lines[0])]
        assert len(numbers) > 20
        assert all(0 <= number <= 1000 for number in numbers)
    assert sum(drawing.get("class") == "bar" for drawing in drawings) == len(EVIL)


@pytest.mark.skipif(find_chromium() is None, reason="no chromium")
def test_a_browser_shows_it_and_runs_nothing(page):
    """At the width of a desk and of a phone, light and dark; nothing is blocked, nothing overflows."""
    browser = Browser(find_chromium())
    try:
        for width, phone, scheme in ((1200, False, "dark"), (390, True, "light")):
            browser.size(width, 800, phone=phone)
            browser.scheme(scheme)
            browser.open(page.as_uri())
            browser.until("document.readyState === 'complete' && !!document.querySelector('footer')")
            assert browser.run("document.title") == "Daily report 2026-02-28, paper"
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.run("getComputedStyle(document.querySelector('.tiles')).display") == "grid"
            assert browser.run("document.querySelectorAll('script, img, b').length") == 0
            assert EVIL[0] in browser.text()
            assert browser.run("violations") == browser.problems == []
    finally:
        browser.close()
