"""Weights from the Hugging Face hub: downloaded once, resumed, checked, and kept where other tools look."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbchat.local import find_weights
from nbchat.values.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    ProviderError,
    ServerError,
)
from tests.local.fake_hub import COMMIT, FakeHub

NAME = "owner/repo/model.gguf"


def folder(hf_home: Path) -> Path:
    return hf_home / "hub" / "models--owner--repo"


def test_a_download_is_kept_in_the_layout_of_the_hub_cache(fake_hub: FakeHub, hf_home: Path) -> None:
    path = find_weights(NAME)
    assert path == folder(hf_home) / "snapshots" / COMMIT / "model.gguf"
    assert path.read_bytes() == fake_hub.content
    assert path.resolve() == folder(hf_home) / "blobs" / fake_hub.sha256
    assert (folder(hf_home) / "refs" / "main").read_text() == COMMIT


def test_the_second_use_asks_nobody(fake_hub: FakeHub) -> None:
    first = find_weights(NAME)
    asked = len(fake_hub.seen)
    assert find_weights(NAME) == first
    assert len(fake_hub.seen) == asked


def test_the_download_shows_a_bar_up_to_its_end(fake_hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    find_weights(NAME)
    assert "downloading model.gguf" in (shown := capsys.readouterr().err)
    assert shown.endswith("0 MB of 0 MB\n")


def test_a_cut_download_is_resumed_where_it_stopped(fake_hub: FakeHub) -> None:
    fake_hub.cut_after = 100_000
    with pytest.raises(APIConnectionError, match="run the cell again to resume"):
        find_weights(NAME)
    fake_hub.cut_after = None
    assert find_weights(NAME).read_bytes() == fake_hub.content
    assert fake_hub.gets()[-1] == ("cdn", "bytes=100000-")


def test_a_server_without_ranges_sends_it_whole_again(fake_hub: FakeHub) -> None:
    fake_hub.cut_after = 100_000
    with pytest.raises(APIConnectionError):
        find_weights(NAME)
    fake_hub.cut_after, fake_hub.ranges = None, False
    assert find_weights(NAME).read_bytes() == fake_hub.content


def test_wrong_bytes_are_deleted_and_never_published(fake_hub: FakeHub, hf_home: Path) -> None:
    fake_hub.sha256 = "ab" * 32
    with pytest.raises(ProviderError, match="SHA-256"):
        find_weights(NAME)
    assert not [path for path in folder(hf_home).rglob("*") if path.is_file()]


def test_a_partial_file_longer_than_announced_is_started_anew(fake_hub: FakeHub, hf_home: Path) -> None:
    find_weights(NAME)
    announced, sha256 = fake_hub.content, fake_hub.sha256
    (folder(hf_home) / "snapshots" / COMMIT / "model.gguf").unlink()
    blob = folder(hf_home) / "blobs" / sha256
    blob.rename(blob.with_name(sha256 + ".incomplete"))
    blob.with_name(sha256 + ".incomplete").write_bytes(announced + b"more")
    assert find_weights(NAME).read_bytes() == announced


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (404, NotFoundError, "check the name"),
        (401, AuthenticationError, "HF_TOKEN"),
        (403, AuthenticationError, "accept its terms"),
        (503, ServerError, "later"),
    ],
)
def test_a_refusal_says_what_to_do(fake_hub: FakeHub, status: int, error: type[ProviderError], advice: str) -> None:
    fake_hub.status = status
    with pytest.raises(error, match=advice) as caught:
        find_weights(NAME)
    assert caught.value.status == status


def test_a_file_without_a_checksum_is_not_trusted(fake_hub: FakeHub) -> None:
    fake_hub.linked_headers = False
    with pytest.raises(ProviderError, match="without checksum"):
        find_weights(NAME)


@pytest.mark.parametrize(("sha256", "commit"), [("../../../evil", COMMIT), ("ab" * 32, "../../../evil")])
def test_a_hub_cannot_choose_where_files_are_written(fake_hub: FakeHub, sha256: str, commit: str) -> None:
    fake_hub.sha256, fake_hub.commit = sha256, commit
    with pytest.raises(ProviderError, match="not trusted"):
        find_weights(NAME)


def test_a_renamed_repository_is_followed(fake_hub: FakeHub) -> None:
    fake_hub.renamed_to = "owner/new-name"
    assert find_weights(NAME).read_bytes() == fake_hub.content


def test_the_token_goes_to_the_hub_and_to_nobody_else(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    find_weights(NAME)
    assert {(server, authorization) for server, _, _, _, authorization in fake_hub.seen} == {
        ("hub", "Bearer hf_secret"),
        ("cdn", None),
    }


def test_the_token_is_in_no_message(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fake_hub.status = 401
    with pytest.raises(AuthenticationError) as caught:
        find_weights(NAME)
    assert "hf_secret" not in f"{caught.value!r} {vars(caught.value)}"


def test_offline_uses_the_cache_and_never_the_network(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        find_weights(NAME)
    assert fake_hub.seen == []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    path = find_weights(NAME)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_weights(NAME) == path


def test_an_unreachable_hub_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1:9 did not send owner/repo/model\.gguf"):
        find_weights(NAME)


def test_the_variable_may_name_a_file_on_the_hub(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCHAT_LOCAL_MODEL", NAME)
    assert find_weights().read_bytes() == fake_hub.content
