"""A loopback server as a process of its own, for benchmarks and for kernels that are killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def spawn(*arguments: str) -> Iterator[str]:
    """`with spawn("openai", "--tokens", "40") as url:` runs `python -m tests.servers …`; it ends with the block."""
    command = [sys.executable, "-m", "tests.servers", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the server ended with {process.wait(5)} before it listened: {' '.join(command)}")
        yield url
    finally:
        process.terminate()
        process.wait(5)
        if process.stdout is not None:
            process.stdout.close()
