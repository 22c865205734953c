"""A Hugging Face cache of the test's own, and a hub on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.fake_hub import FakeHub, running


@pytest.fixture(autouse=True)
def hf_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; nothing of the developer's own environment."""
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "NBCHAT_LOCAL_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf"


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that has `owner/repo/model.gguf`, set as HF_ENDPOINT."""
    with running(FakeHub(b"GGUF" + bytes(range(256)) * 1000)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
