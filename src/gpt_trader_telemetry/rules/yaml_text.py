"""YAML that people read: keys in the order given, expressions and descriptions as blocks."""

from typing import Any, Final

import yaml

_WIDTH: Final = 1000
"""A sentence stays on its line."""


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, writes texts of several lines as blocks, and has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(data: Any, *, banner: str) -> str:
    r"""Return ``data`` as YAML below a comment.

    >>> print(as_yaml({"expr": "up == 0\nunless ready"}, banner="Generated."))
    # Generated.
    expr: |-
      up == 0
      unless ready
    <BLANKLINE>
    """
    body: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return f"# {banner}\n{body}"
