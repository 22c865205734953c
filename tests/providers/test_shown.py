"""The table of providers as people see it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nbchat.providers
from nbchat.providers.shown import providers_table
from nbchat.providers.table import PROVIDERS
from nbchat.wire.features import FEATURES


def test_every_provider_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    table = nbchat.providers()  # type: ignore[operator]
    assert [row.provider for row in table] == list(PROVIDERS)
    keys = {row.provider: row.key for row in table}
    assert keys["openai"] == "OPENAI_API_KEY is set"
    assert keys["anthropic"] == "ANTHROPIC_API_KEY is not set"
    assert keys["ollama"] == "not needed"
    assert "sk-secret" not in repr(table) + table._repr_html_()


def test_what_a_provider_cannot_do_stands_in_its_row() -> None:
    line = next(line for line in repr(providers_table()).splitlines() if line.startswith("anthropic "))
    assert "AnthropicMessages" in line
    assert "logprobs" in line


def test_credentials_kept_elsewhere_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    assert next(row for row in providers_table() if row.provider == "bedrock").key_set


def test_the_table_as_a_frame() -> None:
    frame = providers_table().to_frame()
    assert list(frame.index) == list(PROVIDERS)
    assert not frame.loc["anthropic", "logprobs"]
    assert set(FEATURES) <= set(frame.columns)


def test_the_table_as_html_is_one_quiet_table() -> None:
    html = providers_table()._repr_html_()
    assert html.startswith("<table")
    assert html.count("<tr>") == len(PROVIDERS) + 1


def test_the_module_prints_the_table() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "nbchat.providers"], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.splitlines()[0].split()[0] == "provider"
    assert len(run.stdout.splitlines()) == len(PROVIDERS) + 1
