"""What answers have used, in a line: tokens, and what they cost as far as their prices are known."""

from __future__ import annotations

from collections.abc import Iterable

from nbchat.model.prices import cost_usd
from nbchat.values.messages import AIMessage, Message
from nbchat.values.quantities import dollars
from nbchat.values.usage import Usage


def spent(messages: Iterable[Message]) -> str:
    """As in "1,024 tokens · $0.0012"; "over $0.0012" where the price of one is not known; "" where nothing was used."""
    answers = [m for m in messages if isinstance(m, AIMessage) and "from_cache" not in m.timing]
    usage = sum((m.usage_metadata for m in answers if m.usage_metadata), Usage.of(0, 0))
    if not usage.total_tokens:
        return ""
    costs = [cost_usd(message) for message in answers]
    known = sum(cost for cost in costs if cost)
    price = f"over {dollars(known)}" if None in costs else dollars(known)
    return f"{usage.total_tokens:,} tokens" + (f" · {price}" if known or None not in costs else "")
