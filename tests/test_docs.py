"""The documentation says what the code does."""

import importlib.util
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
    import re

    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
            assert target.startswith("http") or (document.parent / target).exists(), f"{document.name}: {target}"
