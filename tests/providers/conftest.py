"""A machine without any keys or clouds of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbchat.providers.table import ALIASES, PROVIDERS


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hides every variable and file that a provider's settings are read from."""
    rows = PROVIDERS.values()
    names = {name for row in rows for name in (*row.key_env, *row.base_url_env)}
    names |= {name for row in rows for env in row.settings.values() for name in env}
    for name in [*os.environ]:
        if name in names or name.startswith(("AWS_", "AZURE_", "GOOGLE_", "OPENAI_", "CLOUDSDK_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def own_rows() -> Iterator[None]:
    """Forgets the rows that a test registers."""
    before = dict(PROVIDERS), dict(ALIASES)
    yield
    for table, rows in zip((PROVIDERS, ALIASES), before, strict=True):
        table.clear()
        table.update(rows)  # type: ignore[arg-type]
