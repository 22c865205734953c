"""Tells per provider how many recorded exchanges passed."""

from __future__ import annotations

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a line a provider."""
    passed, all_of_them = Counter[str](), Counter[str]()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            provider = dict(report.user_properties).get("provider") if report.when == "call" else None
            if provider:
                all_of_them[provider] += 1
                passed[provider] += outcome == "passed"
    if all_of_them:
        terminalreporter.section("recorded exchanges that passed")
        for provider, count in sorted(all_of_them.items()):
            terminalreporter.line(f"{provider:36} {passed[provider]:4} of {count}")
