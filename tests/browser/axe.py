"""axe-core in a page: what keeps someone from using a part of it. Skipped where npm cannot fetch it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "axe-core@4"
_FOLDER = Path(tempfile.gettempdir()) / "nbchat-axe-core"
_RUN = """selector => axe.run(selector).then(({violations}) => violations
    .filter(({impact}) => ['serious', 'critical'].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`)))"""


def violations(page: Any, selector: str) -> list[str]:
    """The serious and critical findings in what a selector finds."""
    page.evaluate(_script())
    return page.evaluate(_RUN, selector)


@cache
def _script() -> str:
    kept = _FOLDER / "package" / "axe.min.js"
    if not kept.exists():
        _fetch()
    return kept.read_text(encoding="utf-8")


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine to fetch axe-core with")
    _FOLDER.mkdir(exist_ok=True)
    order = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(_FOLDER)]
    done = subprocess.run(order, capture_output=True, text=True, timeout=60, cwd=_FOLDER)
    if done.returncode:
        pytest.skip(f"npm did not fetch axe-core: {done.stderr[-200:]}")
    with tarfile.open(next(_FOLDER.glob("axe-core-*.tgz"))) as packed:
        packed.extractall(_FOLDER, filter="data")
