"""Token usage that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DETAILS = ("input_token_details", "output_token_details")


class Usage(dict[str, Any]):
    """Token counts of one answer, or of many: `usage + usage`.

    A dict of the page's shape, all counts in tokens:
    `input_tokens` (with what was read from or written to a cache), `output_tokens` (with reasoning), `total_tokens`,
    `input_token_details` (`cache_read`, `cache_creation`, `audio`, …) and
    `output_token_details` (`reasoning`, `audio`, …), the details only where the provider gives them.
    """

    @classmethod
    def of(
        cls,
        input_tokens: int | None,
        output_tokens: int | None,
        total_tokens: int | None = None,
        *,
        input_details: Mapping[str, int | None] | None = None,
        output_details: Mapping[str, int | None] | None = None,
    ) -> Usage:
        """Build from what a provider gives; details that are None are left out."""
        given_in, given_out = input_tokens or 0, output_tokens or 0
        usage = cls(
            input_tokens=given_in,
            output_tokens=given_out,
            total_tokens=total_tokens if total_tokens is not None else given_in + given_out,
        )
        for name, details in zip(_DETAILS, (input_details, output_details), strict=True):
            if known := {key: value for key, value in (details or {}).items() if value is not None}:
                usage[name] = known
        return usage

    def __add__(self, other: Mapping[str, Any] | None) -> Usage:
        return Usage(_sum(self, other or {}))

    def __radd__(self, other: Mapping[str, Any] | int | None) -> Usage:  # sum() starts from 0
        return Usage(self) if not other else Usage(_sum(other, self))  # type: ignore[arg-type]

    @property
    def input_tokens(self) -> int:
        """Tokens of the prompt, cached ones included."""
        return self.get("input_tokens", 0)

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer, reasoning included."""
        return self.get("output_tokens", 0)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.get("total_tokens", 0)

    @property
    def cache_read_tokens(self) -> int | None:
        """Prompt tokens read from the provider's cache; None where it does not say."""
        return self.get("input_token_details", {}).get("cache_read")

    @property
    def cache_creation_tokens(self) -> int | None:
        """Prompt tokens written to the provider's cache; None where it does not say."""
        return self.get("input_token_details", {}).get("cache_creation")

    @property
    def reasoning_tokens(self) -> int | None:
        """Output tokens spent on reasoning; None where the provider does not say."""
        return self.get("output_token_details", {}).get("reasoning")


def _sum(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    total = dict(a)
    for key, value in b.items():
        if isinstance(value, Mapping):
            total[key] = _sum(total.get(key, {}), value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            total[key] = (total.get(key) or 0) + value
        else:
            total.setdefault(key, value)
    return total
