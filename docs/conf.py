"""The site: README.md is its front page, docs/README.md its navigation, and every link works here as in a checkout.

The source folder is the root of the checkout, so that relative links between documents need no rewriting.
"""

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

from gpt_trader_telemetry import __version__ as release

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "gpt-trader-telemetry"
author = "The gpt-trader-telemetry authors"
project_copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "collector/README.md", "examples/**.md"]
exclude_patterns = ["docs/*.template.md"]

myst_heading_anchors = 4

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def rooms() -> dict[str, list[str]]:
    """Return the entries of each section of docs/README.md, which is the site's navigation."""
    found = {"": ["docs/README"]}
    root = HERE.parent
    _, *sections = re.split(r"^## ", (HERE / "README.md").read_text(), flags=re.MULTILINE)
    for section in sections:
        title, _, text = section.partition("\n")
        links = re.findall(r"^- \[([^]]*)\]\(([^)#:]+)\.md\)", text, flags=re.MULTILINE)
        found[title] = [f"{name} <{(HERE / page).resolve().relative_to(root).as_posix()}>" for name, page in links]
    return found


def add_navigation(_app: "Sphinx", document: str, source: list[str]) -> None:
    """Give the front page the table of contents, which it does not need on other sites that show it."""
    if document == root_doc:
        for title, entries in rooms().items():
            caption = f":caption: {title}\n" if title else ""
            source[0] += "\n```{toctree}\n:hidden:\n" + caption + "\n" + "\n".join(entries) + "\n```\n"


def let_names_break(_app: "Sphinx", tree: nodes.document, _document: str) -> None:
    """Let names in tables go on in a new line after an underscore, or they would make their columns too wide."""
    for entry in tree.findall(nodes.entry):
        for literal in entry.findall(nodes.literal):
            text = html.escape(literal.astext()).replace("_", "_<wbr>")
            literal[:] = [nodes.raw(text, text, format="html")]


def setup(app: "Sphinx") -> None:
    """Connect what is the site's own."""
    app.connect("doctree-resolved", let_names_break)
    app.connect("source-read", add_navigation)
