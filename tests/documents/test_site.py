"""The site of the documents is built without a warning, and says everything that is public."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gpt_trader_telemetry
import gpt_trader_telemetry.health
import gpt_trader_telemetry.testing
from documents.pages import ROOT, documents
from support.browser import Browser, find_chromium


def build(checkout: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as people do."""
    command = [sys.executable, checkout / "docs" / "build.py", "--output", output]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    pytest.importorskip("sphinx", reason="the group docs is not installed: uv sync --group docs")
    output = tmp_path_factory.mktemp("built") / "site"
    built = build(ROOT, output)
    assert built.returncode == 0, built.stderr
    return output


def test_every_document_is_a_page(site: Path) -> None:
    """No warning, so no link or anchor that leads nowhere and no page that cannot be found; and all documents are in."""
    for document in documents():
        assert (site / document.relative_to(ROOT)).with_suffix(".html").exists(), document


@pytest.mark.usefixtures("site")
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    """A page, an anchor or a file that is not there: each is named."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "docs" / "site", checkout / "docs" / "site")
    for name in ("docs/conf.py", "docs/build.py"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "README.md").write_text("# Front page\n")
    lost = ["[a](nowhere.md)", "[b](../README.md#no-anchor)", "[c](no-file.yaml)"]
    (checkout / "docs" / "README.md").write_text("# Documents\n\n" + "\n\n".join(lost) + "\n")
    built = build(checkout, tmp_path / "site")
    assert built.returncode != 0
    assert all(name in built.stderr for name in ("nowhere.md", "no-anchor", "no-file.yaml")), built.stderr


def test_no_page_is_wider_than_a_phone(site: Path) -> None:
    """Tables and code are scrolled by themselves, and nothing on a page fails to load."""
    if not (program := find_chromium()):
        pytest.skip("chromium is not installed")
    browser = Browser(program)
    try:
        browser.size(390, 844, phone=True)
        for document in documents():
            page = (site / document.relative_to(ROOT)).with_suffix(".html")
            browser.open(page.as_uri())
            browser.until("document.readyState == 'complete'")
            assert browser.run("document.documentElement.scrollWidth <= window.innerWidth"), page
        assert browser.problems == []
    finally:
        browser.close()


@pytest.mark.parametrize(
    "module",
    [gpt_trader_telemetry, gpt_trader_telemetry.health, gpt_trader_telemetry.testing],
    ids=lambda m: m.__name__,
)
def test_every_public_name_is_on_the_page_of_the_api(module) -> None:
    """What ``__all__`` lists is documented from its docstring."""
    page = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)", page, flags=re.MULTILINE))
    assert set(module.__all__) - {"__version__"} <= shown


def test_the_suite_needs_no_group_docs() -> None:
    """The README's `uv run pytest` goes without Sphinx; the site's tests are then skipped."""
    without = "import sys; sys.modules |= {'sphinx': None, 'docutils': None}; import pytest; "
    collect = "sys.exit(pytest.main(['--collect-only', '-q', 'docs', 'tests/documents']))"
    ran = subprocess.run(
        [sys.executable, "-c", without + collect], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
