"""A prompt over 10,000 rows, beside the loop that one would write with LangChain; server and client on a core each.

    python -m tests.benchmarks.batch

LangChain runs in an environment of its own that `uv` makes. Medians of three rounds; read the ratios.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROWS, WIDTH, ROUNDS = 10_000, 256, 3


def nbchat_round(url: str) -> dict[str, float]:
    """Rows a second with the journal on, seconds to resume a finished batch, and memory above the imports'."""
    import nbchat
    from nbchat.frame.batch_frame import batch_frame

    frame, journal = _frame(), Path(tempfile.mkdtemp()) / "batch.sqlite"
    before = _peak_mb()
    model = nbchat.init_chat_model("gpt-test", model_provider="openai", base_url=f"{url}/v1", api_key="k")
    batch_frame(frame[:100], "Tone of: {review}", model, journal=None, progress=False)
    times = []
    for _ in range(2):
        out, seconds = _timed(
            lambda: batch_frame(
                frame, "Tone of: {review}", model, journal=journal, max_concurrency=WIDTH, progress=False
            )
        )
        assert out.response.notna().all()
        times.append(seconds)
    return {"rows_per_s": ROWS / times[0], "resume_s": times[1], "mb": _peak_mb() - before}


def langchain_round(url: str) -> dict[str, float]:
    """The obvious loop, its answers and token counts as columns; it keeps no journal."""
    from langchain_openai import ChatOpenAI

    frame = _frame()
    before = _peak_mb()
    model = ChatOpenAI(model="gpt-test", base_url=f"{url}/v1", api_key="k")  # type: ignore[arg-type]

    def loop() -> Any:
        prompts = ("Tone of: " + frame.review).tolist()
        answers = model.batch(prompts, config={"max_concurrency": WIDTH})
        return frame.assign(
            response=[answer.content for answer in answers],
            input_tokens=[answer.usage_metadata["input_tokens"] for answer in answers],  # type: ignore[index]
            output_tokens=[answer.usage_metadata["output_tokens"] for answer in answers],  # type: ignore[index]
        )

    model.batch(["hi"] * 100)
    return {"rows_per_s": ROWS / _timed(loop)[1], "mb": _peak_mb() - before}


def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"review": [f"review number {i}" for i in range(ROWS)]})


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(who: str, url: str, *packages: str) -> dict[str, float]:
    command = [sys.executable]
    if packages:
        extra = [word for package in packages for word in ("--with", package)]
        command = ["uv", "run", "-q", "--no-project", "--python", sys.executable, *extra, "python"]
    done = subprocess.run(
        ["taskset", "-c", "0", *command, "-m", "tests.benchmarks.batch", who, url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    if done.returncode:
        raise SystemExit(f"{who} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def main() -> None:
    """Print the table in Markdown."""
    from tests.servers.process import spawn

    os.sched_setaffinity(0, {1})
    with spawn("openai", "--tokens", "40") as url:
        pairs = [
            (_measured("nbchat", url), _measured("langchain", url, "langchain-openai", "pandas"))
            for _ in range(ROUNDS)  # in turns, so that what else the machine does weighs on both
        ]
    ours, theirs = (_medians(list(rounds)) for rounds in zip(*pairs, strict=True))
    print(f"| {ROWS:,} rows, {WIDTH} at once | nbchat, journal on | langchain loop | nbchat / langchain |")
    print("|---|---:|---:|---:|")
    faster, leaner = ours["rows_per_s"] / theirs["rows_per_s"], theirs["mb"] / ours["mb"]
    print(f"| rows/s | {ours['rows_per_s']:,.0f} | {theirs['rows_per_s']:,.0f} | {faster:.1f} × |")
    print(f"| the same call again, s | {ours['resume_s']:.1f} | | |")
    print(f"| peak memory, MB above import | {ours['mb']:.0f} | {theirs['mb']:.0f} | {leaner:.1f} × |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["nbchat", url]:
            print(json.dumps(nbchat_round(url)))
        case ["langchain", url]:
            print(json.dumps(langchain_round(url)))
        case _:
            main()
