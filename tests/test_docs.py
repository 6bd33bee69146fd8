"""The documentation says what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def load_generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["metrics.md", "settings.md", "cli.md", "alerts.md", "dashboards.md"])
def test_derived_pages_are_up_to_date(page: str) -> None:
    """`uv run docs/generate.py` would change nothing."""
    assert (ROOT / "docs" / page).read_text() == load_generator().page(page)


def test_every_link_between_documents_leads_somewhere() -> None:
    """Relative links in the README and docs point at files that exist."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
            assert target.startswith("http") or (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_document_has_a_line_of_its_own_in_the_navigation() -> None:
    """The site's is made of the first link of each line of docs/README.md; a page that has none would not be found."""
    front = ROOT / "docs" / "README.md"
    links = re.findall(r"^- \[[^]]*\]\(([^)#:]+\.md)\)", front.read_text(), flags=re.MULTILINE)
    listed = {(front.parent / link).resolve() for link in links}
    pages = {ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "collector" / "README.md"}
    pages |= {*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")} - {front, *ROOT.glob("docs/*.template.md")}
    assert pages - listed == set()
