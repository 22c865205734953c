"""The providers as a table to look at: what each can do, and whether its key is set. Never the key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from nbchat.providers import aws
from nbchat.providers.provider import Provider
from nbchat.providers.table import PROVIDERS
from nbchat.wire.features import FEATURES

_HEADINGS = ("provider", "wire format", "key", "cannot do")
_ELSEWHERE: dict[str, Callable[[], bool]] = {"bedrock": aws.credentials_found}  # keys that are not in a variable


@dataclass(frozen=True)
class ProviderRow:
    """A provider as the table shows it.

    Attributes:
        provider: the name for `init_chat_model("provider:model")`.
        wire: name of its codec.
        base_url: where it is served; `{account_id}` in it is an argument.
        key_env: the variable that holds its key, or "".
        key_set: whether one is set; None where none is needed.
        features: what can be asked of it (see `nbchat.wire.features`).
    """

    provider: str
    wire: str
    base_url: str
    key_env: str
    key_set: bool | None
    features: frozenset[str]

    @classmethod
    def of(cls, name: str, row: Provider) -> ProviderRow:
        found = row.key_found() or _ELSEWHERE.get(name, bool)()
        set_ = found if found or row.key_required else None
        return cls(name, row.codec.name, row.base_url, row.key_env[0] if row.key_env else "", set_, row.features)

    @property
    def key(self) -> str:
        """Whether the key is set, in words."""
        if self.key_set is None:
            return "not needed"
        return f"{self.key_env} {'is set' if self.key_set else 'is not set'}"

    @property
    def absent(self) -> str:
        """The features it does not have."""
        return ", ".join(name for name in FEATURES if name not in self.features)


class ProvidersTable(list[ProviderRow]):
    """The rows; shows itself as a table."""

    def to_frame(self) -> Any:
        """A DataFrame with one row a provider and a column of booleans for each feature."""
        import pandas as pd

        rows = [
            {"wire": row.wire, "base_url": row.base_url, "key_env": row.key_env, "key_set": row.key_set}
            | {feature: feature in row.features for feature in FEATURES}
            for row in self
        ]
        return pd.DataFrame(rows, index=pd.Index([row.provider for row in self], name="provider"))

    def __repr__(self) -> str:
        rows = [_HEADINGS, *((row.provider, row.wire, row.key, row.absent) for row in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        short = {name: name.replace("_", " ") for name in FEATURES}
        head = "".join(f"<th style='{_HEAD}'>{text}</th>" for text in _HEADINGS[:3])
        head += "".join(f"<th style='{_TALL}' title='{escape(FEATURES[name])}'>{short[name]}</th>" for name in FEATURES)
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self)
        return f"<table style='{_TABLE}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self, row: ProviderRow) -> str:
        dim = "" if row.key_set else ";opacity:.55"
        key = "not needed" if row.key_set is None else f"✓ {row.key_env}" if row.key_set else row.key_env
        cells = [
            f"<td style='{_CELL}' title='{escape(row.base_url)}'>{escape(row.provider)}</td>",
            f"<td style='{_CELL}'>{escape(row.wire)}</td>",
            f"<td style='{_CELL}{dim}'>{escape(key)}</td>",
        ]
        for name in FEATURES:
            there = name in row.features
            cells.append(f"<td style='{_DOT}' title='{escape(FEATURES[name])}'>{'●' if there else '·'}</td>")
        return "".join(cells)


_TABLE = "border-collapse:collapse;font-size:.85em"
_HEAD = "text-align:left;vertical-align:bottom;font-weight:600;padding:2px 12px 2px 0"
_TALL = "writing-mode:vertical-rl;transform:rotate(180deg);font-weight:400;padding:4px 1px;text-align:left"
_CELL = "text-align:left;padding:1px 12px 1px 0;white-space:nowrap"
_DOT = "text-align:center;padding:0 2px"


def providers_table() -> ProvidersTable:
    """Every provider in the table, with what it can do and whether its key is set (never the key)."""
    return ProvidersTable(ProviderRow.of(name, row) for name, row in PROVIDERS.items())
