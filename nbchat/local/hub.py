"""A weights file in the Hugging Face cache, and its download into it: resumed, and checked by SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbchat.local.notice import ProgressBar, megabytes
from nbchat.values.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    ProviderError,
    ServerError,
)

if TYPE_CHECKING:
    import httpx

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HOPS = 5


class _Remote(NamedTuple):
    """What the hub tells of a file before it is fetched."""

    commit: str  # X-Repo-Commit
    sha256: str  # X-Linked-Etag, of a file kept in LFS or Xet
    size: int  # X-Linked-Size, bytes


def cached(repo: str, file: str) -> Path | None:
    """The file in the local cache: of the newest known `main`, else of any revision. None where it isn't."""
    folder = _folder(repo)
    snapshots = folder / "snapshots"
    main = folder / "refs" / "main"
    revisions = [main.read_text().strip()] if main.is_file() else []
    revisions += sorted(path.name for path in snapshots.glob("*"))
    return next((path for revision in revisions if (path := snapshots / revision / file).is_file()), None)


def download(repo: str, file: str) -> Path:
    """Fetch `file` of `repo` at `main` into the cache, going on where an earlier try stopped.

    Raises:
        ConfigurationError: `HF_HUB_OFFLINE` is set, or the disk is too full.
        NotFoundError, AuthenticationError, ServerError, ProviderError: the hub refused, or sent wrong bytes.
        APIConnectionError: the hub could not be reached, or hung up; what has come is kept.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        raise ConfigurationError(
            f"local:{repo}/{file} is not in the cache, and HF_HUB_OFFLINE forbids to download it; unset it, "
            "or name a file you have as local:/path/to/model.gguf"
        )
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    token = os.environ.get("HF_TOKEN")
    headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {})
    url = f"{endpoint}/{repo}/resolve/main/{file}"
    try:
        with httpx.Client(headers=headers, timeout=30) as client:
            remote = _ask(client, url)
            blob = _folder(repo) / "blobs" / remote.sha256
            if not blob.is_file():
                _fetch(client, url, remote, blob)
    except httpx.TransportError as error:
        raise APIConnectionError(
            f"{endpoint} did not send {repo}/{file} ({type(error).__name__}: {error}); run the cell again to resume"
        ) from error
    return _publish(repo, file, remote.commit, blob)


def _ask(client: httpx.Client, url: str) -> _Remote:
    """The file's identity, from the hub itself: the CDN it redirects to knows neither commit nor checksum."""
    request = client.build_request("HEAD", url)
    for _ in range(_HOPS):
        response = client.send(request)
        _refuse(response, url)
        sha256 = response.headers.get("x-linked-etag", "").strip('"').removeprefix("sha256:")
        if sha256 or response.next_request is None:
            break
        request = response.next_request  # a renamed repository
    commit = response.headers.get("x-repo-commit", "")
    size = response.headers.get("x-linked-size", "")
    if not _SHA256.fullmatch(sha256) or not _COMMIT.fullmatch(commit) or not size.isdigit():
        raise ProviderError(
            f"{url} came without checksum, size or commit, so it is not trusted; "
            "download it yourself and use local:/path/to/model.gguf",
            provider="local",
            status=response.status_code,
        )
    return _Remote(commit, sha256, int(size))


def _fetch(client: httpx.Client, url: str, remote: _Remote, blob: Path) -> None:
    blob.parent.mkdir(parents=True, exist_ok=True)
    partial = blob.with_name(blob.name + ".incomplete")
    have = partial.stat().st_size if partial.is_file() else 0
    if have > remote.size:
        partial.unlink()
        have = 0
    _need_space(blob.parent, remote.size - have)
    if have < remote.size:
        _append(client, url, remote, partial, have)
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != remote.sha256:
        partial.unlink()
        raise ProviderError(
            f"{url} has SHA-256 {digest[:12]}…, the hub says {remote.sha256[:12]}…; "
            "what came was deleted, run the cell again",
            provider="local",
        )
    os.replace(partial, blob)


def _append(client: httpx.Client, url: str, remote: _Remote, partial: Path, have: int) -> None:
    """Write the rest of the file to `partial`; a server that ignores the range sends it whole again."""
    headers = {"range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
        _refuse(response, url)
        if response.status_code != 206:
            have = 0
        bar = ProgressBar(f"downloading {url.rpartition('/')[2]}", remote.size)
        with partial.open("ab" if have else "wb") as file:
            for chunk in response.iter_raw():
                have += len(chunk)
                if have > remote.size:
                    break  # more than was announced: the checksum will tell
                file.write(chunk)
                bar.update(have)


def _refuse(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status < 400:
        return
    fields = {"provider": "local", "status": status, "code": response.headers.get("x-error-code")}
    if status == 404:
        raise NotFoundError(f"{url} answered 404: no such repository or file; check the name on the hub", **fields)
    if status in (401, 403):
        raise AuthenticationError(
            f"{url} answered {status}: private, gated or misspelt; accept its terms on the hub and set HF_TOKEN",
            **fields,
        )
    kind = ServerError if status >= 500 else ProviderError
    raise kind(f"{url} answered {status}; run the cell again later", **fields)


def _need_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise ConfigurationError(
            f"the download needs {megabytes(size)}, but {folder} has {megabytes(free)} free; "
            "make room, or set HF_HOME to a larger disk"
        )


def _publish(repo: str, file: str, commit: str, blob: Path) -> Path:
    """Enter the blob under its name and revision, as every Hugging Face tool expects to find it."""
    folder = _folder(repo)
    path = folder / "snapshots" / commit / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.unlink(missing_ok=True)  # a link to a blob since deleted
        try:
            path.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:  # Windows without developer mode
            os.replace(blob, path)
    main = folder / "refs" / "main"
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text(commit)
    return path


def _folder(repo: str) -> Path:
    return _cache() / f"models--{repo.replace('/', '--')}"


def _cache() -> Path:
    if explicit := os.environ.get("HF_HUB_CACHE"):
        return Path(explicit).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"
