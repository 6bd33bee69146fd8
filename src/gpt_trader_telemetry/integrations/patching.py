"""What is put in the place of a library's attributes, when the bot imports it, and taken out again."""

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import wrapt

_MISSING: Final = object()
_logger = logging.getLogger("gpt_trader_telemetry")
_UNPATCHED: Final = "%s cannot be instrumented, so its calls are not recorded; its version may be unknown here"


class Patches:
    """Replaced attributes, and what stood there before."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, object, object]] = []
        self._at_undo: list[Callable[[], None]] = []
        self.active = True

    def when_imported(self, module: str, patch: Callable[[ModuleType], None]) -> None:
        """Have ``patch`` run with the module once it is imported, now if it is; never import it."""

        def hook(imported: ModuleType) -> None:
            if not self.active:
                return
            try:
                patch(imported)
            except Exception:
                # An import of the bot's must not fail for our sake.
                _logger.warning(_UNPATCHED, module, exc_info=True)

        wrapt.register_post_import_hook(hook, module)

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Put ``make(what stands there)`` in the place of an attribute of a class or module."""
        found = vars(owner).get(name, _MISSING)
        made = make(getattr(owner, name) if found is _MISSING else found)
        setattr(owner, name, made)
        self._replaced.append((owner, name, found, made))

    def at_undo(self, give_back: Callable[[], None]) -> None:
        """Have what was replaced otherwise given back too."""
        self._at_undo.append(give_back)

    def undo(self) -> None:
        """Give every attribute back, the last first; what others replaced since stays theirs."""
        self.active = False
        while self._replaced:
            owner, name, found, made = self._replaced.pop()
            if vars(owner).get(name) is not made:
                continue
            if found is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, found)
        for give_back in self._at_undo:
            give_back()
