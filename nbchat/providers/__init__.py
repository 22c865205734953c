"""The providers: one table, and the endpoints it opens. `nbchat.providers()` shows the table."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbchat.providers.shown import ProvidersTable


class _Callable(ModuleType):
    """A package that is also the function of its name, in whatever order the two are first asked for."""

    def __call__(self) -> ProvidersTable:
        from nbchat.providers.shown import providers_table

        return providers_table()


sys.modules[__name__].__class__ = _Callable
