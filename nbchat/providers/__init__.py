"""The providers: one table, and the endpoints it opens. `nbchat.providers()` shows the table."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbchat.providers.shown import ProvidersTable


class _Providers(ModuleType):
    """A package that is also the function of its name: importing it sets `nbchat.providers` either way."""

    def __call__(self) -> ProvidersTable:
        """Every provider, with what can be asked of it and whether its key is set (never the key)."""
        from nbchat.providers.shown import providers_table

        return providers_table()


providers = sys.modules[__name__]
providers.__class__ = _Providers
