"""Dollars, bytes and seconds as people write them."""

import math


def dollars(cost_usd: float) -> str:
    """Two significant digits below a dollar, cents above: `$0.0011`, `$12.40`, `free`."""
    if cost_usd == 0:
        return "free"
    digits = 2 if abs(cost_usd) >= 0.1 else 1 - math.floor(math.log10(abs(cost_usd)))
    return f"${cost_usd:,.{digits}f}"


def size(count: int) -> str:
    """`512 bytes`, `3.4 KB`, `12 MB`."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.3g} KB"
    return f"{count / 1_000_000:.3g} MB"


def duration(seconds: float) -> str:
    """`40 ms`, `0.6 s`, `12 s`, `3 min 20 s`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"
