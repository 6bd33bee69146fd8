"""The examples of a document: what is shown in Python runs, what is shown on a console is typed, files are written.

    ```python                          runs, in one namespace for the page
    ```console                         `$ ` begins a command; what is shown below it is what it prints, but for figures,
                                       and "..." is anything
    ```sh                              all of it is typed
    ```yaml prometheus.yml             any language with a file's name: written into the page's folder
    <!-- invisible-code-block: python  runs unseen, as what the reader has already: a bot, a broker
    <!-- background: until             the next console example goes on beside those below it, once it has printed this
    <!-- skip: next "why"              is not run here; a reason must be given

Ports of the documents are replaced by free ones, so that nothing else on the machine is asked or in the way.
"""

import doctest
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sybil import Document, Example, Lexeme, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

from documents.shell import Shell

ROOT = Path(__file__).parents[2]
PORTS = re.compile(r"\b(8080|9000|9090|9093|9095|4318)\b")
FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\w+)(?: (?P<file>\S+))?$\n", re.MULTILINE))
UNSEEN = DirectiveInHTMLCommentLexer("invisible-code-block", arguments=r"\w+")
BACKGROUND = DirectiveInHTMLCommentLexer("background")
FIGURE = re.compile(r"\d[\d.,:]*")
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documents() -> list[Path]:
    """Return every document that people read."""
    found = [
        path
        for pattern in ("*.md", "docs/**/*.md", "collector/*.md", "examples/**/*.md")
        for path in ROOT.glob(pattern)
    ]
    return sorted(path for path in found if not path.name.endswith(".template.md"))


def read(path: Path, folder: Path, shell: Callable[[], Shell], port: Callable[[str], int]) -> Document:
    """Return a document with its examples, which run in ``folder``."""
    text = PORTS.sub(lambda found: str(port(found[0])), path.read_text())
    document = Document(text, str(path))
    for parse in (SkipParser(), Blocks(folder, shell)):
        for region in parse(document):
            document.add(region)
    return document


class Blocks:
    """Finds examples, and knows how each kind is run."""

    def __init__(self, folder: Path, shell: Callable[[], Shell]) -> None:
        self._folder, self._shell = folder, shell
        self._until = ""
        self._run = {"python": PythonEvaluator(), "console": self._type, "sh": self._type_all, "bash": self._type_all}

    def __call__(self, document: Document) -> Iterator[Region]:
        for region in BACKGROUND(document):
            yield Region(region.start, region.end, region.lexemes["arguments"], self._next_goes_on)
        for region in UNSEEN(document):
            yield self._runs(region, region.lexemes["arguments"])
        for region in FENCES(document):
            if region.lexemes["file"]:
                yield Region(region.start, region.end, (region.lexemes["file"], region.lexemes["source"]), self._write)
            elif region.lexemes["language"] in self._run:
                yield self._runs(region, region.lexemes["language"])

    def _runs(self, region: Region, language: str) -> Region:
        return Region(region.start, region.end, region.lexemes["source"], self._run[language])

    def _write(self, example: Example) -> None:
        name, text = example.parsed
        (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_text(text)

    def _next_goes_on(self, example: Example) -> None:
        self._until = example.parsed.strip().strip('"')

    def _type_all(self, example: Example) -> None:
        code, printed = self._shell().run(example.parsed)
        assert code == 0, f"{example.path}:{example.line}\nended with {code}, and printed\n{printed}"

    def _type(self, example: Example) -> None:
        until, self._until = self._until, ""
        for command, shown in commands(example.parsed):
            if until:
                self._shell().start(command, until)
                continue
            code, printed = self._shell().run(command)
            where = f"{example.path}:{example.line}\n$ {command}\n"
            assert code == 0, f"{where}ended with {code}, and printed\n{printed}"
            assert not shown or same(shown, printed), f"{where}printed\n{printed}"


def commands(source: Lexeme) -> Iterator[tuple[str, str]]:
    """Yield each command of a console example, which goes on after a backslash, with what is shown below it."""
    for part in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:[^\n]*\\\n)*[^\n]*", part)[0]
        yield command, part[len(command) :].strip()


def same(shown: str, printed: str) -> bool:
    """Tell whether a command printed what is shown; figures are another run's."""
    return doctest.OutputChecker().check_output(FIGURE.sub("0", shown), FIGURE.sub("0", printed), SAME)
